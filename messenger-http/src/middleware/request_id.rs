//! A name for every request, to be found again in the log.

use messenger_core::id::IdGenerator;
use poem::http::HeaderValue;
use poem::{Request, Response};

const HEADER: &str = "x-request-id";

/// The client's own name for the request, or one that is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RequestId(String);

impl RequestId {
    pub(super) fn of(request: &Request, ids: &dyn IdGenerator) -> Self {
        match request.header(HEADER) {
            Some(given) if is_welcome(given) => Self(given.to_owned()),
            _ => Self::random(ids),
        }
    }

    fn random(ids: &dyn IdGenerator) -> Self {
        let mut bytes = [0; 16];
        ids.fill_random(&mut bytes);
        Self(format!("{:032x}", u128::from_be_bytes(bytes)))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn write(self, response: &mut Response) {
        if let Ok(value) = HeaderValue::try_from(self.0) {
            response.headers_mut().insert(HEADER, value);
        }
    }
}

/// Short and harmless, so that it may stand in a log as it is.
fn is_welcome(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use messenger_core::id::SystemIds;

    fn id_for(inbound: &str) -> String {
        let request = Request::builder().header(HEADER, inbound).finish();
        RequestId::of(&request, &SystemIds).0
    }

    #[test]
    fn a_clients_own_name_is_kept() {
        for welcome in ["a", "0198c0de-0001-7000-8000-000000000001", &"x".repeat(64)] {
            assert_eq!(id_for(welcome), welcome);
        }
    }

    #[test]
    fn a_name_that_could_harm_a_log_is_replaced() {
        for unwelcome in ["", "a b", "a\tb", "a=b", "\"", &"x".repeat(65)] {
            let made = id_for(unwelcome);
            assert!(made != unwelcome && is_welcome(&made) && made.len() == 32, "{unwelcome:?} became {made:?}");
        }
        assert_ne!(id_for(""), id_for(""));
    }
}
