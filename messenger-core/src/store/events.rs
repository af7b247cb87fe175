//! The event log as stores keep it. It is written by
//! [`Transaction::commit`](super::Transaction::commit) alone.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::StoreResult;
use crate::event::{Event, Partition, PartitionCount, Position};

/// What makes a log this log and no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogIdentity {
    /// Random, drawn when the database is made.
    pub epoch: u64,
    /// Fixed when the database is made.
    pub partitions: PartitionCount,
}

/// Reads the log.
#[async_trait]
pub trait EventQueries: Send {
    /// What makes this log this log.
    async fn log_identity(&mut self) -> StoreResult<LogIdentity>;

    /// The last position of every partition, [`Position::ZERO`] where it is
    /// empty.
    async fn log_heads(&mut self) -> StoreResult<BTreeMap<Partition, Position>>;

    /// Up to `limit` events of a partition after `after`, in ascending
    /// position.
    async fn list_events(&mut self, partition: Partition, after: Position, limit: u32) -> StoreResult<Vec<Event>>;
}
