use std::collections::BTreeMap;

use async_trait::async_trait;
use messenger_core::clock::Timestamp;
use messenger_core::event::{Event, Partition, PartitionCount, Position};
use messenger_core::id::UserId;
use messenger_core::store::{EventQueries, LogIdentity, StoreError, StoreResult};
use rusqlite::{Connection, OptionalExtension as _, params};
use uuid::Uuid;

use super::events_by_message::events_by_message;
use crate::error::SqlResult;
use crate::handle::Handle;
use crate::rows::{event, event_columns};

#[async_trait]
impl EventQueries for Handle {
    async fn log_identity(&mut self) -> StoreResult<LogIdentity> {
        self.call(|connection| {
            let mut select = connection.prepare_cached("SELECT epoch, partitions FROM log_identity")?;
            let (epoch, partitions): (i64, u16) = select.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let partitions = PartitionCount::try_new(partitions)
                .ok_or_else(|| StoreError::Defect("a log without partitions".to_owned()))?;
            // SQLite's integers have a sign; the epoch is just 64 bits.
            Ok(LogIdentity { epoch: epoch.cast_unsigned(), partitions })
        })
        .await
    }

    async fn log_heads(&mut self) -> StoreResult<BTreeMap<Partition, Position>> {
        self.ask(heads).await
    }

