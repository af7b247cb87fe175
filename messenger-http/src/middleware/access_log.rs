//! One line per request. No query, no header and no body ever gets into it:
//! any of them may hold a secret.

use std::time::Duration;

use poem::Request;
use poem::http::{Method, StatusCode};

use crate::address::ClientAddress;

/// What filters name: `RUST_LOG=info,messenger_http::access=off`.
const TARGET: &str = "messenger_http::access";

pub(super) struct Line {
    method: Method,
    path: String,
    client: Option<ClientAddress>,
}

impl Line {
    pub(super) fn begin(request: &Request, client: Option<ClientAddress>) -> Self {
        Self { method: request.method().clone(), path: request.uri().path().to_owned(), client }
    }

    pub(super) fn end(self, status: StatusCode, took: Duration) {
        let Self { method, path, client } = self;
        let client = client.map(|client| tracing::field::display(client.0));
        let (status, duration_ms) = (status.as_u16(), u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        // Probes come every few seconds and say nothing while all is well.
        if status == 200 && (path.ends_with("/health") || path.ends_with("/ready")) {
            tracing::debug!(target: TARGET, %method, path, status, duration_ms, client, "answered");
        } else {
            tracing::info!(target: TARGET, %method, path, status, duration_ms, client, "answered");
        }
    }
}
