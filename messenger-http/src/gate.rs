//! What stands before every operation, made from the operation's own
//! description: the rate limit, `Accept`, the access token, the parameters.
//!
//! Because the gate is made from the description, what it answers is known
//! from it too: the document's builder adds those errors to each operation.

use std::sync::Arc;
use std::time::{Duration, Instant};

use messenger_core::Messenger;
use messenger_core::error::FieldErrors;
use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem::{Endpoint, Request, Response};
use poem_openapi::registry::{MetaOperation, MetaOperationParam, MetaParamIn, Registry};
use tokio::time::timeout_at;
use tracing::Instrument as _;

use crate::accept;
use crate::address::ClientAddress;
use crate::auth::{MaybeAuthenticated, authenticate};
use crate::body::{self, BodyRules};
use crate::limits::{Limiter, Standing};
use crate::params::QueryPairs;
use crate::problem::{Code, Problem};
use crate::schema;

/// What the gate and the body's extractor answer.
pub(crate) const CODES: [Code; 13] = [
    Code::InvalidJson,
    Code::InvalidBody,
    Code::InvalidParameter,
    Code::BadCursor,
    Code::NotAcceptable,
    Code::BodyTimeout,
    Code::BodyTooLarge,
    Code::UnsupportedMediaType,
    Code::RateLimited,
    Code::Internal,
    Code::Unavailable,
    Code::OutcomeUnknown,
    Code::Timeout,
];

/// Whether an operation needs to know who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// It does not.
    Open,
    /// It makes use of a token that is there.
    Optional,
    /// It answers 401 without.
    Authenticated,
}

impl Access {
    pub(crate) fn of(operation: &MetaOperation) -> Self {
        match &operation.security[..] {
            [] => Self::Open,
            schemes if schemes.iter().any(std::collections::HashMap::is_empty) => Self::Optional,
            _ => Self::Authenticated,
        }
    }
}

/// What all gates share.
pub(crate) struct Shared {
    pub(crate) messenger: Messenger,
    pub(crate) body: BodyRules,
    pub(crate) timeout: Duration,
}

/// One operation behind its gate.
pub(crate) struct Gate {
    pub(crate) operation: MetaOperation,
    pub(crate) access: Access,
    pub(crate) accepts: accept::Produces,
    pub(crate) limiter: Option<Limiter>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) endpoint: Arc<BoxEndpoint<'static>>,
}

impl Endpoint for Gate {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let standing = self.count(&request);
        let outcome = match standing.and_then(|standing| standing.retry_after) {
            Some(wait) => Err(Problem::new(Code::RateLimited).retry_after(wait)),
            None => self.enter(request).await,
        };
        let mut response = outcome.unwrap_or_else(poem::IntoResponse::into_response);
        if let Some(standing) = standing {
            standing.write(&mut response);
        }
        Ok(response)
    }
}

impl Gate {
    fn count(&self, request: &Request) -> Option<Standing> {
        let limiter = self.limiter.as_ref()?;
        let address = request.extensions().get::<ClientAddress>()?;
        Some(limiter.count(*address, Instant::now()))
    }

    async fn enter(&self, mut request: Request) -> Result<Response, Problem> {
        let deadline = tokio::time::Instant::now() + self.shared.timeout;
        self.accepts.check(request.headers())?;
        if self.access != Access::Open {
            let viewer = timeout_at(deadline, authenticate(&self.shared.messenger, &request)).await;
            let viewer = viewer.map_err(|_| self.took_too_long())?;
            if self.access == Access::Authenticated {
                viewer.clone()?;
            }
            request.extensions_mut().insert(MaybeAuthenticated(viewer));
        }
        let pairs = QueryPairs(Arc::new(request.params().unwrap_or_default()));
        check_parameters(&self.operation.params, &request, &pairs, &self.shared.body.registry)?;
        request.extensions_mut().insert(pairs);
        request.extensions_mut().insert(self.shared.body.clone());
        if self.operation.request.is_some() {
            // Before the operation begins: a client that does not send on is not
            // an operation that takes too long.
            let late = |_| Problem::new(Code::BodyTimeout);
            timeout_at(deadline, body::take_in(&mut request)).await.map_err(late)??;
        }
        self.run(request, deadline).await
    }

    /// Runs the operation. A read ends with its request; a change that has
    /// begun is brought to its end even if the client goes away or the time is
    /// up, so that a commit under way is not cut off.
    async fn run(&self, request: Request, deadline: tokio::time::Instant) -> Result<Response, Problem> {
        if request.method() == Method::GET {
            let answered = timeout_at(deadline, self.endpoint.get_response(request)).await;
            return answered.map_err(|_| self.took_too_long());
        }
        let endpoint = Arc::clone(&self.endpoint);
        let task = tokio::spawn(async move { endpoint.get_response(request).await }.in_current_span());
        match timeout_at(deadline, task).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(_)) => {
                // Only a panic ends a task early here; its hook has told the
                // log where it was.
                tracing::error!(operation = self.operation.operation_id, "an operation panicked");
                Err(Problem::new(Code::Internal))
            }
            Err(_) => Err(self.took_too_long()),
        }
    }

    fn took_too_long(&self) -> Problem {
        tracing::error!(operation = self.operation.operation_id, "an operation took too long");
        Problem::new(Code::Timeout)
    }
}

/// Refuses the request with everything that is wrong with its parameters.
fn check_parameters(
    params: &[MetaOperationParam],
    request: &Request,
    pairs: &QueryPairs,
    registry: &Registry,
) -> Result<(), Problem> {
    let mut errors = FieldErrors::new();
    // poem-openapi routes by position: `param0` is the first in the path.
    let mut path_index = 0;
    for param in params {
        match param.in_type {
            MetaParamIn::Path => {
                let text = request.raw_path_param(&format!("param{path_index}")).unwrap_or_default();
                path_index += 1;
                if let Err(message) = schema::check_parameter(text, &param.schema, registry) {
                    errors.push(&param.name, message);
                }
            }
            _ => check_query(param, pairs, registry, &mut errors),
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Problem::new(Code::InvalidParameter).fields(&errors)) }
}

fn check_query(param: &MetaOperationParam, pairs: &QueryPairs, registry: &Registry, errors: &mut FieldErrors) {
    let is_list = param.schema.is_array();
    let item = match schema::resolve(&param.schema, registry) {
        Some(schema) if is_list => schema.items.as_deref().unwrap_or(&param.schema),
        _ => &param.schema,
    };
    let values: Vec<_> = pairs.values(&param.name, is_list).collect();
    match values.len() {
        0 if param.required => errors.push(&param.name, "is missing"),
        0 => {}
        2.. if !is_list => errors.push(&param.name, "must be given once"),
        _ => {
            let wrong = values.iter().find_map(|value| schema::check_parameter(value, item, registry).err());
            if let Some(message) = wrong {
                errors.push(&param.name, message);
            }
        }
    }
}