    async fn list_events(&mut self, partition: Partition, after: Position, limit: u32) -> StoreResult<Vec<Event>> {
        self.call(move |connection| {
            let mut select = connection.prepare_cached(concat!(
                "SELECT ",
                event_columns!(),
                " FROM events WHERE partition_id = ?1 AND position > ?2 ORDER BY position LIMIT ?3"
            ))?;
            let events = select.query_map(params![partition.get(), after.get(), limit], event)?;
            Ok(events.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn log_floors(&mut self) -> StoreResult<BTreeMap<Partition, Position>> {
        self.call(|connection| positions(connection, "SELECT partition_id, floor FROM log_partitions")).await
    }

    async fn find_tags(
        &mut self,
        positions: &[(Partition, Position)],
    ) -> StoreResult<BTreeMap<(Partition, Position), u32>> {
        let positions = positions.to_vec();
        self.call(move |connection| {
            let mut select =
                connection.prepare_cached("SELECT tag FROM events WHERE partition_id = ?1 AND position = ?2")?;
            let mut tags = BTreeMap::new();
            for (partition, position) in positions {
                let tag = select.query_row(params![partition.get(), position.get()], |row| row.get(0)).optional()?;
                tags.extend(tag.map(|tag| ((partition, position), tag)));
            }
            Ok(tags)
        })
        .await
    }

    async fn list_events_to(
        &mut self,
        partition: Partition,
        anchors: &[(Uuid, Position)],
        until: Position,
        limit: u32,
    ) -> StoreResult<Vec<Event>> {
        let anchors = anchors.to_vec();
        self.call_long(move |connection| {
            // Messages have positions in the log also where it was purged.
            let purged = connection
                .prepare_cached("SELECT floor - 1 FROM log_partitions WHERE partition_id = ?1")?
                .query_row([partition.get()], |row| row.get(0).map(Position::from_stored))
                .optional()?
                .unwrap_or(Position::ZERO);
            // The best `limit` of all are among the best `limit` of each.
            let mut found = Vec::new();
            for (anchor, after) in anchors {
                let range = Range { partition, after: after.max(purged), until, limit };
                events_to(connection, anchor, range, &mut found)?;
                found.extend(events_by_message(connection, anchor, range)?);
            }
            found.sort_unstable_by_key(|event| event.position);
            found.truncate(limit as usize);
            Ok(found)
        })
        .await
    }

    async fn list_events_of_known(
        &mut self,
        viewer: UserId,
        partition: Partition,
        after: Position,
        until: Position,
        limit: u32,
    ) -> StoreResult<Vec<Event>> {
        self.call_long(move |connection| {
            let mut select = connection.prepare_cached(concat!(
                "SELECT ",
                event_columns!(),
                " FROM events e INDEXED BY events_to_acquaintances
                 WHERE e.audience_kind = 'acquaintances' AND e.partition_id = ?2
                   AND e.position > ?3 AND e.position <= ?4 AND e.audience_id <> ?1
                   AND (EXISTS (SELECT 1 FROM friendships f WHERE f.user_id = ?1 AND f.friend_id = e.audience_id)
                     OR EXISTS (SELECT 1 FROM memberships theirs
                                JOIN memberships mine ON mine.conversation_id = theirs.conversation_id
                                WHERE theirs.user_id = e.audience_id AND mine.user_id = ?1)
                     OR EXISTS (SELECT 1 FROM blocks b WHERE b.blocker_id = ?1 AND b.blocked_id = e.audience_id)
                     OR EXISTS (SELECT 1 FROM friend_requests r
                                WHERE r.requester_id = ?1 AND r.addressee_id = e.audience_id)
                     OR EXISTS (SELECT 1 FROM friend_requests r
                                WHERE r.addressee_id = ?1 AND r.requester_id = e.audience_id AND r.hidden = 0))
                 ORDER BY e.position LIMIT ?5"
            ))?;
            let parameters = params![viewer.as_uuid(), partition.get(), after.get(), until.get(), limit];
            let events = select.query_map(parameters, event)?;
            Ok(events.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }
}

/// Up to `limit` events of a partition in `(after, until]`.
#[derive(Clone, Copy)]
pub(super) struct Range {
    pub(super) partition: Partition,
    pub(super) after: Position,
    pub(super) until: Position,
    pub(super) limit: u32,
}

/// What is addressed to one, but for what is found by its message.
fn events_to(connection: &Connection, anchor: Uuid, range: Range, found: &mut Vec<Event>) -> SqlResult<()> {
    let Range { partition, after, until, limit } = range;
    // The index is named, since without statistics the primary key looks better,
    // which gives the order for nothing: it would read what happened to everyone.
    let mut select = connection.prepare_cached(concat!(
        "SELECT ",
        event_columns!(),
        " FROM events INDEXED BY events_by_audience
         WHERE by_message = 0 AND audience_id = ?1 AND position > ?2 AND position <= ?3 AND partition_id = ?4
         ORDER BY position LIMIT ?5"
    ))?;
    let parameters = params![anchor, after.get(), until.get(), partition.get(), limit];
    for event in select.query_map(parameters, event)? {
        found.push(event?);
    }
    Ok(())
}

fn positions(connection: &Connection, select: &str) -> SqlResult<BTreeMap<Partition, Position>> {
    let mut select = connection.prepare_cached(select)?;
    let positions =
        select.query_map([], |row| Ok((Partition::from_stored(row.get(0)?), Position::from_stored(row.get(1)?))))?;
    Ok(positions.collect::<rusqlite::Result<_>>()?)
}

/// The last position of every partition.
pub(crate) fn heads(connection: &Connection) -> SqlResult<BTreeMap<Partition, Position>> {
    positions(connection, "SELECT partition_id, head FROM log_partitions")
}

/// Removes what lies below the floor; see [`Store::purge_events`](messenger_core::store::Store::purge_events).
pub(crate) fn purge(connection: &Connection, partition: Partition, floor: Position) -> SqlResult<()> {
    let floor: i64 = connection
        .prepare_cached(
            "UPDATE log_partitions SET floor = max(floor, min(head, ?2)) WHERE partition_id = ?1 RETURNING floor",
        )?
        .query_row(params![partition.get(), floor.get()], |row| row.get(0))?;
    connection
        .prepare_cached("DELETE FROM events WHERE partition_id = ?1 AND position < ?2")?
        .execute(params![partition.get(), floor])?;
    Ok(())
}

/// See [`Store::find_position_before`](messenger_core::store::Store::find_position_before).
pub(crate) fn position_before(
    connection: &Connection,
    partition: Partition,
    before: Timestamp,
) -> SqlResult<Option<Position>> {
    let mut select = connection.prepare_cached(
        "SELECT position FROM events WHERE partition_id = ?1 AND at < ?2 ORDER BY at DESC, position DESC LIMIT 1",
    )?;
    let parameters = params![partition.get(), before.as_millis()];
    Ok(select.query_row(parameters, |row| row.get(0).map(Position::from_stored)).optional()?)
}
