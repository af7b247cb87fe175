//! Applying migrations and taking them back.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use messenger_core::clock::{Clock as _, SystemClock, Timestamp};
use messenger_core::event::PartitionCount;
use messenger_core::store::{MigrationError, MigrationState, MigrationStatus, Migrator};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use crate::connection::{absolute, create_file, open_plain};
use crate::migrations::{MIGRATIONS, Migration};
use crate::options::{MigrateOnOpen, SqliteOptions};

/// How long a migration waits for one that another process is at.
const TURN: Duration = Duration::from_mins(1);

/// Changes the schema of a database file.
///
/// SQLite's schema changes are transactional: a migration and its row in
/// `schema_migrations` are one commit, so none is ever half done.
#[derive(Debug, Clone)]
pub struct SqliteMigrator {
    path: PathBuf,
    partitions: PartitionCount,
    on_open: MigrateOnOpen,
    known: &'static [Migration],
}

/// A row of `schema_migrations`.
struct Applied {
    name: String,
    checksum: String,
    at: Timestamp,
}

impl SqliteMigrator {
    /// For the file, and with the number of partitions, that `options` name.
    /// The server's lock is not taken: one looks at the status beside a server.
    pub fn new(options: SqliteOptions) -> Self {
        Self { path: options.path, partitions: options.partitions, on_open: options.migrate, known: MIGRATIONS }
    }

    /// What opening the store does about migrations.
    pub(crate) fn on_open(&self) -> Result<(), MigrationError> {
        match self.on_open {
            MigrateOnOpen::Apply => self.up_blocking().map(drop),
            MigrateOnOpen::Refuse => {
                let pending = self.status_blocking()?.iter().filter(|m| m.state == MigrationState::Pending).count();
                if pending == 0 {
                    return Ok(());
                }
                let path = self.path.display();
                Err(MigrationError::new(format!("{path} lacks {pending} migration(s): run `messenger migrate up`")))
            }
        }
    }

    fn status_blocking(&self) -> Result<Vec<MigrationStatus>, MigrationError> {
        let Some(mut connection) = self.connect_if_there()? else {
            return Ok(self.known.iter().map(|migration| migration.status(MigrationState::Pending)).collect());
        };
        let transaction = connection.transaction().map_err(|error| self.failed("read", &error))?;
        self.status_in(&transaction)
    }

    fn up_blocking(&self) -> Result<Vec<MigrationStatus>, MigrationError> {
        create_file(&self.path).map_err(|error| MigrationError::new(error.to_string()))?;
        let mut done = Vec::new();
        let is_pending = |status: &MigrationStatus| status.state == MigrationState::Pending;
        // A look without a lock first: mostly there is nothing to do, and a
        // server beside need not wait for that.
        while self.status_blocking()?.iter().any(is_pending) {
            let mut connection = self.connect()?;
            let transaction = self.begin(&mut connection)?;
            // Whoever had the turn before may have done it: look again inside.
            let statuses = self.status_in(&transaction)?;
            let pending = self.known.iter().zip(&statuses).find(|(_, status)| is_pending(status));
            if let Some((migration, _)) = pending {
                done.push(self.apply(migration, transaction)?);
            }
        }
        Ok(done)
    }

    fn down_blocking(&self) -> Result<Option<MigrationStatus>, MigrationError> {
        let Some(mut connection) = self.connect_if_there()? else { return Ok(None) };
        let transaction = self.begin(&mut connection)?;
        let statuses = self.status_in(&transaction)?;
        let is_applied = |status: &MigrationStatus| matches!(status.state, MigrationState::Applied { .. });
        let last = self.known.iter().zip(&statuses).rev().find(|(_, status)| is_applied(status));
        let Some((migration, _)) = last else { return Ok(None) };

        let taken_back = transaction
            .execute_batch(migration.down)
            .and_then(|()| check_foreign_keys(&transaction))
            .and_then(|()| transaction.execute("DELETE FROM schema_migrations WHERE version = ?1", [migration.version]))
            .and_then(|_| transaction.commit());
        taken_back.map_err(|error| self.failed(&format!("take back migration {migration} of"), &error))?;
        Ok(Some(migration.status(MigrationState::Pending)))
    }

    fn apply(&self, migration: &Migration, transaction: Transaction<'_>) -> Result<MigrationStatus, MigrationError> {
        let at = SystemClock.now();
        let applied = transaction
            .execute_batch(migration.up)
            .and_then(|()| if migration.version == 1 { seed_log(&transaction, self.partitions) } else { Ok(()) })
            .and_then(|()| check_foreign_keys(&transaction))
            .and_then(|()| {
                transaction.execute(
                    "INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (?1, ?2, ?3, ?4)",
                    params![migration.version, migration.name, migration.checksum(), at.as_millis()],
                )
            })
            .and_then(|_| transaction.commit());
        applied.map_err(|error| self.failed(&format!("apply migration {migration} to"), &error))?;
        Ok(migration.status(MigrationState::Applied { at }))
    }

