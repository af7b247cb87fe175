//! A connection, and how the unit of work on it stands.

use std::panic::{AssertUnwindSafe, catch_unwind};

use messenger_core::store::{StoreError, StoreResult};
use rusqlite::Connection;

use crate::error::SqlResult;

/// A connection as whoever works on it sees it.
pub(crate) struct Owned {
    pub(crate) connection: Connection,
    unit: Unit,
    /// Of what was there when it was last looked.
    version: i64,
}

/// How a unit of work begins.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Begin {
    /// With a state to read from.
    Read,
    /// With the file's lock, to write what follows from what was read.
    Write,
}

/// How the unit of work on a connection stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// There is none.
    None,
    /// Statements may run.
    Open,
    /// A statement failed. SQLite may have kept half of what a call wrote, or
    /// may have ended the transaction by itself, so that the next statement
    /// would commit on its own: nothing but the end is allowed.
    Failed,
}

impl Owned {
    pub(crate) fn new(connection: Connection) -> rusqlite::Result<Self> {
        // From the start: what is read before the first write counts too.
        let version = data_version(&connection)?;
        Ok(Self { connection, unit: Unit::None, version })
    }

    /// Begins a unit of work with this statement.
    pub(crate) fn begin(&mut self, statement: &str) -> SqlResult<()> {
        self.end();
        self.connection.prepare_cached(statement)?.execute([])?;
        self.unit = Unit::Open;
        Ok(())
    }

    /// Begins a unit of work in this way, if one is to begin.
    pub(crate) fn begin_as(&mut self, begin: Option<Begin>) -> StoreResult<()> {
        match begin {
            None => Ok(()),
            Some(Begin::Read) => Ok(self.begin("BEGIN")?),
            Some(Begin::Write) => self.begin_writing(),
        }
    }

    /// IMMEDIATE: a read that becomes a write later could find that another
    /// process has written meanwhile. And when one has since this connection's
    /// last unit of work, what the caller has read may be of before that.
    fn begin_writing(&mut self) -> StoreResult<()> {
        self.begin("BEGIN IMMEDIATE")?;
        let version = self.work(|connection| Ok(data_version(connection)?))?;
        if std::mem::replace(&mut self.version, version) != version {
            self.end();
            return Err(StoreError::Conflict("another process has written".to_owned()));
        }
        Ok(())
    }

    /// Does a part of the unit of work.
    pub(crate) fn work<T>(&mut self, work: impl FnOnce(&Connection) -> SqlResult<T>) -> StoreResult<T> {
        match self.unit {
            Unit::Open => {}
            Unit::None => return Err(StoreError::Defect("no transaction is open".to_owned())),
            Unit::Failed => return Err(failed_before()),
        }
        // Until it has gone well it has failed: a panic leaves it so.
        self.unit = Unit::Failed;
        let done = work(&self.connection)?;
        self.unit = Unit::Open;
        Ok(done)
    }

    /// Does a job, unless it panics: that is said, and not passed on.
    pub(crate) fn guarded<T>(&mut self, job: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let done = catch_unwind(AssertUnwindSafe(|| job(self)));
        done.inspect_err(|_| tracing::error!("a job on a database connection panicked")).ok()
    }

    /// Ends a unit of work that has only read. It says so when a read failed:
    /// nothing may be built on that.
    pub(crate) fn finish_reading(&mut self) -> StoreResult<()> {
        if self.unit == Unit::Failed {
            return Err(failed_before());
        }
        self.end();
        Ok(())
    }

    /// Ends the unit of work, if there is one, and undoes what it did.
    pub(crate) fn end(&mut self) {
        self.unit = Unit::None;
        if self.connection.is_autocommit() {
            return;
        }
        if let Err(error) = self.connection.prepare_cached("ROLLBACK").and_then(|mut end| end.execute([])) {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
    }
}

/// What changes when another connection writes.
fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}

fn failed_before() -> StoreError {
    StoreError::Defect("the transaction failed before and can only be rolled back".to_owned())
}
