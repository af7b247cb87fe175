//! What lies around the whole app: every request passes through it, and every
//! answer, whoever gives it.

mod access_log;
mod cors;
mod request_id;

pub(crate) use cors::Cors;
pub use cors::{InvalidOrigin, Origin};
pub(crate) use request_id::RequestIds;

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures_util::FutureExt as _;
use poem::http::{HeaderValue, StatusCode, Version, header};
use poem::{Endpoint, IntoResponse as _, Request, Response};
use tracing::Instrument as _;

use crate::address::AddressRule;
use crate::problem::{Code, Problem, is_problem};
use crate::readiness::{Readiness, Stage};

/// The app with everything around it.
pub(crate) struct Shell<E> {
    pub(crate) inner: E,
    pub(crate) ids: RequestIds,
    pub(crate) addresses: AddressRule,
    pub(crate) cors: Cors,
    pub(crate) readiness: Readiness,
}

impl<E: Endpoint<Output = Response>> Endpoint for Shell<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let started = Instant::now();
        let id = self.ids.of(&request);
        let address = self.addresses.find(&request);
        if let Some(address) = address {
            request.extensions_mut().insert(address);
        }
        let origin = self.cors.allowed_origin(&request);
        let version = request.version();
        let span = tracing::info_span!("request", id = id.as_str());
        let line = access_log::Line::begin(&request, address);
        let mut response = match origin.as_ref().and_then(|_| Cors::preflight(&request)) {
            Some(response) => response,
            None => self.answer(request).instrument(span.clone()).await,
        };
        if let Some(origin) = origin {
            Cors::write(&origin, &mut response);
        }
        id.write(&mut response);
        if self.readiness.stage() == Stage::Draining {
            end_connection(version, &mut response);
        }
        span.in_scope(|| line.end(response.status(), started.elapsed()));
        Ok(response)
    }
}

impl<E: Endpoint<Output = Response>> Shell<E> {
    /// The app's answer; whatever is an error becomes a problem.
    async fn answer(&self, request: Request) -> Response {
        match AssertUnwindSafe(self.inner.call(request)).catch_unwind().await {
            Ok(Ok(response)) => as_problem(response),
            Ok(Err(error)) => as_problem(error.into_response()),
            Err(_) => {
                tracing::error!("a request panicked");
                Problem::new(Code::Internal).into_response()
            }
        }
    }
}

/// Has the client send its next request over another connection, so that none
/// is on its way over this one when the server closes it (RFC 9112, section
/// 9.6). HTTP/2 has no such header, and what was upgraded is told otherwise.
fn end_connection(version: Version, response: &mut Response) {
    if version < Version::HTTP_2 && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}

/// An error that poem made by itself, in plain text, says nothing that its
/// status does not say.
fn as_problem(response: Response) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || is_problem(&response) {
        return response;
    }
    let code = match status {
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => Code::BodyTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
        status if status.is_client_error() => Code::InvalidParameter,
        _ => {
            tracing::error!(%status, "an error without a problem");
            Code::Internal
        }
    };
    Problem::new(code).into_response()
}
