//! The suite on `SQLite`: every case has a fresh file.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use messenger_core::conformance::{Database, Harness, HarnessError};
use messenger_core::store::Store;
use messenger_store_sqlite::SqliteStore;
use tempfile::TempDir;

/// Gives every case a file of its own, and removes it.
pub struct SqliteHarness {
    directory: TempDir,
}

impl SqliteHarness {
    /// A harness with a directory for the files.
    pub fn start() -> Result<Self, HarnessError> {
        Ok(Self { directory: tempfile::Builder::new().prefix("messenger-sqlite-").tempdir()? })
    }
}

#[async_trait]
impl Harness for SqliteHarness {
    fn name(&self) -> String {
        format!("SQLite {}", messenger_store_sqlite::sqlite_version())
    }

    fn fail_points(&self) -> &'static str {
        "sqlite"
    }

    async fn isolated(&self) -> Result<Arc<dyn Database>, HarnessError> {
        self.own_database().await
    }

    async fn own_database(&self) -> Result<Arc<dyn Database>, HarnessError> {
        let directory = tempfile::Builder::new().prefix("case-").tempdir_in(self.directory.path())?;
        Ok(Arc::new(OwnFile { directory: Mutex::new(Some(directory)), open: Mutex::default() }))
    }

    async fn check_nothing_is_left(&self) -> Result<(), HarnessError> {
        let left: Vec<_> = std::fs::read_dir(self.directory.path())?.collect();
        if left.is_empty() { Ok(()) } else { Err(format!("files of cases are left: {left:?}").into()) }
    }
}

struct OwnFile {
    directory: Mutex<Option<TempDir>>,
    /// A file has one server, so all nodes of a case share its handle. When the
    /// last one has stopped, the next opens the file again.
    open: Mutex<Weak<SqliteStore>>,
}

impl OwnFile {
    fn opened(&self) -> Option<Arc<SqliteStore>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    fn path(&self) -> Result<std::path::PathBuf, HarnessError> {
        let directory = self.directory.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(directory.as_ref().ok_or("the case is over")?.path().join("messenger.db"))
    }
}

#[async_trait]
impl Database for OwnFile {
    async fn open(&self) -> Result<Arc<dyn Store>, HarnessError> {
        if let Some(store) = self.opened() {
            return Ok(store);
        }
        let store = Arc::new(SqliteStore::open(self.path()?).await?);
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&store);
        Ok(store)
    }

    async fn discard(&self) -> Result<(), HarnessError> {
        let directory = self.directory.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(directory) = directory {
            directory.close()?;
        }
        Ok(())
    }
}
