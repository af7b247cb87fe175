//! Changes the schema, forth and back.
//!
//! DDL commits on its own on both servers, so a migration is no transaction:
//! progress is recorded after each statement, and `up` after a failure goes on
//! with the statement that failed.

use async_trait::async_trait;
use messenger_core::clock::Timestamp;
use messenger_core::store::{MigrationError, MigrationState, MigrationStatus, Migrator, UniqueKey};
use sha2::{Digest as _, Sha256};
use sqlx::mysql::MySqlDatabaseError;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, MySqlConnection};

use crate::error::{Failure, explain_opening};
use crate::migrations::{MIGRATIONS, Migration, Recorded, check_history, checksum, statements};
use crate::options::MySqlOptions;
use crate::sql::{Columns, Sql, read_number};

/// Changes the schema of the database that the options name. Each call opens a
/// connection of its own.
pub struct MySqlMigrator {
    options: MySqlOptions,
    migrations: Vec<Migration>,
}

/// How long a process waits, in seconds, for another one that migrates.
const WAIT_FOR_OTHERS: u32 = 3600;

const CREATE_HISTORY: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    version         INT UNSIGNED NOT NULL,
    name            VARCHAR(100) NOT NULL,
    checksum        BINARY(32)   NOT NULL,
    applied_at      BIGINT       NULL,
    statements_done INT UNSIGNED NOT NULL,
    PRIMARY KEY (version)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin";

impl MySqlMigrator {
    /// Opens nothing yet.
    pub fn new(options: MySqlOptions) -> Self {
        Self { options, migrations: MIGRATIONS.to_vec() }
    }

    /// With further migrations, so that a test can make one fail.
    #[cfg(feature = "testing")]
    pub fn with_migrations(mut self, further: impl IntoIterator<Item = Migration>) -> Self {
        self.migrations.extend(further);
        self
    }

    async fn open(&self) -> Result<MySqlConnection, MigrationError> {
        let options = self.options.connect_options().map_err(MigrationError::new)?;
        let unreachable = |why: String| MigrationError::new(format!("cannot open the database: {why}"));
        let limit = self.options.acquire_timeout;
        let mut connection = tokio::time::timeout(limit, options.connect())
            .await
            .map_err(|_| unreachable(format!("the server did not answer for {limit:?}")))?
            .map_err(|error| unreachable(explain_opening(&error)))?;
        // A DDL statement waits for every open transaction on its table, and
        // all others wait behind it: rather give up after a minute than after
        // the default of a year (a day on MariaDB).
        script(
            &mut connection,
            "SET SESSION lock_wait_timeout = 60, autocommit = 1, \
             sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
        )
        .await?;
        let mut sql = Sql::new("SET @messenger_partitions = ");
        sql.bind(self.options.partitions.get());
        run(&mut connection, sql).await?;
        Ok(connection)
    }

    /// Opens a connection and waits until no other process migrates this
    /// database. The lock goes with the connection, so it must be one that
    /// nobody shares; RDS Proxy pins it.
    async fn open_alone(&self) -> Result<MySqlConnection, MigrationError> {
        let mut connection = self.open().await?;
        let database = self.options.connect_options().map_err(MigrationError::new)?;
        // Lock names are the server's, not the database's, and hold 64
        // characters.
        let digest = Sha256::digest(database.get_database().unwrap_or_default());
        let name = digest.iter().take(16).fold("messenger:".to_owned(), |name, byte| format!("{name}{byte:02x}"));
        let mut sql = Sql::new("SELECT COALESCE(GET_LOCK(");
        sql.bind(name).then(", ", WAIT_FOR_OTHERS).text("), 0)");
        if rows(&mut connection, sql, read_number).await?.first() == Some(&1) {
            script(&mut connection, CREATE_HISTORY).await?;
            Ok(connection)
        } else {
            Err(MigrationError::new(format!("another process has been migrating for {WAIT_FOR_OTHERS} seconds")))
        }
    }

    /// The state of all migrations, by a connection that is there.
    pub(crate) async fn status_on(
        &self,
        connection: &mut MySqlConnection,
    ) -> Result<Vec<MigrationStatus>, MigrationError> {
        let recorded = history(connection).await?;
        check_history(&self.migrations, &recorded)?;
        Ok(self.statuses(&recorded))
    }

