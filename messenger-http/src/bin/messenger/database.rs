//! Which store the database's URL names: the one place that knows both.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use messenger_core::store::{Migrator, Store};
use messenger_store_mysql::{ConnectError, MySqlMigrator, MySqlOptions, MySqlStore};
use messenger_store_sqlite::{SqliteMigrator, SqliteOptions, SqliteStore};

use crate::Failure;

/// A database, by its URL. Never printed: there may be a password in it.
pub(crate) enum Database {
    Sqlite(PathBuf),
    MySql(String),
}

impl Database {
    pub(crate) fn parse(url: &str) -> Result<Self, Failure> {
        if let Some(path) = url.strip_prefix("sqlite://") {
            // sqlx and others know parameters and a database in memory; here
            // they would be part of a file's name.
            if path.is_empty() || path.starts_with(':') {
                return Err(Failure::Usage("the database URL names no file: sqlite://messenger.db".to_owned()));
            }
            if path.contains(['?', '#']) {
                let text = "the database URL takes no parameters, only a file: sqlite://messenger.db";
                return Err(Failure::Usage(text.to_owned()));
            }
            return Ok(Self::Sqlite(path.into()));
        }
        if url.starts_with("mysql://") || url.starts_with("mariadb://") {
            return Ok(Self::MySql(url.to_owned()));
        }
        Err(Failure::Usage("the database URL must begin with sqlite:// or mysql://".to_owned()))
    }

    /// The database's file.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::MySql(_) => None,
        }
    }

    /// Opens the store. SQLite is migrated on the way; a MySQL database may
    /// serve other nodes, so its schema is changed only when told.
    pub(crate) async fn open(&self, mysql_connections: u16) -> Result<Arc<dyn Store>, Failure> {
        match self {
            Self::Sqlite(path) => match SqliteStore::open(path).await {
                Ok(store) => Ok(Arc::new(store)),
                Err(error) => Err(Failure::Run(error.to_string())),
            },
            Self::MySql(url) => {
                let options = MySqlOptions { max_connections: mysql_connections.into(), ..MySqlOptions::new(url) };
                match MySqlStore::connect_with(options).await {
                    Ok(store) => Ok(Arc::new(store)),
                    Err(error @ ConnectError::Options(_)) => Err(Failure::Usage(error.to_string())),
                    Err(error) => Err(Failure::Run(error.to_string())),
                }
            }
        }
    }

    /// What changes the schema.
    pub(crate) fn migrator(&self) -> Box<dyn Migrator> {
        match self {
            Self::Sqlite(path) => Box::new(SqliteMigrator::new(SqliteOptions::new(path))),
            Self::MySql(url) => Box::new(MySqlMigrator::new(MySqlOptions::new(url))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_its_store() {
        assert_eq!(Database::parse("sqlite://a.db").expect("a file").file(), Some(Path::new("a.db")));
        assert_eq!(Database::parse("sqlite:///var/a.db").expect("a file").file(), Some(Path::new("/var/a.db")));
        assert!(Database::parse("mysql://root@127.0.0.1/m").expect("a server").file().is_none());
    }

    #[test]
    fn a_refused_url_is_not_repeated() {
        for url in
            ["postgres://ada:geheim@host/db", "sqlite://", "sqlite://:memory:", "sqlite://a.db?mode=ro", "", "geheim"]
        {
            let Err(Failure::Usage(message)) = Database::parse(url) else { panic!("{url} is refused") };
            assert!(!message.contains("geheim"), "{message}");
        }
    }
}
