//! The events that tell a conversation of its messages, found by the messages:
//! their positions in the log ascend with the numbers (I3, I4), so that they
//! need no index.

use std::rc::Rc;

use messenger_core::event::Event;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params};
use uuid::Uuid;

use super::events::Range;
use crate::error::SqlResult;
use crate::places::with_latest;
use crate::rows::{event, event_columns};
use crate::search::first_after;

pub(super) fn events_by_message(connection: &Connection, conversation: Uuid, range: Range) -> SqlResult<Vec<Event>> {
    let positions = positions(connection, conversation, range)?;
    if positions.is_empty() {
        return Ok(vec![]);
    }
    // Before the statement: see `by_ids`.
    let positions = Rc::new(positions.into_iter().map(Value::Integer).collect::<Vec<_>>());
    let mut select = connection.prepare_cached(concat!(
        "SELECT ",
        event_columns!(),
        " FROM events
         WHERE partition_id = ?1 AND by_message = 1 AND audience_id = ?2 AND position IN (SELECT value FROM rarray(?3))
         ORDER BY position"
    ))?;
    let events = select.query_map(params![range.partition.get(), conversation, positions], event)?;
    Ok(events.collect::<rusqlite::Result<_>>()?)
}

/// In ascending order.
fn positions(connection: &Connection, conversation: Uuid, range: Range) -> SqlResult<Vec<i64>> {
    let mut select = connection.prepare_cached(concat!(
        with_latest!(),
        "SELECT m.sent_position FROM latest CROSS JOIN messages m ON m.place = latest.place
         WHERE m.sent_position IS NOT NULL"
    ))?;
    // Newest first; mostly nothing is news.
    let mut newest = vec![];
    let mut rows = select.query([conversation])?;
    let is_all = loop {
        match rows.next()? {
            None => break false,
            Some(row) => match row.get::<_, i64>(0)? {
                position if position <= range.after.get() => break true,
                position => newest.push(position),
            },
        }
    };
    let mut positions = if is_all { vec![] } else { indexed_positions(connection, conversation, range)? };
    positions.extend(newest.into_iter().rev().take_while(|position| *position <= range.until.get()));
    positions.truncate(range.limit as usize);
    Ok(positions)
}

/// Of messages that are not among the latest.
fn indexed_positions(connection: &Connection, conversation: Uuid, range: Range) -> SqlResult<Vec<i64>> {
    let Range { after, until, limit, .. } = range;
    let mut told = connection.prepare_cached(
        "SELECT i.seq, m.sent_position > ?3 FROM message_places i CROSS JOIN messages m ON m.place = i.place
         WHERE i.conversation_id = ?1 AND i.seq <= ?2 AND m.sent_position IS NOT NULL ORDER BY i.seq DESC LIMIT 1",
    )?;
    let mut is_after = |seq: i64| -> SqlResult<Option<(i64, bool)>> {
        Ok(told.query_row(params![conversation, seq, after.get()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    };
    let Some((last, true)) = is_after(i64::MAX)? else { return Ok(vec![]) };
    let first = first_after(last, is_after)?;
    let mut select = connection.prepare_cached(
        "SELECT m.sent_position FROM message_places i CROSS JOIN messages m ON m.place = i.place
         WHERE i.conversation_id = ?1 AND i.seq >= ?2 AND m.sent_position > ?3 AND m.sent_position <= ?4
         ORDER BY i.seq LIMIT ?5",
    )?;
    let positions =
        select.query_map(params![conversation, first, after.get(), until.get(), limit], |row| row.get(0))?;
    Ok(positions.collect::<rusqlite::Result<_>>()?)
}
