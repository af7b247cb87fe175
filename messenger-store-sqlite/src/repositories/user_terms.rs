//! The index of terms that users are searched by, in step with their names.

use std::rc::Rc;

use messenger_core::user::Username;
use rusqlite::Connection;
use rusqlite::types::Value;

use crate::error::SqlResult;

/// Adds terms that the user does not have.
pub(super) fn insert_terms(
    connection: &Connection,
    username: &Username,
    terms: impl IntoIterator<Item = String>,
) -> SqlResult<()> {
    let sql = "INSERT INTO user_terms (term, username) SELECT value, ?2 FROM rarray(?1)";
    change_terms(connection, sql, username, terms)
}

/// Takes terms away.
pub(super) fn delete_terms(
    connection: &Connection,
    username: &Username,
    terms: impl IntoIterator<Item = String>,
) -> SqlResult<()> {
    let sql = "DELETE FROM user_terms WHERE term IN (SELECT value FROM rarray(?1)) AND username = ?2";
    change_terms(connection, sql, username, terms)
}

fn change_terms(
    connection: &Connection,
    sql: &str,
    username: &Username,
    terms: impl IntoIterator<Item = String>,
) -> SqlResult<()> {
    // Dropped after the statement; `by_ids` says why.
    let terms: Rc<Vec<Value>> = Rc::new(terms.into_iter().map(Value::Text).collect());
    let mut change = connection.prepare_cached(sql)?;
    change.execute((&terms, username.as_str()))?;
    Ok(())
}
