//! The app: a poem endpoint over a messenger, to be served by itself or to be
//! mounted in another poem app.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use messenger_core::Messenger;
use messenger_core::id::{IdGenerator, SystemIds};
use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, EndpointExt as _, IntoResponse as _, Request, Response, Route};
use poem_openapi::OpenApi as _;
use poem_openapi::registry::{MetaOperation, Registry};

use crate::accept::Produces;
use crate::address::{AddressRule, Network};
use crate::answer::JSON;
use crate::api;
use crate::body::BodyRules;
use crate::docs_page::DocsFile;
use crate::document::{asyncapi_text, document_text};
use crate::gate::{Access, Gate, Shared};
use crate::limits::{Limiter, RateLimits};
use crate::live::{SseEndpoint, WebSocketEndpoint};
use crate::middleware::{Cors, Origin, RequestIds, Shell};
use crate::pages::Pages;
use crate::problem::{Code, Problem};
use crate::readiness::Readiness;

/// How an app behaves. The default is fit for production on one machine.
#[derive(Clone)]
pub struct AppOptions {
    /// Where the app is mounted, such as `/chat`; empty at the root. Only the
    /// document tells it.
    pub base_path: String,
    /// The most bytes that a body may have. The longest message, with every
    /// character escaped, takes some 96,000.
    pub body_limit: usize,
    /// How long an operation may take.
    pub request_timeout: Duration,
    /// How often an address may register and log in; `None` for no limit.
    pub rate_limits: Option<RateLimits>,
    /// Whose pages may read answers in a browser.
    pub cors_origins: Vec<Origin>,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// What `/ready` answers.
    pub readiness: Readiness,
    /// How many bytes of pages of histories are kept, so that what many read is
    /// written once; 0 to keep none. A page that is larger than a small part of
    /// this is not kept. A row that is changed by hand shows when something next
    /// happens in its conversation. Default 16 MiB.
    pub kept_pages: usize,
    /// Makes request ids.
    pub ids: Arc<dyn IdGenerator>,
}

impl Default for AppOptions {
    fn default() -> Self {
        Self {
            base_path: String::new(),
            body_limit: 128 * 1024,
            request_timeout: Duration::from_secs(30),
            rate_limits: Some(RateLimits::default()),
            cors_origins: vec![],
            trusted_proxies: vec![],
            readiness: Readiness::serving(),
            kept_pages: 16 * 1024 * 1024,
            ids: Arc::new(SystemIds),
        }
    }
}

/// The service over a messenger.
///
/// Mount it anywhere in a poem app; set [`AppOptions::base_path`] to the place.
/// Needs a Tokio runtime when it is called.
#[allow(clippy::needless_pass_by_value, reason = "an app owns its messenger")]
pub fn app(messenger: Messenger, options: AppOptions) -> impl Endpoint<Output = Response> + 'static {
    let mut paths = operations(messenger.clone(), &options);
    for (path, document) in
        [("/openapi.json", document_text(&options.base_path)), ("/asyncapi.json", asyncapi_text(&options.base_path))]
    {
        add_get(&mut paths, path, move || {
            Response::builder()
                .header(header::CONTENT_TYPE, JSON)
                .header(header::CACHE_CONTROL, "no-cache")
                .body(document.clone())
        });
    }
    let stream = SseEndpoint { messenger: messenger.clone(), ids: options.ids.clone() };
    let websocket = WebSocketEndpoint { messenger: messenger.clone(), ids: options.ids.clone() };
    add(&mut paths, Method::GET, "/v1/events/stream", stream.boxed());
    add(&mut paths, Method::GET, "/v1/events/ws", websocket.boxed());
    for (path, file) in DocsFile::ALL {
        add_get(&mut paths, path, move || file.into_response());
    }
    let route = paths.into_iter().fold(Route::new(), |route, (path, methods)| route.at(path, Methods::new(methods)));
    Shell {
        inner: route,
        ids: RequestIds::new(&*options.ids),
        addresses: AddressRule::new(options.trusted_proxies),
        cors: Cors::new(options.cors_origins),
        readiness: options.readiness,
    }
}