    /// How every known migration stands; an error when the database and this
    /// version do not fit together.
    fn status_in(&self, connection: &Connection) -> Result<Vec<MigrationStatus>, MigrationError> {
        let mut applied = applied(connection).map_err(|error| self.failed("read", &error))?;
        let path = self.path.display();
        let mut statuses = Vec::with_capacity(self.known.len());
        for migration in self.known {
            let state = match applied.remove(&migration.version) {
                None => MigrationState::Pending,
                Some(row) if row.checksum == migration.checksum() => MigrationState::Applied { at: row.at },
                Some(_) => {
                    return Err(MigrationError::new(format!(
                        "migration {migration} was edited after it was applied to {path}: \
                         put its text back, and make the change in a new migration"
                    )));
                }
            };
            statuses.push(migration.status(state));
        }
        if let Some((version, row)) = applied.last_key_value() {
            return Err(MigrationError::new(format!(
                "{path} has migration {version} ({}), which this version of messenger does not know: \
                 use the version that made it, or a newer one",
                row.name
            )));
        }
        Ok(statuses)
    }

    fn begin<'c>(&self, connection: &'c mut Connection) -> Result<Transaction<'c>, MigrationError> {
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| self.failed("lock", &error))?;
        transaction
            .execute_batch(
                "CREATE TABLE IF NOT EXISTS schema_migrations (
                     version    INTEGER NOT NULL PRIMARY KEY,
                     name       TEXT    NOT NULL,
                     checksum   TEXT    NOT NULL,
                     applied_at INTEGER NOT NULL
                 ) STRICT",
            )
            .map_err(|error| self.failed("prepare", &error))?;
        Ok(transaction)
    }

    fn connect_if_there(&self) -> Result<Option<Connection>, MigrationError> {
        match std::fs::exists(&self.path) {
            Ok(false) => Ok(None),
            Ok(true) => self.connect().map(Some),
            Err(error) => Err(MigrationError::new(format!("cannot open {}: {error}", self.path.display()))),
        }
    }

    /// The journal mode is left as it is: two processes that migrate a new file
    /// at once would be in each other's way over it.
    fn connect(&self) -> Result<Connection, MigrationError> {
        let path = absolute(&self.path).map_err(|error| MigrationError::new(error.to_string()))?;
        open_plain(&path, TURN)
            .and_then(|connection| {
                // A table is rebuilt by dropping it, which must not take its
                // children along. Each migration is checked as a whole instead.
                connection.pragma_update(None, "foreign_keys", false)?;
                Ok(connection)
            })
            .map_err(|error| self.failed("open", &error))
    }

    fn failed(&self, what: &str, error: &rusqlite::Error) -> MigrationError {
        let path = self.path.display();
        match error {
            // With the statement, rusqlite would say: all of a migration.
            rusqlite::Error::SqlInputError { msg, .. } => {
                MigrationError::new(format!("cannot {what} the database {path}: {msg}"))
            }
            error => MigrationError::new(format!("cannot {what} the database {path}: {error}")),
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, MigrationError> + Send + 'static,
    ) -> Result<T, MigrationError> {
        let migrator = self.clone();
        tokio::task::spawn_blocking(move || work(&migrator))
            .await
            .unwrap_or_else(|lost| Err(MigrationError::new(format!("the migration broke off: {lost}"))))
    }
}

#[async_trait]
impl Migrator for SqliteMigrator {
    async fn status(&self) -> Result<Vec<MigrationStatus>, MigrationError> {
        self.blocking(Self::status_blocking).await
    }

    async fn up(&self) -> Result<Vec<MigrationStatus>, MigrationError> {
        self.blocking(Self::up_blocking).await
    }

    async fn down(&self) -> Result<Option<MigrationStatus>, MigrationError> {
        self.blocking(Self::down_blocking).await
    }
}

impl Migration {
    fn status(&self, state: MigrationState) -> MigrationStatus {
        MigrationStatus { version: self.version, name: self.name.to_owned(), state }
    }
}

impl std::fmt::Display for Migration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.version, self.name)
    }
}

fn applied(connection: &Connection) -> rusqlite::Result<BTreeMap<u32, Applied>> {
    let table = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'";
    if connection.query_row(table, [], |_| Ok(())).optional()?.is_none() {
        return Ok(BTreeMap::new());
    }
    connection
        .prepare("SELECT version, name, checksum, applied_at FROM schema_migrations")?
        .query_map([], |row| {
            let at = Timestamp::from_millis(row.get(3)?);
            Ok((row.get(0)?, Applied { name: row.get(1)?, checksum: row.get(2)?, at }))
        })?
        .collect()
}

/// Gives a new log its identity. SQLite's `random()` is 64 bits, seeded by the
/// operating system.
fn seed_log(connection: &Connection, partitions: PartitionCount) -> rusqlite::Result<()> {
    connection
        .execute("INSERT INTO log_identity (id, epoch, partitions) VALUES (1, random(), ?1)", [partitions.get()])?;
    let mut insert = connection.prepare("INSERT INTO log_partitions (partition_id, head) VALUES (?1, 0)")?;
    for partition in 0..partitions.get() {
        insert.execute([partition])?;
    }
    Ok(())
}

fn check_foreign_keys(connection: &Connection) -> rusqlite::Result<()> {
    let broken = connection
        .query_row("SELECT \"table\", \"parent\" FROM pragma_foreign_key_check", [], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })
        .optional()?;
    match broken {
        None => Ok(()),
        Some((table, parent)) => {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY);
            let problem = format!("{table} has rows without their row in {parent}");
            Err(rusqlite::Error::SqliteFailure(code, Some(problem)))
        }
    }
}

#[cfg(test)]
#[path = "migrator_tests.rs"]
mod tests;
