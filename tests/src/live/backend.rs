//! Databases for cases: each has its own, which can be copied and put back.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use messenger_core::store::{Migrator as _, Store};
use messenger_store_mysql::testing::{create_database, drop_database};
use messenger_store_mysql::{MySqlMigrator, MySqlOptions, MySqlStore};
use messenger_store_sqlite::SqliteStore;
use sqlx::{Connection as _, MySqlConnection};
use tempfile::TempDir;

use super::Failure;
use crate::mysql::Server;

/// Where databases come from.
pub struct Backend {
    server: Option<Arc<Server>>,
    next: AtomicU32,
}

impl Backend {
    /// Files.
    pub fn sqlite() -> Self {
        Self { server: None, next: AtomicU32::new(0) }
    }

    /// Databases of a server.
    pub fn mysql(server: Server) -> Self {
        Self { server: Some(Arc::new(server)), next: AtomicU32::new(0) }
    }

    pub(crate) fn name(&self) -> &str {
        self.server.as_ref().map_or("SQLite", |server| server.name())
    }

    /// Whether several nodes may serve one database.
    pub(crate) fn serves_many_nodes(&self) -> bool {
        self.server.is_some()
    }

    pub(crate) async fn database(&self) -> Result<Database, Failure> {
        let Some(server) = &self.server else {
            return Ok(Database::Sqlite(tempfile::Builder::new().prefix("messenger-live-").tempdir()?));
        };
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = format!("messenger_live_{}_{number}", std::process::id());
        let url = create_database(server.url(), &name).await?;
        MySqlMigrator::new(MySqlOptions::new(&url)).up().await?;
        Ok(Database::MySql { server: server.clone(), name, url, stores: Mutex::default() })
    }
}

/// A case's database.
pub(crate) enum Database {
    Sqlite(TempDir),
    MySql { server: Arc<Server>, name: String, url: String, stores: Mutex<Vec<MySqlStore>> },
}

impl Database {
    /// Opens it; on `MySQL` any number of times at once.
    pub(crate) async fn open(&self) -> Result<Arc<dyn Store>, Failure> {
        match self {
            Self::Sqlite(directory) => Ok(Arc::new(SqliteStore::open(directory.path().join("messenger.db")).await?)),
            Self::MySql { url, stores, .. } => {
                let store = MySqlStore::connect(url).await?;
                stores.lock().unwrap_or_else(PoisonError::into_inner).push(store.clone());
                Ok(Arc::new(store))
            }
        }
    }

    /// Whether nobody serves it who would have to be alone.
    pub(crate) async fn is_free(&self) -> bool {
        matches!(self, Self::MySql { .. }) || self.open().await.is_ok()
    }

    /// Keeps a copy of it. A file must not be open.
    pub(crate) async fn back_up(&self) -> Result<(), Failure> {
        match self {
            Self::Sqlite(directory) => copy_file(directory, "messenger.db", "backup.db"),
            Self::MySql { url, name, .. } => {
                let mut connection = MySqlConnection::connect(url).await?;
                for table in tables(&mut connection, name).await? {
                    run(&mut connection, format!("CREATE TABLE backup_{table} AS SELECT * FROM {table}")).await?;
                }
                Ok(connection.close().await?)
            }
        }
    }

    /// Puts the copy back, in one commit. A file must not be open; nodes on
    /// `MySQL` may run on.
    pub(crate) async fn restore(&self) -> Result<(), Failure> {
        match self {
            Self::Sqlite(directory) => copy_file(directory, "backup.db", "messenger.db"),
            Self::MySql { url, name, .. } => {
                let mut connection = MySqlConnection::connect(url).await?;
                run(&mut connection, "SET foreign_key_checks = 0".to_owned()).await?;
                run(&mut connection, "BEGIN".to_owned()).await?;
                for table in tables(&mut connection, name).await? {
                    run(&mut connection, format!("DELETE FROM {table}")).await?;
                    run(&mut connection, format!("INSERT INTO {table} SELECT * FROM backup_{table}")).await?;
                }
                run(&mut connection, "COMMIT".to_owned()).await?;
                Ok(connection.close().await?)
            }
        }
    }

    /// Removes it.
    pub(crate) async fn discard(self) -> Result<(), Failure> {
        match self {
            Self::Sqlite(directory) => Ok(directory.close()?),
            Self::MySql { server, name, stores, .. } => {
                for store in stores.into_inner().unwrap_or_else(PoisonError::into_inner) {
                    store.close().await;
                }
                Ok(drop_database(server.url(), &name).await?)
            }
        }
    }
}

async fn tables(connection: &mut MySqlConnection, database: &str) -> Result<Vec<String>, Failure> {
    let sql = "SELECT CAST(table_name AS CHAR) FROM information_schema.tables
        WHERE table_schema = ? AND table_type = 'BASE TABLE' AND table_name NOT LIKE 'backup\\_%'";
    Ok(sqlx::query_scalar(sql).bind(database).fetch_all(connection).await?)
}

async fn run(connection: &mut MySqlConnection, sql: String) -> Result<(), Failure> {
    // The names are those of our own tables.
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

/// The file with its write-ahead log; a file that was closed has none left.
fn copy_file(directory: &TempDir, from: &str, to: &str) -> Result<(), Failure> {
    let path = |name: &str, suffix: &str| -> PathBuf { directory.path().join(format!("{name}{suffix}")) };
    for suffix in ["", "-wal"] {
        let (from, to) = (path(from, suffix), path(to, suffix));
        if to.exists() {
            std::fs::remove_file(&to)?;
        }
        if from.exists() {
            std::fs::copy(from, to)?;
        }
    }
    // Made anew from the log.
    let shared = path(to, "-shm");
    if shared.exists() {
        std::fs::remove_file(shared)?;
    }
    Ok(())
}
