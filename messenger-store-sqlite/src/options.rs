//! How a store is opened, and why it may not be.

use std::path::{Path, PathBuf};
use std::time::Duration;

use messenger_core::event::PartitionCount;
use messenger_core::store::MigrationError;

/// How a store is opened. [`SqliteOptions::new`] holds the embedded default.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The database file. It is made when it is not there; its directory is not.
    pub path: PathBuf,
    /// How many partitions the event log gets when the database is made. A
    /// database that is there keeps the number it was made with. Default 1: a
    /// single writer gains nothing by more.
    pub partitions: PartitionCount,
    /// How many connections read, so how many snapshots may be open at once; at
    /// least 1. Default: one per processor, 2 to 8.
    pub readers: usize,
    /// How long a statement waits for another process that holds the file's
    /// locks (a migration, a backup) before it is a conflict. Default 5 s.
    pub busy_timeout: Duration,
    /// What to do about migrations that are not applied. Default: apply them.
    pub migrate: MigrateOnOpen,
}

/// What opening a store does about migrations that are not applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrateOnOpen {
    /// Applies them.
    Apply,
    /// Refuses to open.
    Refuse,
}

impl SqliteOptions {
    /// The embedded default for this database file.
    pub fn new(path: impl AsRef<Path>) -> Self {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            path: path.as_ref().to_owned(),
            partitions: PartitionCount::try_new(1).expect("one is not zero"),
            readers: processors.clamp(2, 8),
            busy_timeout: Duration::from_secs(5),
            migrate: MigrateOnOpen::Apply,
        }
    }
}

/// Why a store was not opened, in one line for its operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another server has the database open.
    #[error("{} is in use by another messenger server (which holds {})", path.display(), lock.display())]
    InUse {
        /// The database.
        path: PathBuf,
        /// Its lock file.
        lock: PathBuf,
    },
    /// A file cannot be made or opened.
    #[error("cannot open {}: {source}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// SQLite does not accept the file.
    #[error("cannot open the database {}: {source}", path.display())]
    Sqlite {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// The schema is not what this version needs.
    #[error(transparent)]
    Migration(#[from] MigrationError),
}
