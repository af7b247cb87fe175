//! Writing the event log: what a commit does before COMMIT.

use std::collections::{BTreeMap, HashMap};

use messenger_core::event::{Allotment, Event, NewEvent, Partition, PartitionCount, Position};
use messenger_core::id::{ConversationId, MessageId};
use rusqlite::{Connection, params};

use crate::batch::{Batch, Placed, Positions, told_message};
use crate::error::SqlResult;

/// Gives the events their places, writes what was put off and all that follows
/// from the places. No counter needs a lock of its own: the one writer is the
/// lock (I3).
pub(crate) fn write(
    connection: &Connection,
    events: &[NewEvent],
    partitions: PartitionCount,
    put_off: Option<Batch>,
) -> SqlResult<Vec<Event>> {
    let allotment = Allotment::of(events, partitions, heads(connection, events, partitions)?);
    let positions = Positions::of(&allotment);
    let mut placed = Placed::default();
    if let Some(batch) = put_off {
        batch.write(connection, &positions)?;
        placed = batch.placed(&positions);
    }
    insert_events(connection, &allotment.events, &placed.messages)?;
    let mut head = connection.prepare_cached("UPDATE log_partitions SET head = ?2 WHERE partition_id = ?1")?;
    for (partition, position) in &allotment.heads {
        head.execute(params![partition.get(), position.get()])?;
    }
    let mut last = connection.prepare_cached("UPDATE conversations SET last_position = ?2 WHERE id = ?1")?;
    // SQLite would go by the primary key, through all members of the group.
    let mut joined = connection.prepare_cached(
        "UPDATE memberships INDEXED BY memberships_unplaced SET joined_position = ?2
         WHERE conversation_id = ?1 AND joined_position = 0",
    )?;
    for (conversation, positions) in &allotment.conversations {
        if !placed.conversations.contains(conversation) {
            last.execute(params![conversation.as_uuid(), positions.last.get()])?;
        }
        if let Some(position) = positions.joined {
            joined.execute(params![conversation.as_uuid(), position.get()])?;
        }
    }
    Ok(allotment.events)
}

fn heads(
    connection: &Connection,
    events: &[NewEvent],
    partitions: PartitionCount,
) -> SqlResult<BTreeMap<Partition, Position>> {
    let mut head = connection.prepare_cached("SELECT head FROM log_partitions WHERE partition_id = ?1")?;
    let mut heads = BTreeMap::new();
    for partition in Allotment::partitions(events, partitions) {
        let position = head.query_row([partition.get()], |row| row.get(0))?;
        heads.insert(partition, Position::from_stored(position));
    }
    Ok(heads)
}

/// `placed` are the messages that have the places of their events already.
fn insert_events(
    connection: &Connection,
    events: &[Event],
    placed: &HashMap<(ConversationId, MessageId), Position>,
) -> SqlResult<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO events (partition_id, position, audience_kind, audience_id, kind, conversation_id, subject_id,
                             other_id, at, actor_id, tag, by_message)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    for event in events {
        let by_message = match told_message(event) {
            Some(message) => match placed.get(&message) {
                Some(position) => *position == event.position,
                None => place(connection, message, event.position)?,
            },
            None => false,
        };
        let Event { partition, position, event } = event;
        let columns = event.fact.to_columns();
        insert.execute(params![
            partition.get(),
            position.get(),
            event.audience.kind_str(),
            event.audience.anchor(),
            event.fact.kind(),
            columns.conversation_id,
            columns.subject_id,
            columns.other_id,
            event.at.as_millis(),
            event.actor_id.as_uuid(),
            event.tag,
            by_message,
        ])?;
    }
    Ok(())
}

/// Gives a message that was stored before the place of its event. False when
/// there is none, it has one, or a later message has: places ascend with seqs.
fn place(
    connection: &Connection,
    (conversation, message): (ConversationId, MessageId),
    position: Position,
) -> SqlResult<bool> {
    let mut update = connection.prepare_cached(
        "WITH RECURSIVE newer (place, previous, sent_position) AS (
             SELECT m.place, m.previous, m.sent_position
             FROM conversations c CROSS JOIN messages m ON m.place = c.last_place
             WHERE c.id = ?1 AND m.place > (SELECT place FROM messages WHERE id = ?2)
             UNION ALL
             SELECT m.place, m.previous, m.sent_position FROM newer CROSS JOIN messages m ON m.place = newer.previous
             WHERE newer.sent_position IS NULL AND m.place > (SELECT place FROM messages WHERE id = ?2))
         UPDATE messages SET sent_position = ?3
         WHERE id = ?2 AND conversation_id = ?1 AND sent_position IS NULL
           AND NOT EXISTS (SELECT 1 FROM newer WHERE sent_position IS NOT NULL)",
    )?;
    Ok(update.execute(params![conversation.as_uuid(), message.as_uuid(), position.get()])? == 1)
}
