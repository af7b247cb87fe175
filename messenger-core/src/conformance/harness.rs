//! What a store's author implements to run the suite.

use std::sync::Arc;

use async_trait::async_trait;

use crate::store::Store;

/// Why a harness could not do its part.
pub type HarnessError = Box<dyn std::error::Error + Send + Sync>;

/// Says how a case gets a database. It is made once per run and dropped at its
/// end, so a server that it guards stops then.
#[async_trait]
pub trait Harness: Send + Sync + 'static {
    /// The backend and its version, for the run's first line.
    fn name(&self) -> String;

    /// The prefix of the store's fail points, by the `fail` crate:
    /// `<prefix>::commit::before` stands where COMMIT is about to be asked for,
    /// `<prefix>::commit::after` where it was carried out and is not answered
    /// yet. With `return` both answer
    /// [`OutcomeUnknown`](crate::store::StoreError::OutcomeUnknown). With
    /// `return(40)`, `<prefix>::commit::slow` has a commit stand still for 40
    /// milliseconds when it holds the log's counters.
    fn fail_points(&self) -> &'static str;

    /// A migrated database for an isolated case. It is opened once, and no two
    /// cases have the same one at a time. Called on the case's own runtime.
    async fn isolated(&self) -> Result<Arc<dyn Database>, HarnessError>;

    /// A migrated database that no other case ever sees, with the durability
    /// that the store has in production. Called on the case's own runtime.
    async fn own_database(&self) -> Result<Arc<dyn Database>, HarnessError>;

    /// Called once, after the last case: an error unless every database that
    /// isolated cases had holds what its migrations put there and nothing else.
    async fn check_nothing_is_left(&self) -> Result<(), HarnessError>;
}

/// A case's database.
#[async_trait]
pub trait Database: Send + Sync {
    /// A handle of its own on the database, as another node would have.
    async fn open(&self) -> Result<Arc<dyn Store>, HarnessError>;

    /// Takes back everything the case did. Called once, also after a failure,
    /// when the case's handles may still be there.
    async fn discard(&self) -> Result<(), HarnessError>;
}
