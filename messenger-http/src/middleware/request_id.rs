//! A name for every request, to be found again in the log.

use std::sync::atomic::{AtomicU64, Ordering};

use messenger_core::id::IdGenerator;
use poem::http::HeaderValue;
use poem::{Request, Response};

const HEADER: &str = "x-request-id";

/// The client's own name for the request, or one that is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RequestId(String);

/// Makes them: a random start, so that no two processes make the same, and a
/// count, which costs no call of the operating system for each request.
#[derive(Debug)]
pub(crate) struct RequestIds {
    start: u64,
    made: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new(ids: &dyn IdGenerator) -> Self {
        let mut start = [0; 8];
        ids.fill_random(&mut start);
        Self { start: u64::from_be_bytes(start), made: AtomicU64::new(0) }
    }

    pub(super) fn of(&self, request: &Request) -> RequestId {
        match request.header(HEADER) {
            Some(given) if is_welcome(given) => RequestId(given.to_owned()),
            _ => RequestId(format!("{:016x}{:016x}", self.start, self.made.fetch_add(1, Ordering::Relaxed))),
        }
    }
}

impl RequestId {
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

    fn id_for(ids: &RequestIds, inbound: &str) -> String {
        let request = Request::builder().header(HEADER, inbound).finish();
        ids.of(&request).0
    }

    #[test]
    fn a_clients_own_name_is_kept() {
        for welcome in ["a", "0198c0de-0001-7000-8000-000000000001", &"x".repeat(64)] {
            assert_eq!(id_for(&RequestIds::new(&SystemIds), welcome), welcome);
        }
    }

    #[test]
    fn a_name_that_could_harm_a_log_is_replaced() {
        let ids = RequestIds::new(&SystemIds);
        for unwelcome in ["", "a b", "a\tb", "a=b", "\"", &"x".repeat(65)] {
            let made = id_for(&ids, unwelcome);
            assert!(made != unwelcome && is_welcome(&made) && made.len() == 32, "{unwelcome:?} became {made:?}");
        }
        assert_ne!(id_for(&ids, ""), id_for(&ids, ""));
        assert_ne!(id_for(&ids, ""), id_for(&RequestIds::new(&SystemIds), ""));
    }
}
