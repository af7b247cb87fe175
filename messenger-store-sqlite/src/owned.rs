//! A connection, and how the unit of work on it stands.

use messenger_core::store::{StoreError, StoreResult};
use rusqlite::Connection;

use crate::error::SqlResult;

/// A connection as whoever works on it sees it.
pub(crate) struct Owned {
    pub(crate) connection: Connection,
    unit: Unit,
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
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection, unit: Unit::None }
    }

    /// Begins a unit of work.
    pub(crate) fn begin(&mut self, statements: &[&str]) -> SqlResult<()> {
        self.end();
        for statement in statements {
            let begun = self.connection.prepare_cached(statement).and_then(|mut statement| {
                let mut rows = statement.query([])?;
                while rows.next()?.is_some() {}
                Ok(())
            });
            if let Err(error) = begun {
                self.end();
                return Err(error.into());
            }
        }
        self.unit = Unit::Open;
        Ok(())
    }

    /// Begins a unit of work with this statement, if there is one.
    pub(crate) fn begin_with(&mut self, statement: Option<&str>) -> SqlResult<()> {
        statement.map_or(Ok(()), |statement| self.begin(&[statement]))
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

fn failed_before() -> StoreError {
    StoreError::Defect("the transaction failed before and can only be rolled back".to_owned())
}
