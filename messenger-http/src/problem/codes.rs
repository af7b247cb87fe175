//! Every `code` that an error can carry, with its status. The document lists
//! them, so that a client can tell errors apart without reading their text.

use messenger_core::error::{Refusal, RefusalKind};
use poem::http::StatusCode;

/// An error that this crate answers of its own accord; the rules' refusals are
/// core's [`Refusal::CODES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The body is not JSON.
    InvalidJson,
    /// The body is JSON, but not of the operation's shape.
    InvalidBody,
    /// Parameters of the path or the query are missing or wrong.
    InvalidParameter,
    /// The cursor does not belong to the list.
    BadCursor,
    /// No access token was sent.
    MissingToken,
    /// Nothing is at this path.
    NotFound,
    /// The path does not know this method.
    MethodNotAllowed,
    /// The client accepts no JSON.
    NotAcceptable,
    /// The body did not come in time.
    BodyTimeout,
    /// The event log does not go on from the cursor.
    ResyncRequired,
    /// The body is larger than allowed.
    BodyTooLarge,
    /// The body is not said to be JSON.
    UnsupportedMediaType,
    /// Values break a rule.
    InvalidValue,
    /// This path speaks WebSocket only.
    UpgradeRequired,
    /// Too many requests from this address.
    RateLimited,
    /// Too many streams are open.
    TooManyStreams,
    /// A defect or a broken environment.
    Internal,
    /// The database cannot be used at present; nothing was changed.
    Unavailable,
    /// The connection to the database broke at the wrong moment: the change
    /// may or may not have been made.
    OutcomeUnknown,
    /// It took too long.
    Timeout,
    /// The server is starting, or draining before it stops.
    NotReady,
}

impl Code {
    /// Every one, in the order of their statuses.
    pub const ALL: [Self; 21] = [
        Self::InvalidJson,
        Self::InvalidBody,
        Self::InvalidParameter,
        Self::BadCursor,
        Self::MissingToken,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::NotAcceptable,
        Self::BodyTimeout,
        Self::ResyncRequired,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::InvalidValue,
        Self::UpgradeRequired,
        Self::RateLimited,
        Self::TooManyStreams,
        Self::Internal,
        Self::Unavailable,
        Self::OutcomeUnknown,
        Self::Timeout,
        Self::NotReady,
    ];

    const fn parts(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::InvalidJson => ("invalid_json", StatusCode::BAD_REQUEST, "the body is not JSON"),
            Self::InvalidBody => {
                ("invalid_body", StatusCode::BAD_REQUEST, "the body does not have the shape of this operation")
            }
            Self::InvalidParameter => {
                ("invalid_parameter", StatusCode::BAD_REQUEST, "parameters are missing or not valid")
            }
            Self::BadCursor => ("bad_cursor", StatusCode::BAD_REQUEST, "the cursor does not belong to this list"),
            Self::MissingToken => ("missing_token", StatusCode::UNAUTHORIZED, "an access token is needed"),
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND, "there is nothing at this path"),
            Self::MethodNotAllowed => {
                ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED, "this path does not know this method")
            }
            Self::NotAcceptable => {
                ("not_acceptable", StatusCode::NOT_ACCEPTABLE, "answers are JSON, which `Accept` excludes")
            }
            // RFC 9110, section 15.5.9.
            Self::BodyTimeout => ("body_timeout", StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
            Self::ResyncRequired => (
                "resync_required",
                StatusCode::GONE,
                "the event log does not go on from this cursor: take a new snapshot",
            ),
            Self::BodyTooLarge => ("body_too_large", StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
            Self::UnsupportedMediaType => (
                "unsupported_media_type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the body must be `application/json`, in UTF-8 and without a content coding",
            ),
            Self::InvalidValue => ("invalid_value", StatusCode::UNPROCESSABLE_ENTITY, "values are not valid"),
            Self::UpgradeRequired => {
                ("upgrade_required", StatusCode::UPGRADE_REQUIRED, "this path speaks WebSocket: ask for an upgrade")
            }
            Self::RateLimited => {
                ("rate_limited", StatusCode::TOO_MANY_REQUESTS, "too many requests: wait and try again")
            }
            Self::TooManyStreams => (
                "too_many_streams",
                StatusCode::TOO_MANY_REQUESTS,
                "too many streams are open: close some, or wait and try again",
            ),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "something went wrong on the server"),
            Self::Unavailable => (
                "unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "the service is busy or its database is away: nothing was changed, try again",
            ),
            Self::OutcomeUnknown => (
                "outcome_unknown",
                StatusCode::SERVICE_UNAVAILABLE,
                "the change may or may not have been made: look before trying again",
            ),
            Self::Timeout => (
                "timeout",
                StatusCode::SERVICE_UNAVAILABLE,
                "it took too long: a change may yet be made, look before trying again",
            ),
            Self::NotReady => {
                ("not_ready", StatusCode::SERVICE_UNAVAILABLE, "the service takes no requests at present")
            }
        }
    }

    /// The stable code, as clients see it.
    pub const fn as_str(self) -> &'static str {
        self.parts().0
    }

    /// The status that goes with it.
    pub const fn status(self) -> StatusCode {
        self.parts().1
    }

    /// What it means, for a person.
    pub const fn detail(self) -> &'static str {
        self.parts().2
    }
}

/// The status that a kind of refusal has.
pub(super) const fn status_of(kind: RefusalKind) -> StatusCode {
    match kind {
        RefusalKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        RefusalKind::Forbidden => StatusCode::FORBIDDEN,
        RefusalKind::NotFound => StatusCode::NOT_FOUND,
        RefusalKind::Conflict => StatusCode::CONFLICT,
    }
}

/// Every code with its status: this crate's, then core's.
pub fn all_codes() -> impl Iterator<Item = (&'static str, StatusCode)> {
    let own = Code::ALL.into_iter().map(|code| (code.as_str(), code.status()));
    own.chain(Refusal::CODES.iter().map(|(code, kind)| (*code, status_of(*kind))))
}

/// The status of a code; `None` when there is no such code.
pub(crate) fn status_of_code(code: &str) -> Option<StatusCode> {
    all_codes().find(|(known, _)| *known == code).map(|(_, status)| status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_stands_twice() {
        let mut codes: Vec<_> = all_codes().map(|(code, _)| code).collect();
        let count = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), count);
    }
}
