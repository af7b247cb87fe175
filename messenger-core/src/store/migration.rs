//! Versioned, reversible changes of a store's schema.

use async_trait::async_trait;

use crate::clock::Timestamp;

/// How one migration stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Its number; migrations are applied in ascending order.
    pub version: u32,
    /// What it does, in a few words.
    pub name: String,
    /// Whether and when it was applied.
    pub state: MigrationState,
}

/// Whether a migration was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationState {
    /// Not yet.
    Pending,
    /// In full.
    Applied {
        /// When.
        at: Timestamp,
    },
    /// It failed half-way, on a backend that cannot undo a schema change;
    /// `up` goes on with the statement that failed.
    Interrupted {
        /// How many of its statements were carried out.
        statements_done: u32,
    },
}

/// Why a schema could not be changed; the text says how to go on.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct MigrationError {
    message: String,
}

impl MigrationError {
    /// Says what happened and how to go on.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// Changes a store's schema. Safe to run from several processes at once: one
/// does the work, the others wait and find it done.
#[async_trait]
pub trait Migrator: Send + Sync {
    /// Every migration this version knows, in ascending order. A database with
    /// a migration that this version does not know is an error.
    async fn status(&self) -> Result<Vec<MigrationStatus>, MigrationError>;

    /// Applies all that are not applied, and answers them.
    async fn up(&self) -> Result<Vec<MigrationStatus>, MigrationError>;

    /// Takes back the last one that was applied, with all the data that only
    /// it had room for, and answers it.
    async fn down(&self) -> Result<Option<MigrationStatus>, MigrationError>;
}
