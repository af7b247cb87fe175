//! The event log as stores keep it. It is written by
//! [`Transaction::commit`](super::Transaction::commit) alone.

use std::collections::BTreeMap;

use async_trait::async_trait;
use uuid::Uuid;

use super::StoreResult;
use crate::event::{Event, Partition, PartitionCount, Position};
use crate::id::UserId;

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

    /// The floor of every partition: positions below it have been purged. The
    /// event at the floor itself is kept, so that its tag can be compared.
    async fn log_floors(&mut self) -> StoreResult<BTreeMap<Partition, Position>>;

    /// The tags of the events at these positions, in any order; purged or
    /// unwritten ones are left out.
    async fn find_tags(
        &mut self,
        positions: &[(Partition, Position)],
    ) -> StoreResult<BTreeMap<(Partition, Position), u32>>;

    /// Up to `limit` events of a partition that are addressed to any of these
    /// ([`Audience::anchor`](crate::event::Audience::anchor)), each after a
    /// position of its own, none after `until`, in ascending position. Its cost
    /// does not depend on what is addressed to others.
    async fn list_events_to(
        &mut self,
        partition: Partition,
        anchors: &[(Uuid, Position)],
        until: Position,
        limit: u32,
    ) -> StoreResult<Vec<Event>>;

    /// Up to `limit` events of a partition in `(after, until]` that are
    /// addressed to the acquaintances of another user, where `viewer` is one of
    /// [`find_acquaintances`](super::FriendshipQueries::find_acquaintances) of
    /// that user; in ascending position.
    async fn list_events_of_known(
        &mut self,
        viewer: UserId,
        partition: Partition,
        after: Position,
        until: Position,
        limit: u32,
    ) -> StoreResult<Vec<Event>>;

    /// Up to `limit` events of a partition after `after`, in ascending
    /// position.
    async fn list_events(&mut self, partition: Partition, after: Position, limit: u32) -> StoreResult<Vec<Event>>;

    /// Up to `limit` events of each of these partitions after a position of its
    /// own, in ascending partition and position: what the tailer reads. Unless
    /// a store knows better, it asks for one partition after another.
    async fn list_events_of_each(
        &mut self,
        partitions: &BTreeMap<Partition, Position>,
        limit: u32,
    ) -> StoreResult<Vec<Event>> {
        let mut events = Vec::new();
        for (partition, after) in partitions {
            events.extend(self.list_events(*partition, *after, limit).await?);
        }
        Ok(events)
    }
}
