//! Statements about any number of ids, which are one parameter.

use std::rc::Rc;

use rusqlite::types::Value;
use rusqlite::{Connection, Row};
use uuid::Uuid;

use crate::error::SqlResult;

/// What a statement with `… IN (SELECT value FROM rarray(?1))` finds for these
/// ids: one prepared statement, however many they are.
pub(crate) fn select_by_ids<T>(
    connection: &Connection,
    sql: &str,
    ids: impl IntoIterator<Item = Uuid>,
    row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> SqlResult<Vec<T>> {
    // Before the statement, so that it is dropped after it: of what it is the
    // last to release, rusqlite 0.39 frees the shell and not what it holds.
    let ids = id_array(ids);
    let mut select = connection.prepare_cached(sql)?;
    let rows = select.query_map([&ids], row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The same for a statement that changes rows.
pub(crate) fn change_by_ids(
    connection: &Connection,
    sql: &str,
    ids: impl IntoIterator<Item = Uuid>,
) -> SqlResult<usize> {
    let ids = id_array(ids);
    let mut change = connection.prepare_cached(sql)?;
    Ok(change.execute([&ids])?)
}

fn id_array(ids: impl IntoIterator<Item = Uuid>) -> Rc<Vec<Value>> {
    Rc::new(ids.into_iter().map(|id| Value::Blob(id.into_bytes().to_vec())).collect())
}
