//! Reading rows.

use messenger_core::clock::Timestamp;
use messenger_core::store::{StoreError, StoreResult};
use sqlx::mysql::{MySql, MySqlRow};
use sqlx::{Decode, Row as _, Type};
use uuid::Uuid;

/// A row's columns, taken from left to right.
pub(crate) struct Columns<'r> {
    row: &'r MySqlRow,
    next: usize,
}

impl<'r> Columns<'r> {
    /// All of a row.
    pub(crate) fn of(row: &'r MySqlRow) -> Self {
        Self { row, next: 0 }
    }

    /// The next column.
    pub(crate) fn take<T: Decode<'r, MySql> + Type<MySql>>(&mut self) -> StoreResult<T> {
        let value = self.row.try_get(self.next).map_err(|error| StoreError::Defect(error.to_string()))?;
        self.next += 1;
        Ok(value)
    }

    /// The next column, an id.
    pub(crate) fn id(&mut self) -> StoreResult<Uuid> {
        let bytes: &[u8] = self.take()?;
        Uuid::from_slice(bytes).map_err(|error| StoreError::Defect(error.to_string()))
    }

    /// The next column, an id or NULL.
    pub(crate) fn optional_id(&mut self) -> StoreResult<Option<Uuid>> {
        let bytes: Option<&[u8]> = self.take()?;
        bytes.map(Uuid::from_slice).transpose().map_err(|error| StoreError::Defect(error.to_string()))
    }

    /// The next column, an instant.
    pub(crate) fn time(&mut self) -> StoreResult<Timestamp> {
        self.take().map(Timestamp::from_millis)
    }

    /// The next column, an instant or NULL.
    pub(crate) fn optional_time(&mut self) -> StoreResult<Option<Timestamp>> {
        Ok(self.take::<Option<i64>>()?.map(Timestamp::from_millis))
    }

    /// The next column, a hash or NULL.
    pub(crate) fn optional_hash(&mut self) -> StoreResult<Option<[u8; 32]>> {
        let bytes: Option<&[u8]> = self.take()?;
        bytes.map(read_hash).transpose()
    }

    /// The next column, a hash.
    pub(crate) fn hash(&mut self) -> StoreResult<[u8; 32]> {
        read_hash(self.take()?)
    }
}

/// A row of one id.
pub(crate) fn read_id(row: &mut Columns<'_>) -> StoreResult<Uuid> {
    row.id()
}

/// A row of one number.
pub(crate) fn read_number(row: &mut Columns<'_>) -> StoreResult<i64> {
    row.take()
}

/// What is stored cannot be understood.
pub(crate) fn unreadable(what: &'static str) -> impl FnOnce() -> StoreError {
    move || StoreError::Defect(format!("a stored {what} cannot be understood"))
}

fn read_hash(bytes: &[u8]) -> StoreResult<[u8; 32]> {
    bytes.try_into().map_err(|_| unreadable("hash")())
}