    fn statuses(&self, recorded: &[Recorded]) -> Vec<MigrationStatus> {
        self.migrations.iter().map(|migration| status(migration, recorded)).collect()
    }

    async fn apply(
        &self,
        connection: &mut MySqlConnection,
        migration: &Migration,
        begun: Option<usize>,
    ) -> Result<(), MigrationError> {
        let all = statements(migration.up);
        let done = begun.unwrap_or(0);
        record(connection, migration, &all[..done]).await?;
        for (index, statement) in all.iter().enumerate().skip(done) {
            // Of an interrupted migration, this one may have been carried out
            // without being recorded.
            let again = if begun == Some(index) { found_done(statement) } else { &[] };
            script_unless(connection, statement, again).await.map_err(|error| {
                let (version, name, number, total) = (migration.version, migration.name, index + 1, all.len());
                MigrationError::new(format!(
                    "migration {version} ({name}) failed at statement {number} of {total}: {error}; mend the cause \
                     and run `messenger migrate up` again: it goes on with statement {number}"
                ))
            })?;
            record(connection, migration, &all[..=index]).await?;
        }
        let mut sql = Sql::new(
            "UPDATE schema_migrations SET applied_at = CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED) WHERE version = ",
        );
        sql.bind(migration.version);
        run(connection, sql).await
    }
}

#[async_trait]
impl Migrator for MySqlMigrator {
    async fn status(&self) -> Result<Vec<MigrationStatus>, MigrationError> {
        let mut connection = self.open().await?;
        let statuses = self.status_on(&mut connection).await;
        close(connection).await;
        statuses
    }

    async fn up(&self) -> Result<Vec<MigrationStatus>, MigrationError> {
        let mut connection = self.open_alone().await?;
        let recorded = history(&mut connection).await?;
        check_history(&self.migrations, &recorded)?;
        let mut applied = Vec::new();
        for migration in &self.migrations {
            let begun = match status(migration, &recorded).state {
                MigrationState::Applied { .. } => continue,
                MigrationState::Pending => None,
                MigrationState::Interrupted { statements_done } => Some(statements_done as usize),
            };
            self.apply(&mut connection, migration, begun).await?;
            applied.push(migration.version);
        }
        let recorded = history(&mut connection).await?;
        close(connection).await;
        Ok(self.statuses(&recorded).into_iter().filter(|one| applied.contains(&one.version)).collect())
    }

    async fn down(&self) -> Result<Option<MigrationStatus>, MigrationError> {
        let mut connection = self.open_alone().await?;
        let recorded = history(&mut connection).await?;
        check_history(&self.migrations, &recorded)?;
        let begun = |one: &&Migration| recorded.iter().any(|row| row.version == one.version);
        let Some(migration) = self.migrations.iter().rev().find(begun) else {
            return Ok(None);
        };
        // From here on, both ways are open: `up` begins with its first
        // statement, `down` with its own.
        record(&mut connection, migration, &[]).await?;
        let all = statements(migration.down);
        for (index, statement) in all.iter().enumerate() {
            script_unless(&mut connection, statement, IS_GONE).await.map_err(|error| {
                let (version, name, number, total) = (migration.version, migration.name, index + 1, all.len());
                MigrationError::new(format!(
                    "taking back migration {version} ({name}) failed at statement {number} of {total}: {error}; mend \
                     the cause and run `messenger migrate down` again: it repeats all of them"
                ))
            })?;
        }
        let mut sql = Sql::new("DELETE FROM schema_migrations WHERE version = ");
        sql.bind(migration.version);
        run(&mut connection, sql).await?;
        close(connection).await;
        Ok(Some(status(migration, &[])))
    }
}

fn status(migration: &Migration, recorded: &[Recorded]) -> MigrationStatus {
    let state = match recorded.iter().find(|row| row.version == migration.version) {
        None => MigrationState::Pending,
        Some(Recorded { applied_at: Some(at), .. }) => MigrationState::Applied { at: Timestamp::from_millis(*at) },
        Some(row) => MigrationState::Interrupted { statements_done: row.statements_done },
    };
    MigrationStatus { version: migration.version, name: migration.name.to_owned(), state }
}