type Paths = HashMap<String, HashMap<Method, Arc<BoxEndpoint<'static>>>>;

fn add_get(paths: &mut Paths, path: &str, answer: impl Fn() -> Response + Send + Sync + 'static) {
    let endpoint = poem::endpoint::make_sync(move |_| answer()).boxed();
    add(paths, Method::GET, path, endpoint);
}

fn add(paths: &mut Paths, method: Method, path: &str, endpoint: BoxEndpoint<'static>) {
    paths.entry(path.to_owned()).or_default().insert(method, Arc::new(endpoint));
}

/// Every operation behind its gate, by the path that poem routes.
fn operations(messenger: Messenger, options: &AppOptions) -> Paths {
    let mut registry = Registry::new();
    api::Described::register(&mut registry);
    let shared = Arc::new(Shared {
        messenger,
        body: BodyRules { limit: options.body_limit, registry: Arc::new(registry) },
        timeout: options.request_timeout,
    });
    let mut endpoints = HashMap::new();
    api::all(&shared.messenger, Pages::up_to(options.kept_pages), options.readiness.clone()).add_routes(&mut endpoints);
    let mut paths = Paths::new();
    for path in api::Described::meta().into_iter().flat_map(|api| api.paths) {
        let routed = routed_path(&path.path);
        let mut endpoints = endpoints.remove(&routed).unwrap_or_default();
        for operation in path.operations {
            if let Some(endpoint) = endpoints.remove(&operation.method) {
                let method = operation.method.clone();
                let gate = gate(operation, endpoint, options, Arc::clone(&shared));
                paths.entry(routed.clone()).or_default().insert(method, Arc::new(gate.boxed()));
            }
        }
    }
    paths
}

fn gate(operation: MetaOperation, endpoint: BoxEndpoint<'static>, options: &AppOptions, shared: Arc<Shared>) -> Gate {
    let quota = options.rate_limits.and_then(|limits| match operation.operation_id {
        Some("register_user") => Some(limits.register),
        Some("login_user") => Some(limits.login),
        _ => None,
    });
    let accepts = if operation.tags.contains(&"service") { Produces::Text } else { Produces::Json };
    let access = Access::of(&operation);
    Gate { operation, access, accepts, limiter: quota.map(Limiter::new), shared, endpoint: Arc::new(endpoint) }
}

/// poem-openapi numbers the parameters of a path: `/users/{user_id}` is routed
/// as `/users/:param0`.
fn routed_path(described: &str) -> String {
    let mut index = 0;
    let segments = described.split('/').map(|segment| {
        if segment.starts_with('{') {
            index += 1;
            format!(":param{}", index - 1)
        } else {
            segment.to_owned()
        }
    });
    segments.collect::<Vec<_>>().join("/")
}

/// The methods of one path.
struct Methods {
    endpoints: HashMap<Method, Arc<BoxEndpoint<'static>>>,
    allow: HeaderValue,
}

impl Methods {
    fn new(endpoints: HashMap<Method, Arc<BoxEndpoint<'static>>>) -> Self {
        let mut names: Vec<_> = endpoints.keys().map(Method::as_str).collect();
        if names.contains(&"GET") {
            names.push("HEAD");
        }
        names.push("OPTIONS");
        names.sort_unstable();
        let allow = HeaderValue::try_from(names.join(", ")).unwrap_or_else(|_| HeaderValue::from_static("GET"));
        Self { endpoints, allow }
    }

    fn refuse(&self, method: &Method) -> Response {
        let mut response = if method == Method::OPTIONS {
            Response::builder().status(StatusCode::NO_CONTENT).finish()
        } else {
            Problem::new(Code::MethodNotAllowed).into_response()
        };
        response.headers_mut().insert(header::ALLOW, self.allow.clone());
        response
    }
}

impl Endpoint for Methods {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        // The server sends the head of an answer to HEAD and keeps the body.
        if request.method() == Method::HEAD {
            request.set_method(Method::GET);
        }
        match self.endpoints.get(request.method()) {
            Some(endpoint) => endpoint.call(request).await,
            None => Ok(self.refuse(request.method())),
        }
    }
}
