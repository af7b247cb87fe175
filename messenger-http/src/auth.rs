//! Who asks: the bearer token of a request.

use std::fmt;

use messenger_core::error::Refusal;
use messenger_core::token::Viewer;
use messenger_core::{Error, Messenger};
use poem::http::header;
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::problem::{Code, Problem};

/// The scheme's name in the document.
pub(crate) const SCHEME: &str = "bearer";

/// The viewer of an operation that needs one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Authenticated(pub Viewer);

/// What a request to an operation says that needs no viewer.
#[derive(Clone)]
pub(crate) struct MaybeAuthenticated(pub Result<Viewer, Problem>);

impl fmt::Debug for MaybeAuthenticated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MaybeAuthenticated").field(&self.0).finish()
    }
}

/// Looks at the `Authorization` header. Done once, by the
/// [gate](crate::gate), which leaves the result in the request.
pub(crate) async fn authenticate(messenger: &Messenger, request: &Request) -> Result<Viewer, Problem> {
    let Some(authorization) = request.headers().get(header::AUTHORIZATION) else {
        return Err(Problem::new(Code::MissingToken));
    };
    let token = authorization.to_str().ok().and_then(bearer_token).ok_or(Refusal::InvalidToken)?;
    messenger.authenticate(token).await.map_err(|error| match error {
        // Whatever is wrong with a token, it is not told.
        Error::Refused(_) | Error::Invalid(_) => Refusal::InvalidToken.into(),
        error => Problem::of(error),
    })
}

/// RFC 9110: the scheme's case does not matter, one or more spaces follow.
fn bearer_token(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start())
}

fn register(registry: &mut Registry) {
    let description =
        "An access token, as registering, logging in and refreshing answer it. It is valid for 15 minutes.";
    let scheme = MetaSecurityScheme {
        ty: "http",
        description: Some(description),
        name: None,
        key_in: None,
        scheme: Some("bearer"),
        bearer_format: Some("JWT"),
        flows: None,
        openid_connect_url: None,
    };
    registry.create_security_scheme(SCHEME, scheme);
}

impl<'a> ApiExtractor<'a> for Authenticated {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        Ok(Self(outcome(request)?))
    }
}

impl<'a> ApiExtractor<'a> for MaybeAuthenticated {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    fn has_security_fallback() -> bool {
        true
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        Ok(Self(outcome(request)))
    }
}

fn outcome(request: &Request) -> Result<Viewer, Problem> {
    let outcome = request.extensions().get::<MaybeAuthenticated>().cloned();
    // Not to be reached: the gate stands before every operation.
    outcome.map_or_else(|| Err(Problem::new(Code::MissingToken)), |outcome| outcome.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_token_is_found_whatever_the_case_of_its_scheme() {
        assert_eq!(bearer_token("Bearer abc"), Some("abc"));
        assert_eq!(bearer_token("bearer   abc"), Some("abc"));
        for other in ["", "abc", "Basic YTpi", "Bearer"] {
            assert_eq!(bearer_token(other), None, "{other}");
        }
    }
}
