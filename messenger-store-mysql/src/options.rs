//! How to reach the server, and how hard to lean on it.

use std::fmt;
use std::str::FromStr as _;
use std::time::Duration;

use messenger_core::event::PartitionCount;
use sqlx::mysql::MySqlConnectOptions;

/// What [`MySqlStore::connect_with`](crate::MySqlStore::connect_with) does with
/// a database whose schema is older than this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnPending {
    /// Refuses it, in one line that says what to run.
    Refuse,
    /// Applies what is missing.
    Migrate,
}

/// How to reach the server, and how hard to lean on it.
#[derive(Clone)]
pub struct MySqlOptions {
    /// `mysql://user:password@host:port/database`, with sqlx's parameters
    /// (`ssl-mode`, `ssl-ca`, `socket`, …).
    pub url: String,
    /// The most connections at once. A transaction or a snapshot holds one.
    pub max_connections: u32,
    /// How long a caller waits for a free or a new connection before the store
    /// counts as unavailable.
    pub acquire_timeout: Duration,
    /// How long an unused connection is kept. Less than the server waits (this
    /// and a minute), so that the store closes it first.
    pub idle_timeout: Duration,
    /// How old a connection gets, so that load follows when servers change.
    pub max_lifetime: Duration,
    /// How long a statement waits for a lock, in whole seconds: then it is a
    /// conflict. Below the time that a request may take.
    pub lock_wait: Duration,
    /// How long a transaction may say nothing, in whole seconds: then the
    /// server ends it and frees its locks. A node that stalls must not stop
    /// the others, so this is less than `lock_wait`.
    pub idle_in_transaction: Duration,
    /// How many partitions the log gets when the database is made; ignored
    /// afterwards. Nodes that write to different partitions do not wait for
    /// each other.
    pub partitions: PartitionCount,
    /// What to do about an older schema.
    pub on_pending: OnPending,
}

impl MySqlOptions {
    /// The defaults: 16 connections, 5 seconds to get one, 5 minutes idle, half
    /// an hour old, 5 seconds for a lock, 4 seconds of silence in a
    /// transaction, 8 partitions, pending migrations refused.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 16,
            acquire_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_mins(5),
            max_lifetime: Duration::from_mins(30),
            lock_wait: Duration::from_secs(5),
            idle_in_transaction: Duration::from_secs(4),
            partitions: DEFAULT_PARTITIONS,
            on_pending: OnPending::Refuse,
        }
    }

    /// Reads the URL. The error never repeats it: there is a password in it.
    pub(crate) fn connect_options(&self) -> Result<MySqlConnectOptions, String> {
        if !self.url.starts_with("mysql://") && !self.url.starts_with("mariadb://") {
            return Err("the database URL must begin with mysql://".to_owned());
        }
        let options = MySqlConnectOptions::from_str(&self.url)
            .map_err(|error| format!("the database URL cannot be understood: {error}"))?;
        if options.get_database().is_none_or(str::is_empty) {
            return Err("the database URL names no database: mysql://user@host:port/database".to_owned());
        }
        // The pool sets a session up in one statement of its own.
        Ok(options.pipes_as_concat(false).no_engine_substitution(false).timezone(None))
    }
}

impl fmt::Debug for MySqlOptions {
    /// Shows everything but the URL, which holds the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MySqlOptions").field("max_connections", &self.max_connections).finish_non_exhaustive()
    }
}

/// How many partitions the log gets unless told otherwise.
pub(crate) const DEFAULT_PARTITIONS: PartitionCount = match PartitionCount::try_new(8) {
    Some(count) => count,
    None => panic!("eight is not zero"),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_error_and_no_debug_output_shows_the_password() {
        for url in [
            "mysql://ada:geheim@host:port/db",
            "mysql://ada:geheim@host",
            "postgres://ada:geheim@host/db",
            "mysql://ada:geheim@host/db?ssl-mode=geheimnisvoll",
            "mysql://ada:geheim%ff@host/db",
        ] {
            let options = MySqlOptions::new(url);
            let error = options.connect_options().expect_err(url);
            assert!(!error.contains("geheim@") && !error.contains("geheim%"), "{error}");
            assert!(!format!("{options:?}").contains("geheim"));
        }
    }
}
