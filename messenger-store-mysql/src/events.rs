//! The event log's reading side. It is written in `commit`.

use std::collections::BTreeMap;

use async_trait::async_trait;
use messenger_core::clock::Timestamp;
use messenger_core::event::{Audience, Event, Fact, FactColumns, NewEvent, Partition, PartitionCount, Position};
use messenger_core::id::UserId;
use messenger_core::store::{EventQueries, LogIdentity, StoreError, StoreResult, UniqueKey};
use sqlx::MySqlConnection;
use uuid::Uuid;

use crate::error::Failure;
use crate::link::Link;
use crate::sql::{CHUNK, Columns, Sql, unreadable};

/// The columns that [`read_event`] reads.
macro_rules! event_columns {
    () => {
        "partition_id, position, audience_kind, audience_id, kind, conversation_id, subject_id, other_id, at, \
         actor_id, tag"
    };
}

fn read_event(row: &mut Columns<'_>) -> StoreResult<Event> {
    let partition = Partition::from_stored(row.take()?);
    let position = Position::from_stored(row.take()?);
    let audience_kind: &str = row.take()?;
    let audience = Audience::from_stored(audience_kind, row.id()?).ok_or_else(unreadable("audience"))?;
    let kind: &str = row.take()?;
    let columns = FactColumns {
        conversation_id: row.optional_id()?,
        subject_id: row.optional_id()?,
        other_id: row.optional_id()?,
    };
    let fact = Fact::from_columns(kind, columns).ok_or_else(unreadable("event"))?;
    let event = NewEvent { audience, fact, at: row.time()?, actor_id: UserId::from_uuid(row.id()?), tag: row.take()? };
    Ok(Event { partition, position, event })
}

#[async_trait]
impl EventQueries for Link {
    async fn log_identity(&mut self) -> StoreResult<LogIdentity> {
        let sql = Sql::new("SELECT epoch, partitions FROM log_identity");
        let identity = self.optional(sql, |row| {
            let epoch = row.take()?;
            let partitions = PartitionCount::try_new(row.take()?).ok_or_else(unreadable("number of partitions"))?;
            Ok(LogIdentity { epoch, partitions })
        });
        identity.await?.ok_or_else(|| StoreError::Defect("the log has no identity".to_owned()))
    }

    async fn log_heads(&mut self) -> StoreResult<BTreeMap<Partition, Position>> {
        let sql = Sql::new("SELECT partition_id, head FROM log_partitions");
        Ok(self.all(sql, read_head).await?.into_iter().collect())
    }

    async fn list_events(&mut self, partition: Partition, after: Position, limit: u32) -> StoreResult<Vec<Event>> {
        self.list_events_of_each(&BTreeMap::from([(partition, after)]), limit).await
    }

    async fn list_events_of_each(
        &mut self,
        partitions: &BTreeMap<Partition, Position>,
        limit: u32,
    ) -> StoreResult<Vec<Event>> {
        let mut events = Vec::new();
        let partitions: Vec<_> = partitions.iter().collect();
        for partitions in partitions.chunks(CHUNK) {
            let mut sql = Sql::new("");
            sql.list(partitions, " UNION ALL ", |sql, (partition, after)| {
                sql.text(concat!("(SELECT ", event_columns!(), " FROM events WHERE partition_id = "));
                sql.bind(partition.get())
                    .then(" AND position > ", after.get())
                    .then(" ORDER BY position LIMIT ", i64::from(limit))
                    .text(")");
            });
            events.extend(self.all(sql, read_event).await?);
        }
        events.sort_unstable_by_key(|event| (event.partition, event.position));
        // The last part is repeated to fill the list.
        events.dedup_by_key(|event| (event.partition, event.position));
        Ok(events)
    }

    async fn log_floors(&mut self) -> StoreResult<BTreeMap<Partition, Position>> {
        let sql = Sql::new("SELECT partition_id, floor FROM log_partitions");
        Ok(self.all(sql, read_head).await?.into_iter().collect())
    }

    async fn find_tags(
        &mut self,
        positions: &[(Partition, Position)],
    ) -> StoreResult<BTreeMap<(Partition, Position), u32>> {
        let mut tags = BTreeMap::new();
        for positions in positions.chunks(CHUNK) {
            let mut sql = Sql::new("SELECT partition_id, position, tag FROM events WHERE ");
            sql.any_of(positions, |sql, (partition, position)| {
                sql.then("partition_id = ", partition.get()).then(" AND position = ", position.get());
            });
            tags.extend(self.all(sql, |row| Ok((read_head(row)?, row.take()?))).await?);
        }
        Ok(tags)
    }

