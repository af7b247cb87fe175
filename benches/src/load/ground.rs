//! A database that nodes in processes of their own share.

use std::sync::Arc;

use messenger_core::event::PartitionCount;
use messenger_store_sqlite::SqliteStore;
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
