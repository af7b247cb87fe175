//! The JSON body of a request: read within bounds, checked as a whole, parsed.

use std::sync::Arc;

use poem::http::header;
use poem::{Body, Request, RequestBody, Result};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchemaRef, Registry};
use poem_openapi::types::ParseFromJSON;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde_json::Value;
use tokio::io::AsyncReadExt as _;

use crate::answer::JSON;
use crate::problem::{Code, Problem};
use crate::schema;

/// What it takes to check a body: put into the request by the
/// [gate](crate::gate).
#[derive(Clone)]
pub(crate) struct BodyRules {
    /// The most bytes that a body may have.
    pub(crate) limit: usize,
    /// The schemas of all operations.
    pub(crate) registry: Arc<Registry>,
}

/// A body that has to be there.
#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub T);

/// A body that may be left out.
#[derive(Debug)]
pub(crate) struct OptionalJsonBody<T>(pub Option<T>);

fn meta<T: ParseFromJSON>(required: bool) -> MetaRequest {
    let content = vec![MetaMediaType { content_type: JSON, schema: T::schema_ref() }];
    MetaRequest { description: None, content, required }
}

macro_rules! extractor {
    ($name:ident, $required:literal, |$request:ident, $bytes:ident| $parse:expr) => {
        impl<'a, T: ParseFromJSON> ApiExtractor<'a> for $name<T> {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                T::register(registry);
            }

            fn request_meta() -> Option<MetaRequest> {
                Some(meta::<T>($required))
            }

            async fn from_request(
                $request: &'a Request,
                body: &mut RequestBody,
                _: ExtractParamOptions<()>,
            ) -> Result<Self> {
                // The gate has taken it in, within bounds.
                let $bytes = body.take()?.into_bytes().await?;
                Ok($name($parse))
            }
        }
    };
}

extractor!(JsonBody, true, |request, bytes| {
    check_media_type(request)?;
    parse(request, &bytes)?
});
extractor!(OptionalJsonBody, false, |request, bytes| {
    if bytes.is_empty() {
        None
    } else {
        check_media_type(request)?;
        Some(parse(request, &bytes)?)
    }
});

fn rules(request: &Request) -> Result<&BodyRules, Problem> {
    request.extensions().get().ok_or_else(|| {
        tracing::error!("an operation was called past its gate");
        Problem::new(Code::Internal)
    })
}

/// Reads the body, counting: with a length it is refused before, without one
/// as soon as it is too much.
async fn read(request: &Request, body: Body) -> Result<Vec<u8>, Problem> {
    let limit = rules(request)?.limit;
    let too_large = || Problem::new(Code::BodyTooLarge).detail(format!("the body must have at most {limit} bytes"));
    let announced = request.header(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let read = body.into_async_read().take(limit as u64 + 1).read_to_end(&mut bytes).await;
    if read.is_err() {
        return Err(Problem::new(Code::InvalidJson).detail("the body ended before it was complete"));
    }
    if bytes.len() > limit { Err(too_large()) } else { Ok(bytes) }
}

/// Reads the body of a request within bounds, and leaves it there for the
/// operation. The gate does so for each operation that has a body.
pub(crate) async fn take_in(request: &mut Request) -> Result<(), Problem> {
    let body = request.take_body();
    let bytes = read(request, body).await?;
    request.set_body(bytes);
    Ok(())
}

fn check_media_type(request: &Request) -> Result<(), Problem> {
    let plain = request.header(header::CONTENT_ENCODING).is_none_or(|coding| coding.eq_ignore_ascii_case("identity"));
    let json = request.header(header::CONTENT_TYPE).is_some_and(is_json);
    if plain && json { Ok(()) } else { Err(Problem::new(Code::UnsupportedMediaType)) }
}

/// `application/json` or `application/<anything>+json`, in UTF-8.
fn is_json(media_type: &str) -> bool {
    let mut parts = media_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let subtype = essence.strip_prefix("application/").unwrap_or_default();
    let utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    });
    (subtype == "json" || (subtype.ends_with("+json") && subtype.len() > "+json".len())) && utf8
}

