//! A request on its way through the router.

use std::fmt::Write as _;
use std::future::{Future, IntoFuture};
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use messenger_http::ClientAddress;
use poem::http::Method;
use poem::{Body, Endpoint as _};
use serde_json::Value;

use super::answer::Answer;
use super::app::TestApp;
use super::contract::{Contract, Exchange};
use super::faulty_store::{HANG, skip};

/// No request takes longer; one that hangs fails by name.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// A request. It is sent by `.await`.
#[must_use = "a request is sent by awaiting it"]
pub struct Request {
    app: TestApp,
    method: Method,
    path: String,
    query: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<SentBody>,
    client: IpAddr,
}

enum SentBody {
    /// With its length told before.
    Whole(Vec<u8>),
    /// In pieces, without a length.
    Chunked(Vec<u8>),
    /// The same, and without an end.
    Stalled(Vec<u8>),
}

impl Request {
    pub(super) fn new(app: &TestApp, method: Method, path: String) -> Self {
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path.to_owned(), query.to_owned()),
            None => (path, String::new()),
        };
        let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self { app: app.clone(), method, path, query, headers: vec![], body: None, client }
    }

    /// With a parameter in the query, encoded as it must be.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        let separator = if self.query.is_empty() { "" } else { "&" };
        let _ = write!(self.query, "{separator}{name}=");
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                self.query.push(char::from(byte));
            } else {
                let _ = write!(self.query, "%{byte:02X}");
            }
        }
        self
    }

    /// With a header, in place of one of the same name.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.header_bytes(name, value.as_bytes())
    }

    /// With a header that may not be text.
    pub fn header_bytes(mut self, name: &str, value: &[u8]) -> Self {
        self = self.without_header(name);
        self.headers.push((name.to_owned(), value.to_vec()));
        self
    }

    /// Without a header.
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    /// With a JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").bytes(body.to_string())
    }

    /// With a body of whatever bytes.
    pub fn bytes(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(SentBody::Whole(body.into()));
        self
    }

    /// With a body that does not tell its length.
    pub fn chunked(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(SentBody::Chunked(body.into()));
        self
    }

    /// With a body of which nothing comes after these bytes.
    pub fn stalled(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(SentBody::Stalled(body.into()));
        self
    }

    /// From another address than usual.
    pub fn from(mut self, client: impl Into<IpAddr>) -> Self {
        self.client = client.into();
        self
    }

    async fn send(self) -> Answer {
        let asked = format!("{} {}?{}", self.method, self.path, self.query);
        let uri = format!("{}{}?{}", self.app.prefix(), self.path, self.query);
        let uri = uri.trim_end_matches('?').to_owned();
        let mut request = poem::Request::builder().method(self.method.clone()).uri_str(uri);
        request = request.extension(ClientAddress(self.client));
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let request = match self.body {
            None => request.finish(),
            Some(SentBody::Whole(bytes)) => request.header("content-length", bytes.len()).body(bytes),
            Some(SentBody::Chunked(bytes)) => request.body(Body::from_bytes_stream(pieces(&bytes))),
            Some(SentBody::Stalled(bytes)) => request.body(Body::from_bytes_stream(pieces(&bytes).chain(stalling()))),
        };
        self.app.clock().tick();
        let answered = tokio::time::timeout(TIME_LIMIT, self.app.router().get_response(request)).await;
        let mut response = answered.unwrap_or_else(|_| panic!("{asked} was not answered within {TIME_LIMIT:?}"));
        let body = response.take_body().into_vec().await.expect("a whole body");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let exchange = Exchange { method: &self.method, path: &self.path, status, headers: &headers, body: &body };
        if let Err(reason) = Contract::get().check(&exchange) {
            panic!("{asked} answered {status}: {reason}");
        }
        Answer { asked, status, headers, body }
    }
}

/// Nothing, and no end.
fn stalling() -> impl Stream<Item = std::io::Result<Vec<u8>>> + Send {
    futures_util::stream::once(async {
        skip(HANG).await;
        std::future::pending().await
    })
}

fn pieces(bytes: &[u8]) -> impl Stream<Item = std::io::Result<Vec<u8>>> + Send + use<> {
    let pieces: Vec<_> = bytes.chunks(16 * 1024).map(|piece| Ok(piece.to_vec())).collect();
    futures_util::stream::iter(pieces)
}

impl IntoFuture for Request {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
