//! Databases to measure on: made for a run, gone afterwards.

use std::sync::Arc;

use messenger_core::event::PartitionCount;
use messenger_core::store::Store;
use messenger_store_mysql::{MySqlOptions, MySqlStore, OnPending};
use messenger_store_sqlite::SqliteStore;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection};
use tempfile::TempDir;

use crate::Outcome;

/// The variable that names a MySQL server with a user who may make databases:
/// `mysql://root@127.0.0.1:3306`.
pub const MYSQL_URL: &str = "MESSENGER_BENCH_MYSQL_URL";

/// What `MESSENGER_BENCH_MYSQL_URL` names; says so when it names nothing.
pub fn mysql_server() -> Option<String> {
    let url = std::env::var(MYSQL_URL).ok().filter(|url| !url.is_empty());
    if url.is_none() {
        eprintln!("MySQL is NOT measured: set {MYSQL_URL}=mysql://user:password@host:port to measure it.");
    }
    url
}

/// A fresh database with a store over it.
pub struct Database {
    /// The store; migrated.
    pub store: Arc<dyn Store>,
    kind: Kind,
}

enum Kind {
    /// The directory goes when this is dropped.
    Sqlite(TempDir),
    MySql {
        store: MySqlStore,
        server: String,
        name: String,
    },
}

impl Database {
    /// A SQLite file in a directory of its own. `TMPDIR` says on which disk:
    /// figures of a file system in memory mean nothing.
    pub async fn sqlite() -> Outcome<Self> {
        let directory = tempfile::tempdir()?;
        let store = SqliteStore::open(directory.path().join("bench.db")).await?;
        Ok(Self { store: Arc::new(store), kind: Kind::Sqlite(directory) })
    }

    /// A database of its own on a MySQL or MariaDB server. What database the
    /// URL names does not matter.
    pub async fn mysql(server: &str) -> Outcome<Self> {
        Self::mysql_in_partitions(server, MySqlOptions::new("").partitions).await
    }

    /// The same, with so many partitions of the log.
    pub async fn mysql_in_partitions(server: &str, partitions: PartitionCount) -> Outcome<Self> {
        let server = server_of(server);
        let name = format!("messenger_bench_{}_{}", std::process::id(), partitions.get());
        run_on(&server, &format!("DROP DATABASE IF EXISTS {name}")).await?;
        run_on(&server, &format!("CREATE DATABASE {name}")).await?;
        let options = MySqlOptions {
            on_pending: OnPending::Migrate,
            partitions,
            ..MySqlOptions::new(format!("{server}/{name}"))
        };
        let store = MySqlStore::connect_with(options).await?;
        Ok(Self { store: Arc::new(store.clone()), kind: Kind::MySql { store, server, name } })
    }

    /// A database by URL: none is SQLite, `mysql://…` names a server.
    pub async fn open(url: Option<&str>) -> Outcome<Self> {
        match url {
            None | Some("sqlite") => Self::sqlite().await,
            Some(url) => Self::mysql(url).await,
        }
    }

    /// Where it is, for other processes; a file is theirs once the store is
    /// dropped.
    pub fn url(&self) -> String {
        match &self.kind {
            Kind::Sqlite(directory) => format!("sqlite://{}", directory.path().join("bench.db").display()),
            Kind::MySql { server, name, .. } => format!("{server}/{name}"),
        }
    }

    /// What it is, for tables.
    pub fn name(&self) -> &'static str {
        match self.kind {
            Kind::Sqlite(_) => "SQLite",
            Kind::MySql { .. } => "MySQL",
        }
    }

    /// Removes it.
    pub async fn remove(self) -> Outcome<()> {
        if let Kind::MySql { store, server, name } = self.kind {
            store.close().await;
            run_on(&server, &format!("DROP DATABASE {name}")).await?;
        }
        Ok(())
    }
}

/// The URL without its database.
fn server_of(url: &str) -> String {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let end = url[after_scheme..].find('/').map_or(url.len(), |at| after_scheme + at);
    url[..end].to_owned()
}

/// The host and port of a URL.
pub fn host_of(url: &str) -> String {
    let host = &url[host_range(url)];
    if host.contains(':') { host.to_owned() } else { format!("{host}:3306") }
}

/// The URL with another host and port.
pub fn with_host(url: &str, host: &str) -> String {
    let range = host_range(url);
    format!("{}{host}{}", &url[..range.start], &url[range.end..])
}

fn host_range(url: &str) -> std::ops::Range<usize> {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let end = url[after_scheme..].find(['/', '?']).map_or(url.len(), |at| after_scheme + at);
    let begin = url[after_scheme..end].rfind('@').map_or(after_scheme, |at| after_scheme + at + 1);
    begin..end
}

async fn run_on(server: &str, sql: &str) -> Outcome<()> {
    let mut connection = MySqlConnection::connect(server).await?;
    connection.execute(AssertSqlSafe(sql.to_owned())).await?;
    connection.close().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{host_of, server_of, with_host};

    #[test]
    fn the_host_of_a_url_is_found_and_replaced() {
        let url = "mysql://root:p@ss@db:3307/a?ssl-mode=REQUIRED";
        assert_eq!(host_of(url), "db:3307");
        assert_eq!(with_host(url, "127.0.0.1:1"), "mysql://root:p@ss@127.0.0.1:1/a?ssl-mode=REQUIRED");
        assert_eq!(host_of("mysql://root@db/a"), "db:3306");
    }

    #[test]
    fn the_database_is_left_out_of_a_url() {
        for url in ["mysql://root@127.0.0.1:3306", "mysql://root@127.0.0.1:3306/", "mysql://root@127.0.0.1:3306/a"] {
            assert_eq!(server_of(url), "mysql://root@127.0.0.1:3306");
        }
    }
}
