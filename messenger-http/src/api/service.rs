//! How the server stands.

use std::time::Duration;

use messenger_core::Messenger;
use poem_openapi::OpenApi;

use super::Tag;
use crate::answer::Word;
use crate::problem::{Code, Failure, Problem, operation_errors};
use crate::readiness::{Readiness, Stage};

/// How long the database may take to give a sign of life.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) struct ServiceApi {
    pub(crate) messenger: Messenger,
    pub(crate) readiness: Readiness,
}

operation_errors! {
    GetHealth: [];
    GetReady: [not_ready, unavailable];
}

#[OpenApi(tag = "Tag::Service")]
impl ServiceApi {
    /// Is the process alive?
    ///
    /// `UP` as long as it answers at all. It asks nobody else, so that a
    /// database that is away gets no process killed.
    #[allow(clippy::unused_async, reason = "poem-openapi asks for it")]
    #[oai(path = "/health", method = "get", operation_id = "get_health")]
    async fn health(&self) -> Result<Word, Failure<GetHealth>> {
        Ok(Word("UP"))
    }

    /// Does the server take requests?
    ///
    /// Not while it is starting, draining, or without its database.
    #[oai(path = "/ready", method = "get", operation_id = "get_ready")]
    async fn ready(&self) -> Result<Word, Failure<GetReady>> {
        match self.readiness.stage() {
            Stage::Starting => return Err(Problem::new(Code::NotReady).detail("the server is starting").into()),
            Stage::Draining => return Err(Problem::new(Code::NotReady).detail("the server is draining").into()),
            Stage::Serving => {}
        }
        match tokio::time::timeout(PING_TIMEOUT, self.messenger.ping()).await {
            Ok(Ok(())) => Ok(Word("READY")),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the store does not answer");
                Err(Problem::new(Code::Unavailable).into())
            }
            Err(_) => {
                tracing::warn!("the store does not answer in time");
                Err(Problem::new(Code::Unavailable).into())
            }
        }
    }
}
