use std::collections::BTreeMap;

use async_trait::async_trait;
use messenger_core::event::{Event, Partition, PartitionCount, Position};
use messenger_core::store::{EventQueries, LogIdentity, StoreError, StoreResult};
use rusqlite::params;

use crate::rows::{event, event_columns};
use crate::worker::Handle;

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
        self.call(|connection| {
            let mut select = connection.prepare_cached("SELECT partition_id, head FROM log_partitions")?;
            let heads = select
                .query_map([], |row| Ok((Partition::from_stored(row.get(0)?), Position::from_stored(row.get(1)?))))?;
            Ok(heads.collect::<rusqlite::Result<_>>()?)
        })
        .await
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
}