fn parse<T: ParseFromJSON>(request: &Request, bytes: &[u8]) -> Result<T, Problem> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        let place = format!("the body is not JSON: line {}, column {}", error.line(), error.column());
        Problem::new(Code::InvalidJson).detail(place)
    })?;
    let schema: MetaSchemaRef = T::schema_ref();
    let errors = schema::check(&value, &schema, &rules(request)?.registry);
    if !errors.is_empty() {
        return Err(Problem::new(Code::InvalidBody).fields(&errors));
    }
    // The schema has been checked, so this does not fail; its message would
    // repeat the value, which may be a password.
    T::parse_from_json(Some(value)).map_err(|_| {
        tracing::error!(body = %T::name(), "a body fits its schema but not its type");
        Problem::new(Code::InvalidBody)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Login, Logout, NewMessage};
    use poem::http::StatusCode;
    use poem_openapi::types::Type;

    fn request(headers: &[(&str, &str)], body: impl Into<Body>, limit: usize) -> Request {
        let mut registry = Registry::new();
        NewMessage::register(&mut registry);
        Login::register(&mut registry);
        Logout::register(&mut registry);
        let builder = headers.iter().fold(Request::builder(), |builder, (name, value)| builder.header(*name, *value));
        let mut request = builder.body(body);
        request.extensions_mut().insert(BodyRules { limit, registry: Arc::new(registry) });
        request
    }

    const AS_JSON: (&str, &str) = ("content-type", "application/json");

    /// As the gate and the extractor do it.
    async fn extract<T: ParseFromJSON>(mut request: Request) -> Result<T, serde_json::Value> {
        let extracted = match take_in(&mut request).await {
            Ok(()) => {
                let (request, mut body) = request.split();
                JsonBody::<T>::from_request(&request, &mut body, ExtractParamOptions::default()).await
            }
            Err(problem) => Err(problem.into()),
        };
        match extracted {
            Ok(JsonBody(value)) => Ok(value),
            Err(error) => Err(error.into_response().into_body().into_json().await.expect("a problem")),
        }
    }

    fn endless() -> Body {
        Body::from_async_read(tokio::io::repeat(b'1'))
    }

    #[tokio::test]
    async fn a_good_body_is_parsed() {
        for media_type in ["application/json", "Application/JSON; charset=\"UTF-8\"", "application/merge-patch+json"] {
            let body = extract::<NewMessage>(request(&[("content-type", media_type)], r#"{"body": "hi"}"#, 100)).await;
            assert_eq!(body.map(|message| message.body), Ok("hi".to_owned()), "{media_type}");
        }
    }

    #[tokio::test]
    async fn a_body_that_is_not_json_is_told_from_one_of_the_wrong_shape() {
        for text in ["", "{", "{'body': 1}", "\u{feff}{}", "{\"body\": \"\\ud800\"}", "1 2"] {
            let problem = extract::<NewMessage>(request(&[AS_JSON], text, 100)).await.expect_err(text);
            assert_eq!(problem["code"], "invalid_json", "{text}");
        }
        let problem = extract::<NewMessage>(request(&[AS_JSON], vec![b'"', 0xff, b'"'], 100)).await.expect_err("UTF-8");
        assert_eq!(problem["code"], "invalid_json");
        let problem = extract::<NewMessage>(request(&[AS_JSON], "[]", 100)).await.expect_err("an array");
        assert_eq!((&problem["code"], &problem["status"]), (&"invalid_body".into(), &400.into()));
    }

    #[tokio::test]
    async fn a_refused_value_is_not_repeated() {
        let text = r#"{"login": "ada", "password": ["hunter2"]}"#;
        let problem = extract::<Login>(request(&[AS_JSON], text, 100)).await.expect_err("not a string");
        assert_eq!(problem["errors"][0]["field"], "password");
        assert!(!problem.to_string().contains("hunter2"));
    }

    #[tokio::test]
    async fn a_body_that_is_too_large_is_refused_with_and_without_a_length() {
        let exact = r#"{"body": "hi"}"#;
        assert!(extract::<NewMessage>(request(&[AS_JSON], exact, exact.len())).await.is_ok());
        for body in [Body::from(exact), endless()] {
            let problem = extract::<NewMessage>(request(&[AS_JSON], body, exact.len() - 1)).await;
            assert_eq!(problem.expect_err("too large")["code"], "body_too_large");
        }
        // Nothing is read of a body that says how large it is.
        let headers = [AS_JSON, ("content-length", "1000000")];
        let problem = extract::<NewMessage>(request(&headers, endless(), 100)).await.expect_err("too large");
        assert_eq!(problem["status"], StatusCode::PAYLOAD_TOO_LARGE.as_u16());
    }

    #[tokio::test]
    async fn another_content_type_or_coding_is_refused() {
        let refused = [
            vec![],
            vec![("content-type", "text/plain")],
            vec![("content-type", "application/x-www-form-urlencoded")],
            vec![("content-type", "application/json; charset=latin1")],
            vec![("content-type", "application/+json")],
            vec![AS_JSON, ("content-encoding", "gzip")],
        ];
        for headers in refused {
            let problem = extract::<NewMessage>(request(&headers, r#"{"body": "hi"}"#, 100)).await;
            assert_eq!(problem.expect_err("refused")["code"], "unsupported_media_type", "{headers:?}");
        }
    }

    #[tokio::test]
    async fn an_optional_body_may_be_left_out() {
        let (empty, mut body) = request(&[], "", 100).split();
        let options = ExtractParamOptions::default();
        let logout = OptionalJsonBody::<Logout>::from_request(&empty, &mut body, options).await.expect("no body");
        assert!(logout.0.is_none());
    }
}