    async fn list_events_to(
        &mut self,
        partition: Partition,
        anchors: &[(Uuid, Position)],
        until: Position,
        limit: u32,
    ) -> StoreResult<Vec<Event>> {
        let mut found = Vec::new();
        for anchors in anchors.chunks(CHUNK) {
            // One short range of the index for each: the first `limit` of all
            // ranges are among the first `limit` of each.
            let mut sql = Sql::new("");
            sql.list(anchors, " UNION ALL ", |sql, (anchor, after)| {
                sql.text(concat!("(SELECT ", event_columns!(), " FROM events WHERE audience_id = "));
                sql.id(*anchor)
                    .then(" AND position > ", after.get())
                    .then(" AND position <= ", until.get())
                    .then(" AND partition_id = ", partition.get())
                    .then(" ORDER BY position LIMIT ", i64::from(limit))
                    .text(")");
            });
            found.extend(self.all(sql, read_event).await?);
        }
        found.sort_unstable_by_key(|event| event.position);
        // The last range is repeated to fill the list.
        found.dedup_by_key(|event| event.position);
        found.truncate(limit as usize);
        Ok(found)
    }

    async fn list_events_of_known(
        &mut self,
        viewer: UserId,
        partition: Partition,
        after: Position,
        until: Position,
        limit: u32,
    ) -> StoreResult<Vec<Event>> {
        let viewer = viewer.as_uuid();
        let mut sql = Sql::new(concat!(
            "SELECT ",
            event_columns!(),
            " FROM events e WHERE e.audience_kind = 'acquaintances' AND e.partition_id = "
        ));
        sql.bind(partition.get())
            .then(" AND e.position > ", after.get())
            .then(" AND e.position <= ", until.get())
            .text(" AND e.audience_id <> ")
            .id(viewer)
            .text(" AND (EXISTS (SELECT 1 FROM friendships f WHERE f.friend_id = e.audience_id AND f.user_id = ")
            .id(viewer)
            .text(
                ") OR EXISTS (SELECT 1 FROM memberships theirs JOIN memberships mine \
                 ON mine.conversation_id = theirs.conversation_id \
                 WHERE theirs.user_id = e.audience_id AND mine.user_id = ",
            )
            .id(viewer)
            .text(") OR EXISTS (SELECT 1 FROM blocks b WHERE b.blocked_id = e.audience_id AND b.blocker_id = ")
            .id(viewer)
            .text(") OR EXISTS (SELECT 1 FROM friend_requests r WHERE r.addressee_id = e.audience_id AND r.requester_id = ")
            .id(viewer)
            .text(
                ") OR EXISTS (SELECT 1 FROM friend_requests r WHERE r.requester_id = e.audience_id AND NOT r.hidden \
                 AND r.addressee_id = ",
            )
            .id(viewer)
            .text(")) ORDER BY e.position")
            .then(" LIMIT ", i64::from(limit));
        self.all(sql, read_event).await
    }
}

impl Link {
    /// See [`Store::purge_events`](messenger_core::store::Store::purge_events).
    pub(crate) async fn purge(&mut self, partition: Partition, floor: Position) -> StoreResult<()> {
        let mut sql = Sql::new("SELECT partition_id, LEAST(head, ");
        sql.bind(floor.get()).then(") FROM log_partitions WHERE partition_id = ", partition.get()).text(" FOR UPDATE");
        let Some((_, floor)) = self.optional(sql, read_head).await? else { return Ok(()) };
        let mut sql = Sql::new("UPDATE log_partitions SET floor = GREATEST(floor, ");
        sql.bind(floor.get()).then(") WHERE partition_id = ", partition.get());
        self.run(sql).await?;
        let mut sql = Sql::new("DELETE FROM events WHERE partition_id = ");
        sql.bind(partition.get()).then(" AND position < ", floor.get());
        self.run(sql).await.map(drop)
    }

    /// See [`Store::find_position_before`](messenger_core::store::Store::find_position_before).
    pub(crate) async fn position_before(
        &mut self,
        partition: Partition,
        before: Timestamp,
    ) -> StoreResult<Option<Position>> {
        let mut sql = Sql::new("SELECT position FROM events WHERE partition_id = ");
        sql.bind(partition.get())
            .then(" AND at < ", before.as_millis())
            .text(" ORDER BY at DESC, position DESC LIMIT 1");
        self.optional(sql, |row| row.take().map(Position::from_stored)).await
    }
}

/// Reads `partition_id, head`.
pub(crate) fn read_head(row: &mut Columns<'_>) -> StoreResult<(Partition, Position)> {
    Ok((Partition::from_stored(row.take()?), Position::from_stored(row.take()?)))
}

/// The last position of every partition, on a connection without a transaction.
pub(crate) async fn read_heads(connection: &mut MySqlConnection) -> StoreResult<BTreeMap<Partition, Position>> {
    let rows = sqlx::query("SELECT partition_id, head FROM log_partitions").fetch_all(connection).await;
    let rows = rows.map_err(|error| Failure::of(error, UniqueKey::Other).into_error())?;
    rows.iter().map(|row| read_head(&mut Columns::of(row))).collect()
}
