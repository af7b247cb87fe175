//! A database that nodes in processes of their own share.

use std::sync::Arc;
use std::time::Duration;

use messenger_core::event::PartitionCount;
use messenger_store_sqlite::SqliteStore;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection};
use tempfile::TempDir;

use super::crowd::Crowd;
use crate::Outcome;
use crate::database::Database;

/// A database, gone when it is discarded.
pub enum Ground {
    /// A file, for one node at a time.
    Sqlite(TempDir),
    /// A database of a server, for any number of nodes.
    MySql(Database),
}

impl Ground {
    /// By URL: none is SQLite, `mysql://…` names a server.
    pub async fn open(url: Option<&str>) -> Outcome<Self> {
        match url {
            None | Some("sqlite") => Ok(Self::Sqlite(tempfile::tempdir()?)),
            Some(url) => Ok(Self::MySql(Database::mysql(url).await?)),
        }
    }

    /// Another database of the same server, whose log has one partition.
    pub async fn beside_in_one_partition(&self) -> Outcome<Self> {
        match self {
            Self::Sqlite(_) => Err("SQLite's log has one partition: give --database-url".into()),
            Self::MySql(database) => {
                let one = PartitionCount::try_new(1).ok_or("one is a count")?;
                Ok(Self::MySql(Database::mysql_in_partitions(&database.url(), one).await?))
            }
        }
    }

    /// Who makes what there is before the run. To be dropped before a node
    /// starts: SQLite has one server per file.
    pub async fn crowd(&self) -> Outcome<Crowd> {
        match self {
            Self::Sqlite(directory) => Crowd::on(Arc::new(SqliteStore::open(file(directory)).await?)),
            Self::MySql(database) => Crowd::on(database.store.clone()),
        }
    }

    /// Runs statements in a transaction of their own, as a tool of an operator
    /// would.
    pub async fn execute(&self, statements: String) -> Outcome<()> {
        match self {
            Self::Sqlite(directory) => {
                let path = file(directory);
                let run = move || {
                    let connection = rusqlite::Connection::open(path)?;
                    connection.busy_timeout(Duration::from_secs(30))?;
                    connection.execute_batch(&format!("BEGIN IMMEDIATE; {statements} COMMIT"))?;
                    Outcome::Ok(())
                };
                tokio::task::spawn_blocking(run).await?
            }
            Self::MySql(database) => {
                let mut connection = MySqlConnection::connect(&database.url()).await?;
                let statements = format!("START TRANSACTION; {statements} COMMIT");
                connection.execute(sqlx::raw_sql(AssertSqlSafe(statements))).await?;
                Ok(connection.close().await?)
            }
        }
    }

    /// The partitions of the log.
    pub async fn partitions(&self) -> Outcome<Vec<u16>> {
        match self {
            Self::Sqlite(_) => Ok(vec![0]),
            Self::MySql(database) => {
                let mut connection = MySqlConnection::connect(&database.url()).await?;
                let select = sqlx::query_scalar("SELECT partition_id FROM log_partitions ORDER BY 1");
                let partitions = select.fetch_all(&mut connection).await?;
                connection.close().await?;
                Ok(partitions)
            }
        }
    }

    /// The database as the binary takes it.
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(directory) => format!("sqlite://{}", file(directory).display()),
            Self::MySql(database) => database.url(),
        }
    }

    /// What it is, for tables.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::MySql(database) => database.name(),
        }
    }

    /// Removes it.
    pub async fn discard(self) -> Outcome<()> {
        match self {
            Self::Sqlite(directory) => Ok(directory.close()?),
            Self::MySql(database) => database.remove().await,
        }
    }
}

fn file(directory: &TempDir) -> std::path::PathBuf {
    directory.path().join("bench.db")
}
