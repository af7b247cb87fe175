//! The latest messages over all of a user's conversations.
//!
//! One writer stores all messages of a file, and SQLite gives each row a larger
//! number than any before it: its place. Within a conversation places ascend
//! with seqs. So the index of seqs is in the order of this list too, and the
//! list needs none of its own, which every send would have to keep: a merge of
//! the conversations, newest message first, reads no more than the page.

use std::collections::BinaryHeap;

use messenger_core::id::UserId;
use messenger_core::message::Message;
use messenger_core::page::{Rows, Slice, TimeKey};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use uuid::Uuid;

use crate::error::SqlResult;
use crate::rows::{message, message_columns, one_more};
use crate::search::first_after;

/// The newest message of a conversation that is not listed yet. Ordered by
/// place, which no two have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    place: i64,
    conversation: Uuid,
    seq: i64,
}

pub(crate) fn recent_messages(
    connection: &Connection,
    user: UserId,
    slice: Slice<TimeKey>,
) -> SqlResult<Rows<Message, TimeKey>> {
    let mut heads = newest_of_each(connection, user)?;
    if let Some(key) = slice.after {
        let end = place_of(connection, key)?;
        let (newer, mut older): (Vec<_>, Vec<_>) = heads.into_iter().partition(|head| head.place >= end);
        for head in newer {
            older.extend(newest_before(connection, head, end)?);
        }
        heads = older;
    }
    let mut heads = BinaryHeap::from(heads);
    let mut select =
        connection.prepare_cached(concat!("SELECT ", message_columns!("m"), " FROM messages m WHERE m.rowid = ?1"))?;
    let mut messages = Vec::new();
    while let Some(head) = heads.pop() {
        messages.push(select.query_row([head.place], message)?);
        if i64::try_from(messages.len()).unwrap_or(i64::MAX) == one_more(slice.limit) {
            break;
        }
        heads.extend(newest_up_to(connection, head.conversation, head.seq - 1)?);
    }
    Ok(Rows::cut(messages, slice.limit, |message| TimeKey { at: message.created_at, id: message.id.as_uuid() }))
}

fn newest_of_each(connection: &Connection, user: UserId) -> SqlResult<Vec<Head>> {
    let mut select = connection.prepare_cached(
        "SELECT m.rowid, m.conversation_id, m.seq FROM memberships s CROSS JOIN messages m
         ON m.conversation_id = s.conversation_id
            AND m.seq = (SELECT max(x.seq) FROM messages x WHERE x.conversation_id = s.conversation_id)
         WHERE s.user_id = ?1",
    )?;
    let heads = select.query_map([user.as_uuid()], head)?;
    Ok(heads.collect::<rusqlite::Result<_>>()?)
}

fn newest_up_to(connection: &Connection, conversation: Uuid, seq: i64) -> SqlResult<Option<Head>> {
    let mut select = connection.prepare_cached(
        "SELECT m.rowid, m.conversation_id, m.seq FROM messages m
         WHERE m.conversation_id = ?1 AND m.seq <= ?2 ORDER BY m.seq DESC LIMIT 1",
    )?;
    Ok(select.query_row(params![conversation, seq], head).optional()?)
}

/// The newest message of a conversation whose place is before `end`; that of
/// `head` is not.
fn newest_before(connection: &Connection, head: Head, end: i64) -> SqlResult<Option<Head>> {
    let first = first_after(head.seq, |seq| {
        let found = newest_up_to(connection, head.conversation, seq)?;
        Ok(found.map(|found| (found.seq, found.place >= end)))
    })?;
    newest_up_to(connection, head.conversation, first - 1)
}

/// Where the list goes on: the place of the message that the key names.
fn place_of(connection: &Connection, key: TimeKey) -> SqlResult<i64> {
    let mut select = connection.prepare_cached("SELECT rowid FROM messages WHERE id = ?1")?;
    if let Some(place) = select.query_row([key.id], |row| row.get(0)).optional()? {
        return Ok(place);
    }
    // It went with its conversation; time leads to where it was.
    let mut select = connection
        .prepare_cached("SELECT rowid, created_at > ?2 FROM messages WHERE rowid <= ?1 ORDER BY rowid DESC LIMIT 1")?;
    let mut is_later = |place: i64| -> SqlResult<Option<(i64, bool)>> {
        let parameters = params![place, key.at.as_millis()];
        Ok(select.query_row(parameters, |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    };
    match is_later(i64::MAX)? {
        Some((last, true)) => first_after(last, is_later),
        _ => Ok(i64::MAX),
    }
}

fn head(row: &Row<'_>) -> rusqlite::Result<Head> {
    Ok(Head { place: row.get(0)?, conversation: row.get(1)?, seq: row.get(2)? })
}
