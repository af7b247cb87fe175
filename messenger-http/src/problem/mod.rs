//! Errors as RFC 9457 problem details, one format for all of them.

mod codes;
mod failure;

pub(crate) use codes::status_of_code;
pub use codes::{Code, all_codes};
pub(crate) use failure::operation_errors;
pub(crate) use failure::{Failure, OperationErrors};

use std::fmt;
use std::time::Duration;

use messenger_core::error::{FieldErrors, Refusal};
use messenger_core::store::StoreError;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::Object;
use poem_openapi::types::{Example, ToJSON as _};
use serde_json::Value;
use uuid::Uuid;

/// The media type of every error.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// How long a client waits after a 503 that has no better answer.
const RETRY_SOON: Duration = Duration::from_secs(1);

/// An error (RFC 9457).
#[derive(Debug, Clone, Object)]
#[oai(example, rename = "Problem")]
pub struct ProblemBody {
    /// Always `about:blank`: `code` tells errors apart.
    #[oai(rename = "type")]
    pub problem_type: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: i64,
    /// What happened, for a person.
    pub detail: String,
    /// What happened, for a program. Codes may be added.
    pub code: String,
    /// Every field or parameter that was refused; empty for other errors.
    pub errors: Vec<ProblemField>,
    /// With `not_friends`, whom it is about; empty for other errors.
    pub user_ids: Vec<Uuid>,
}

/// A field or parameter that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct ProblemField {
    /// A path into the body such as `member_ids[2]`, or a parameter's name.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl Example for ProblemBody {
    fn example() -> Self {
        Problem::from(Refusal::UserNotFound).into_body()
    }
}

/// An error on its way to the client.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<ProblemField>,
    user_ids: Vec<Uuid>,
    retry_after: Option<Duration>,
}

impl Problem {
    /// The problem that a code stands for.
    pub fn new(code: Code) -> Self {
        let retry_after = (code.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_SOON);
        let detail = code.detail().to_owned();
        Self { status: code.status(), code: code.as_str(), detail, errors: vec![], user_ids: vec![], retry_after }
    }

    /// Says more than the code's own text.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Names what was refused.
    pub fn fields(mut self, errors: &FieldErrors) -> Self {
        let field = |error: &messenger_core::error::FieldError| ProblemField {
            field: error.field.clone(),
            message: error.message.clone(),
        };
        self.errors.extend(errors.iter().map(field));
        self
    }

    /// Names one thing that was refused.
    pub fn field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.errors.push(ProblemField { field: field.into(), message: message.into() });
        self
    }

    /// Tells when to try again.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What was refused.
    pub fn errors(&self) -> &[ProblemField] {
        &self.errors
    }

    /// The JSON object.
    pub fn into_body(self) -> ProblemBody {
        ProblemBody {
            problem_type: "about:blank".to_owned(),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: i64::from(self.status.as_u16()),
            detail: self.detail,
            code: self.code.to_owned(),
            errors: self.errors,
            user_ids: self.user_ids,
        }
    }

    /// The JSON object as a value.
    pub fn into_json(self) -> Value {
        self.into_body().to_json().unwrap_or_default()
    }

    /// The problem of what core answers. What only the log may know is logged
    /// here, once.
    pub fn of(error: messenger_core::Error) -> Self {
        use messenger_core::Error;
        match error {
            Error::Invalid(errors) => Self::new(Code::InvalidValue).fields(&errors),
            Error::Refused(refusal) => refusal.into(),
            Error::BadCursor => Self::new(Code::BadCursor).field("cursor", Code::BadCursor.detail()),
            Error::ResyncRequired => Self::new(Code::ResyncRequired),
            Error::Busy { retry_after } => Self::new(Code::Unavailable).retry_after(retry_after),
            Error::Store(error @ StoreError::OutcomeUnknown(_)) => {
                tracing::error!(%error, "the outcome of a change is unknown");
                Self::new(Code::OutcomeUnknown)
            }
            Error::Store(error) if error.is_transient() => {
                tracing::warn!(%error, "the store is unavailable");
                Self::new(Code::Unavailable)
            }
            error => {
                tracing::error!(%error, "a request failed");
                Self::new(Code::Internal)
            }
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let user_ids = match &refusal {
            Refusal::NotFriends(ids) => ids.iter().map(|id| id.as_uuid()).collect(),
            _ => vec![],
        };
        Self {
            status: codes::status_of(refusal.kind()),
            code: refusal.code(),
            detail: refusal.to_string(),
            errors: vec![],
            user_ids,
            retry_after: None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut headers = vec![(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON))];
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 6750: the reason is only told of a token that was presented.
            let challenge =
                if self.code == Refusal::InvalidToken.code() { "Bearer error=\"invalid_token\"" } else { "Bearer" };
            headers.push((header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge)));
        }
        if self.status == StatusCode::UPGRADE_REQUIRED {
            // RFC 9110, section 15.5.22.
            headers.push((header::UPGRADE, HeaderValue::from_static("websocket")));
            headers.push((header::CONNECTION, HeaderValue::from_static("upgrade")));
            // RFC 6455, section 4.4: which version would be taken.
            headers.push((header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")));
        }
        if let Some(wait) = self.retry_after {
            headers.push((header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait))));
        }
        let status = self.status;
        let body = self.into_body().to_json_string();
        let response = Response::builder().status(status);
        headers.into_iter().fold(response, |response, (name, value)| response.header(name, value)).body(body)
    }
}

