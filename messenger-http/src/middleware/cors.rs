//! Cross-origin requests from browsers. Tokens travel in a header and never in
//! a cookie, so credentials are not allowed for, and nothing is refused: where
//! an origin is not allowed, the browser keeps the answer from the page.

use std::str::FromStr;
use std::sync::Arc;

use poem::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use poem::{Request, Response};

const METHODS: &str = "GET, POST, PUT, PATCH, DELETE";
const REQUEST_HEADERS: &str = "authorization, content-type, x-request-id";
const EXPOSED_HEADERS: &str =
    "x-request-id, ratelimit-limit, ratelimit-remaining, ratelimit-reset, retry-after, www-authenticate";
const MAX_AGE_SECONDS: &str = "7200";

/// An origin whose pages may read answers: `https://chat.example.org`, or `*`
/// for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

/// Why a text is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an origin such as https://chat.example.org, or *")]
pub struct InvalidOrigin;

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let origin = text.trim().to_ascii_lowercase();
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        let is_origin = host.is_some_and(|host| {
            !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic() && !b"/?#@\\*,".contains(&byte))
        });
        if is_origin || origin == "*" { Ok(Self(origin)) } else { Err(InvalidOrigin) }
    }
}

/// The origins that are allowed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cors {
    origins: Arc<[Origin]>,
}

impl Cors {
    pub(crate) fn new(origins: Vec<Origin>) -> Self {
        Self { origins: origins.into() }
    }

    /// The request's origin when it is allowed.
    pub(super) fn allowed_origin(&self, request: &Request) -> Option<HeaderValue> {
        let origin = request.headers().get(header::ORIGIN)?;
        let text = origin.to_str().ok()?.to_ascii_lowercase();
        self.origins.iter().any(|allowed| allowed.0 == "*" || allowed.0 == text).then(|| origin.clone())
    }

    /// The answer to a browser that asks before it sends.
    pub(super) fn preflight(request: &Request) -> Option<Response> {
        let asks = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        (request.method() == Method::OPTIONS && asks).then(|| {
            Response::builder()
                .status(StatusCode::NO_CONTENT)
                .header(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS)
                .header(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS)
                .header(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS)
                .finish()
        })
    }

    /// Lets the origin's pages read the answer.
    pub(super) fn write(origin: &HeaderValue, response: &mut Response) {
        let exposed = HeaderValue::from_static(EXPOSED_HEADERS);
        let headers: [(HeaderName, HeaderValue); 2] =
            [(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()), (header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed)];
        response.headers_mut().extend(headers);
        response.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str]) -> Cors {
        Cors::new(origins.iter().map(|origin| origin.parse().expect("an origin")).collect())
    }

    fn request(method: Method, origin: &str) -> Request {
        let builder = Request::builder().method(method).header(header::ORIGIN, origin);
        builder.header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST").finish()
    }

    #[test]
    fn only_listed_origins_are_allowed() {
        let cors = cors(&["https://chat.example.org", "http://localhost:5173"]);
        for allowed in ["https://chat.example.org", "http://localhost:5173"] {
            assert!(cors.allowed_origin(&request(Method::GET, allowed)).is_some(), "{allowed}");
        }
        for other in ["https://example.org", "http://chat.example.org", "https://chat.example.org.evil.example", "null"]
        {
            assert!(cors.allowed_origin(&request(Method::GET, other)).is_none(), "{other}");
        }
        assert!(Cors::default().allowed_origin(&request(Method::GET, "https://chat.example.org")).is_none());
    }

    #[test]
    fn a_preflight_is_answered_and_another_request_is_not() {
        let cors = cors(&["*"]);
        let preflight = request(Method::OPTIONS, "https://a.example");
        assert!(cors.allowed_origin(&preflight).is_some(), "all are allowed");
        let response = Cors::preflight(&preflight).expect("a preflight");
        assert_eq!(response.header(header::ACCESS_CONTROL_ALLOW_METHODS), Some(METHODS));
        assert!(Cors::preflight(&request(Method::POST, "https://a.example")).is_none());
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in ["", "chat.example.org", "https://", "https://a/b", "https://*.example.org", "ftp://a"] {
            assert_eq!(text.parse::<Origin>(), Err(InvalidOrigin), "{text}");
        }
    }
}
