//! The event log's reading side. It is written in `commit`.

use std::collections::BTreeMap;

use async_trait::async_trait;
use messenger_core::event::{Audience, Event, Fact, FactColumns, NewEvent, Partition, PartitionCount, Position};
use messenger_core::id::UserId;
use messenger_core::store::{EventQueries, LogIdentity, StoreError, StoreResult};

use crate::link::Link;
use crate::sql::{Columns, Sql, unreadable};

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
        let mut sql = Sql::new(
            "SELECT partition_id, position, audience_kind, audience_id, kind, conversation_id, subject_id, other_id, \
             at, actor_id, tag FROM events WHERE partition_id = ",
        );
        sql.bind(partition.get())
            .then(" AND position > ", after.get())
            .then(" ORDER BY position LIMIT ", i64::from(limit));
        self.all(sql, read_event).await
    }
}

/// Reads `partition_id, head`.
pub(crate) fn read_head(row: &mut Columns<'_>) -> StoreResult<(Partition, Position)> {
    Ok((Partition::from_stored(row.take()?), Position::from_stored(row.take()?)))
}