impl From<Problem> for poem::Error {
    fn from(problem: Problem) -> Self {
        let message = problem.to_string();
        let mut error = Self::from_response(problem.into_response());
        error.set_error_message(message);
        error
    }
}

/// Seconds, rounded up, so that nobody comes back too early.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// Whether an answer is a problem already, or needs to be made one.
pub(crate) fn is_problem(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value == PROBLEM_JSON)
}

#[cfg(test)]
mod tests {
    use super::*;
    use messenger_core::Error;
    use messenger_core::id::UserId;
    use poem_openapi::types::ToJSON;

    async fn json(response: Response) -> serde_json::Value {
        response.into_body().into_json().await.expect("JSON")
    }

    #[tokio::test]
    async fn a_refusal_keeps_its_code_and_names_whom_it_is_about() {
        let id = Uuid::from_u128(7);
        let refusal = Refusal::NotFriends(vec![UserId::from_uuid(id)]);
        let response = Problem::of(Error::Refused(refusal)).into_response();
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        assert_eq!(response.header(header::CONTENT_TYPE), Some(PROBLEM_JSON));
        let body = json(response).await;
        assert_eq!(body["code"], "not_friends");
        assert_eq!(body["status"], 403);
        assert_eq!(body["title"], "Forbidden");
        assert_eq!(body["user_ids"], serde_json::json!([id.to_string()]));
    }

    #[tokio::test]
    async fn invalid_values_are_all_named() {
        let mut errors = FieldErrors::new();
        errors.push("username", "must have 3 to 32 characters");
        errors.push("email", "must be an email address");
        let body = json(Problem::of(Error::Invalid(errors)).into_response()).await;
        assert_eq!(body["code"], "invalid_value");
        assert_eq!(body["errors"][0]["field"], "username");
        assert_eq!(body["errors"][1]["field"], "email");
    }

    #[tokio::test]
    async fn internals_never_show() {
        let secret = "mysql://root:hunter2@db/messenger";
        let errors = [
            Error::Internal(secret.to_owned()),
            Error::Store(StoreError::Defect(secret.to_owned())),
            Error::Store(StoreError::Unavailable(secret.to_owned())),
            Error::Store(StoreError::Conflict(secret.to_owned())),
            Error::Store(StoreError::OutcomeUnknown(secret.to_owned())),
        ];
        for error in errors {
            let body = json(Problem::of(error).into_response()).await.to_string();
            assert!(!body.contains("hunter2"), "{body}");
        }
    }

    #[test]
    fn who_is_not_authenticated_is_told_how() {
        let challenge =
            |problem: Problem| problem.into_response().header(header::WWW_AUTHENTICATE).map(ToOwned::to_owned);
        assert_eq!(challenge(Problem::new(Code::MissingToken)).as_deref(), Some("Bearer"));
        let invalid = challenge(Refusal::InvalidToken.into());
        assert_eq!(invalid.as_deref(), Some("Bearer error=\"invalid_token\""));
        assert_eq!(challenge(Refusal::UserNotFound.into()), None);
    }

    #[test]
    fn a_503_tells_when_to_try_again() {
        for code in Code::ALL.into_iter().filter(|code| code.status() == StatusCode::SERVICE_UNAVAILABLE) {
            let response = Problem::new(code).into_response();
            assert!(response.header(header::RETRY_AFTER).is_some(), "{code:?}");
        }
    }

    #[test]
    fn the_example_has_every_field() {
        let example = ProblemBody::example().to_json().expect("an object");
        for field in ["type", "title", "status", "detail", "code", "errors", "user_ids"] {
            assert!(!example[field].is_null(), "{field}");
        }
    }
}
