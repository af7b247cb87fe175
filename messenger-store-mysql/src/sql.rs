//! Building statements and reading rows.
//!
//! Texts are prepared once per connection and kept there, and a server keeps a
//! bounded number for all connections, so their number is bounded too: a list
//! is filled up to the next power of two by repeating its last value. Rows to
//! insert cannot be repeated; odd numbers of them are prepared, used once and
//! forgotten.

use std::collections::BTreeMap;

use messenger_core::clock::Timestamp;
use messenger_core::page::TimeKey;
use messenger_core::store::{StoreError, StoreResult};
use sqlx::encode::Encode;
use sqlx::mysql::{MySql, MySqlArguments, MySqlRow};
use sqlx::query::Query;
use sqlx::{Decode, QueryBuilder, Row as _, Type};
use uuid::Uuid;

/// At most so many items in one statement; longer slices take several.
pub(crate) const CHUNK: usize = 128;

/// Up to this many rows, an INSERT of every length is kept.
const KEPT_ROWS: usize = 8;

/// A statement whose text is made of literals only; all values are bound.
pub(crate) struct Sql {
    builder: QueryBuilder<MySql>,
    keep: bool,
}

impl Sql {
    /// Begins with a literal.
    pub(crate) fn new(text: &'static str) -> Self {
        Self { builder: QueryBuilder::new(text), keep: true }
    }

    /// Goes on with a literal.
    pub(crate) fn text(&mut self, text: &'static str) -> &mut Self {
        self.builder.push(text);
        self
    }

    /// Binds a value.
    pub(crate) fn bind<'v>(&mut self, value: impl Encode<'v, MySql> + Type<MySql>) -> &mut Self {
        self.builder.push_bind(value);
        self
    }

    /// Binds an id.
    pub(crate) fn id(&mut self, id: Uuid) -> &mut Self {
        self.bind(id.as_bytes().as_slice())
    }

    /// Binds an id or NULL.
    pub(crate) fn optional_id(&mut self, id: Option<Uuid>) -> &mut Self {
        self.bind(id.map(|id| id.as_bytes().to_vec()))
    }

    /// Binds an instant.
    pub(crate) fn time(&mut self, at: Timestamp) -> &mut Self {
        self.bind(at.as_millis())
    }

    /// Binds an instant or NULL.
    pub(crate) fn optional_time(&mut self, at: Option<Timestamp>) -> &mut Self {
        self.bind(at.map(Timestamp::as_millis))
    }

    /// Binds values between literals: `bind(a)`, then each literal with its
    /// value. Reads like the statement.
    pub(crate) fn then<'v>(&mut self, text: &'static str, value: impl Encode<'v, MySql> + Type<MySql>) -> &mut Self {
        self.text(text).bind(value)
    }

    /// `?, ?, …`: ids for an IN list. There must be at least one.
    pub(crate) fn ids(&mut self, ids: &[Uuid]) -> &mut Self {
        self.list(ids, ", ", |sql, id| {
            sql.id(*id);
        })
    }

    /// `(…) OR (…)`: conditions on several columns. Both servers look each up
    /// by index; MariaDB scans for `(a, b) IN ((?, ?))`.
    pub(crate) fn any_of<T>(&mut self, items: &[T], mut push: impl FnMut(&mut Self, &T)) -> &mut Self {
        self.list(items, " OR ", |sql, item| {
            sql.text("(");
            push(sql, item);
            sql.text(")");
        })
    }

    /// `(…), (…)`: rows to insert.
    pub(crate) fn rows<T>(&mut self, items: &[T], mut push: impl FnMut(&mut Self, &T)) -> &mut Self {
        self.keep = items.len() <= KEPT_ROWS || items.len().is_power_of_two();
        for (index, item) in items.iter().enumerate() {
            self.text(if index == 0 { "(" } else { ", (" });
            push(self, item);
            self.text(")");
        }
        self
    }

    /// `column = CASE WHEN key THEN value … ELSE column END`: another value
    /// for each row of an UPDATE. The ELSE is what tells the server the type.
    pub(crate) fn case<T>(
        &mut self,
        column: &'static str,
        items: &[T],
        mut push: impl FnMut(&mut Self, &T),
    ) -> &mut Self {
        self.text(column).text(" = CASE ");
        self.list(items, " ", |sql, item| {
            sql.text("WHEN ");
            push(sql, item);
        });
        self.text(" ELSE ").text(column).text(" END")
    }

    /// What comes after a key in a list that is ordered by an instant and an
    /// id, latest first. The first comparison bounds the index range.
    pub(crate) fn before(&mut self, after: Option<TimeKey>, at: &'static str, id: &'static str) -> &mut Self {
        if let Some(key) = after {
            self.text(" AND ").text(at).text(" <= ").time(key.at);
            self.text(" AND (").text(at).text(" < ").time(key.at);
            self.text(" OR ").text(id).text(" < ").id(key.id).text(")");
        }
        self
    }

    /// The same for a list with the earliest first.
    pub(crate) fn beyond(&mut self, after: Option<TimeKey>, at: &'static str, id: &'static str) -> &mut Self {
        if let Some(key) = after {
            self.text(" AND ").text(at).text(" >= ").time(key.at);
            self.text(" AND (").text(at).text(" > ").time(key.at);
            self.text(" OR ").text(id).text(" > ").id(key.id).text(")");
        }
        self
    }

    /// One row more than the page holds: it tells whether there are more.
    pub(crate) fn limit_for_page(&mut self, limit: u32) -> &mut Self {
        self.then(" LIMIT ", i64::from(limit) + 1)
    }

    /// The statement, ready to be sent.
    pub(crate) fn query(&mut self) -> Query<'_, MySql, MySqlArguments> {
        let keep = self.keep;
        self.builder.build().persistent(keep)
    }

    /// Pushes every item, and the last one again up to a power of two.
    pub(crate) fn list<T>(
        &mut self,
        items: &[T],
        separator: &'static str,
        mut push: impl FnMut(&mut Self, &T),
    ) -> &mut Self {
        let length = items.len().next_power_of_two();
        let padded = items.iter().chain(items.last().into_iter().cycle()).take(length);
        for (index, item) in padded.enumerate() {
            if index > 0 {
                self.text(separator);
            }
            push(self, item);
        }
        self
    }
}

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

/// Each id once, in ascending order.
pub(crate) fn sorted_ids(ids: impl Iterator<Item = Uuid>) -> Vec<Uuid> {
    let mut ids: Vec<_> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Each thing once, in the order of their keys; of repeats, the last: what
/// writing one after the other would come to.
pub(crate) fn last_of_each<T, K: Ord>(items: &[T], key: impl Fn(&T) -> K) -> Vec<&T> {
    let by_key: BTreeMap<K, &T> = items.iter().map(|item| (key(item), item)).collect();
    by_key.into_values().collect()
}

fn read_hash(bytes: &[u8]) -> StoreResult<[u8; 32]> {
    bytes.try_into().map_err(|_| unreadable("hash")())
}