/// Notes how far a migration has come.
async fn record(
    connection: &mut MySqlConnection,
    migration: &Migration,
    done: &[String],
) -> Result<(), MigrationError> {
    let sum = checksum(done);
    let count = u32::try_from(done.len()).unwrap_or(u32::MAX);
    let mut sql =
        Sql::new("INSERT INTO schema_migrations (version, name, checksum, applied_at, statements_done) VALUES (");
    sql.bind(migration.version)
        .then(", ", migration.name)
        .then(", ", sum.as_slice())
        .then(", NULL, ", count)
        .then(") ON DUPLICATE KEY UPDATE applied_at = NULL, checksum = ", sum.as_slice())
        .then(", statements_done = ", count);
    run(connection, sql).await
}

/// What was applied; nothing in a database that has no history.
async fn history(connection: &mut MySqlConnection) -> Result<Vec<Recorded>, MigrationError> {
    let sql = Sql::new(
        "SELECT COUNT(*) FROM information_schema.tables \
         WHERE table_schema = DATABASE() AND table_name = 'schema_migrations'",
    );
    if rows(connection, sql, read_number).await?.first() == Some(&0) {
        return Ok(Vec::new());
    }
    let sql =
        Sql::new("SELECT version, name, checksum, applied_at, statements_done FROM schema_migrations ORDER BY version");
    rows(connection, sql, |row| {
        Ok(Recorded {
            version: row.take()?,
            name: row.take()?,
            checksum: row.take()?,
            applied_at: row.take()?,
            statements_done: row.take()?,
        })
    })
    .await
}

async fn rows<T>(
    connection: &mut MySqlConnection,
    sql: Sql,
    read: fn(&mut Columns<'_>) -> messenger_core::store::StoreResult<T>,
) -> Result<Vec<T>, MigrationError> {
    let answer = sql.fetch_all(connection).await.map_err(explain)?;
    answer
        .rows
        .iter()
        .map(|row| read(&mut Columns::of(row)).map_err(|error| MigrationError::new(error.to_string())))
        .collect()
}

async fn run(connection: &mut MySqlConnection, sql: Sql) -> Result<(), MigrationError> {
    sql.execute(connection).await.map_err(explain)?;
    Ok(())
}

/// Duplicate column, key and constraint. MySQL has no `IF NOT EXISTS` for them.
const IS_THERE: &[u16] = &[1060, 1061, 1826, 3822];

/// By which errors a statement that is run again says that its work is done. A
/// table that is made is none: `IF NOT EXISTS` passes over one that is there,
/// so an error is about the name of a key that another table has.
fn found_done(statement: &str) -> &'static [u16] {
    if statement.starts_with("CREATE TABLE") { &[] } else { IS_THERE }
}

/// No such column or key; no such constraint, by MySQL.
const IS_GONE: &[u16] = &[1091, 3821, 3940];

/// One statement of a migration, as it stands there: unprepared, because not
/// every DDL statement can be prepared.
async fn script(connection: &mut MySqlConnection, statement: &str) -> Result<(), MigrationError> {
    script_unless(connection, statement, &[]).await
}

/// The same; an error of one of these numbers says that its work is done.
async fn script_unless(connection: &mut MySqlConnection, statement: &str, done: &[u16]) -> Result<(), MigrationError> {
    match sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await {
        Ok(_) => Ok(()),
        Err(error) if number_of(&error).is_some_and(|number| done.contains(&number)) => Ok(()),
        Err(error) => Err(explain(error)),
    }
}

/// The server's number for an error.
fn number_of(error: &sqlx::Error) -> Option<u16> {
    Some(error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>()?.number())
}

fn explain(error: sqlx::Error) -> MigrationError {
    MigrationError::new(Failure::of(error, UniqueKey::Other).into_error().to_string())
}

/// Also gives the lock back. Whoever closes has no use for an error.
async fn close(connection: MySqlConnection) {
    let _ = connection.close().await;
}
