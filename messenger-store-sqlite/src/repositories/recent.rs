//! The latest messages over all of a user's conversations.
//!
//! One writer stores all messages of a file, and SQLite gives each row a larger
//! number than any that is there: its place. So the list is in the order of places,
//! and needs no index of its own, which every send would have to keep: it is a
//! merge of the conversations, each message of which says where the one before
//! it is.

use std::collections::BinaryHeap;

use messenger_core::id::UserId;
use messenger_core::message::Message;
use messenger_core::page::{Rows, Slice, TimeKey};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use uuid::Uuid;

use crate::error::SqlResult;
use crate::places::with_latest;
use crate::rows::{MESSAGE_COLUMNS, message, message_columns, one_more};
use crate::search::first_after;

/// Where the newest message of a conversation is.
struct Newest {
    conversation: Uuid,
    place: i64,
}

pub(crate) fn recent_messages(
    connection: &Connection,
    user: UserId,
    slice: Slice<TimeKey>,
) -> SqlResult<Rows<Message, TimeKey>> {
    let newest = newest_of_each(connection, user)?;
    // No two have a place in common.
    let mut heads = match slice.after {
        None => newest.iter().map(|newest| newest.place).collect(),
        Some(key) => heads_before(connection, newest, place_of(connection, key)?)?,
    };
    let mut select = connection.prepare_cached(concat!(
        "SELECT ",
        message_columns!("m"),
        ", m.previous FROM messages m WHERE m.place = ?1"
    ))?;
    let mut messages = Vec::new();
    while let Some(place) = heads.pop() {
        let row = |row: &Row<'_>| Ok((message(row)?, row.get::<_, i64>(MESSAGE_COLUMNS)?));
        let (message, previous) = select.query_row([place], row)?;
        messages.push(message);
        if i64::try_from(messages.len()).unwrap_or(i64::MAX) == one_more(slice.limit) {
            break;
        }
        heads.extend((previous > 0).then_some(previous));
    }
    Ok(Rows::cut(messages, slice.limit, |message| TimeKey { at: message.created_at, id: message.id.as_uuid() }))
}

fn newest_of_each(connection: &Connection, user: UserId) -> SqlResult<Vec<Newest>> {
    let mut select = connection.prepare_cached(
        "SELECT c.id, c.last_place FROM memberships s CROSS JOIN conversations c ON c.id = s.conversation_id
         WHERE s.user_id = ?1 AND c.last_place > 0",
    )?;
    let newest =
        select.query_map([user.as_uuid()], |row| Ok(Newest { conversation: row.get(0)?, place: row.get(1)? }))?;
    Ok(newest.collect::<rusqlite::Result<_>>()?)
}

/// The place of each conversation's newest message before a place.
fn heads_before(connection: &Connection, newest: Vec<Newest>, end: i64) -> SqlResult<BinaryHeap<i64>> {
    let mut before = BinaryHeap::new();
    for Newest { conversation, place } in newest {
        if place < end {
            before.push(place);
        } else {
            before.extend(newest_before(connection, conversation, end)?);
        }
    }
    Ok(before)
}

fn newest_before(connection: &Connection, conversation: Uuid, end: i64) -> SqlResult<Option<i64>> {
    // Newest first.
    let mut latest =
        connection.prepare_cached(concat!(with_latest!(), "SELECT place FROM latest WHERE place < ?2 LIMIT 1"))?;
    if let Some(place) = latest.query_row(params![conversation, end], |row| row.get(0)).optional()? {
        return Ok(Some(place));
    }
    let mut indexed = connection.prepare_cached(
        "SELECT seq, place FROM message_places WHERE conversation_id = ?1 AND seq <= ?2 ORDER BY seq DESC LIMIT 1",
    )?;
    let mut up_to = |seq: i64| -> SqlResult<Option<(i64, i64)>> {
        Ok(indexed.query_row(params![conversation, seq], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    };
    match up_to(i64::MAX)? {
        Some((last, place)) if place >= end => {
            let first = first_after(last, |seq| Ok(up_to(seq)?.map(|(seq, place)| (seq, place >= end))))?;
            Ok(up_to(first - 1)?.map(|(_, place)| place))
        }
        found => Ok(found.map(|(_, place)| place)),
    }
}

/// Where the list goes on: the place of the message that the key names.
fn place_of(connection: &Connection, key: TimeKey) -> SqlResult<i64> {
    let mut select = connection.prepare_cached("SELECT place FROM messages WHERE id = ?1")?;
    if let Some(place) = select.query_row([key.id], |row| row.get(0)).optional()? {
        return Ok(place);
    }
    // It went with its conversation; time leads to where it was.
    let mut select = connection
        .prepare_cached("SELECT place, created_at > ?2 FROM messages WHERE place <= ?1 ORDER BY place DESC LIMIT 1")?;
    let mut is_later = |place: i64| -> SqlResult<Option<(i64, bool)>> {
        let parameters = params![place, key.at.as_millis()];
        Ok(select.query_row(parameters, |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    };
    match is_later(i64::MAX)? {
        Some((last, true)) => first_after(last, is_later),
        _ => Ok(i64::MAX),
    }
}
