//! The unit of work that writes.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use fail::fail_point;
use messenger_core::event::{Allotment, Event, NewEvent, PartitionCount, Position};
use messenger_core::store::{
    BatchRows, ConversationRepository, CredentialRepository, EventQueries, FriendshipRepository, MessageRepository,
    SessionRepository, StoreError, StoreResult, Transaction, UserRepository,
};
use rusqlite::{Connection, params};
use tokio::sync::OwnedMutexGuard;

use crate::checkpoint::{Thresholds, log_pages};
use crate::error::{SqlResult, from_commit};
use crate::handle::{Handle, NoAnswer};
use crate::owned::Owned;
use crate::repositories::conversations::{update_conversations, update_memberships};
use crate::repositories::messages::{insert_messages, update_messages};
use crate::store::Inner;

/// The writer, on loan. Dropping it undoes what has not ended; whoever is next
/// is let in when that is done.
pub(crate) struct SqliteTransaction {
    handle: Handle,
    store: Arc<Inner>,
}

impl SqliteTransaction {
    pub(crate) fn new(reads: OwnedMutexGuard<Owned>, store: Arc<Inner>) -> Self {
        Self { handle: Handle::for_transaction(reads, store.writer()), store }
    }
}

#[async_trait]
impl Transaction for SqliteTransaction {
    fn users(&mut self) -> &mut dyn UserRepository {
        &mut self.handle
    }
    fn credentials(&mut self) -> &mut dyn CredentialRepository {
        &mut self.handle
    }
    fn sessions(&mut self) -> &mut dyn SessionRepository {
        &mut self.handle
    }
    fn friendships(&mut self) -> &mut dyn FriendshipRepository {
        &mut self.handle
    }
    fn conversations(&mut self) -> &mut dyn ConversationRepository {
        &mut self.handle
    }
    fn messages(&mut self) -> &mut dyn MessageRepository {
        &mut self.handle
    }
    fn events(&mut self) -> &mut dyn EventQueries {
        &mut self.handle
    }

    async fn write_batch(&mut self, rows: BatchRows<'_>) -> StoreResult<()> {
        let (sent, messages) = (rows.sent.to_vec(), rows.messages.to_vec());
        let (conversations, memberships) = (rows.conversations.to_vec(), rows.memberships.to_vec());
        // With COMMIT, most often, so that a batch waits for the thread once.
        self.handle
            .change_later(move |connection| {
                insert_messages(connection, &sent)?;
                update_messages(connection, &messages)?;
                update_conversations(connection, &conversations)?;
                update_memberships(connection, &memberships)
            })
            .await
    }

    async fn commit(mut self: Box<Self>, events: &[NewEvent]) -> StoreResult<Vec<Event>> {
        let events = events.to_vec();
        let partitions = self.store.partitions;
        self.handle.begin_writing()?;
        let committed = self.handle.run_begun(move |owned| (commit(owned, &events, partitions), log_pages()));
        match committed.await {
            Ok(answer) => {
                let (events, pages) = answer?;
                self.handle.has_ended();
                // While the turn is still ours: between two transactions.
                self.store.checkpointer.after_commit(pages, Thresholds::DEFAULT, &self.handle);
                events
            }
            // The thread broke off somewhere between the first write to the log
            // and the answer. `drop` undoes it, unless it was done.
            Err(NoAnswer) => Err(StoreError::OutcomeUnknown(NoAnswer::TEXT.to_owned())),
        }
    }

    async fn rollback(mut self: Box<Self>) -> StoreResult<()> {
        if self.handle.is_writing() {
            self.handle.run(Owned::end).await?;
        }
        self.handle.has_ended();
        Ok(())
    }
}

/// Writes the log and commits; undoes everything when that fails.
fn commit(owned: &mut Owned, events: &[NewEvent], partitions: PartitionCount) -> StoreResult<Vec<Event>> {
    let committed = owned
        .work(|connection| write_log(connection, events, partitions))
        .and_then(|events| finish(&owned.connection).map(|()| events));
    owned.end();
    committed
}

/// Runs COMMIT. Each fail point, set to `return`, is a connection that breaks
/// and takes the answer with it.
fn finish(connection: &Connection) -> StoreResult<()> {
    fail_point!("sqlite::commit::before", |_| Err(broken("before")));
    connection.prepare_cached("COMMIT").and_then(|mut end| end.execute([])).map_err(|error| from_commit(&error))?;
    fail_point!("sqlite::commit::after", |_| Err(broken("after")));
    Ok(())
}

#[cfg_attr(not(any(test, feature = "failpoints")), allow(dead_code, reason = "named by fail points alone"))]
fn broken(when: &str) -> StoreError {
    StoreError::OutcomeUnknown(format!("the connection broke {when} COMMIT"))
}

/// Gives the events their places and writes all that follows from them. No
/// counter needs a lock of its own: the one writer is the lock (I3).
fn write_log(connection: &Connection, events: &[NewEvent], partitions: PartitionCount) -> SqlResult<Vec<Event>> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let mut head = connection.prepare_cached("SELECT head FROM log_partitions WHERE partition_id = ?1")?;
    let mut heads = BTreeMap::new();
    for partition in Allotment::partitions(events, partitions) {
        let position = head.query_row([partition.get()], |row| row.get(0))?;
        heads.insert(partition, Position::from_stored(position));
    }

    let allotment = Allotment::of(events, partitions, heads);
    insert_events(connection, &allotment.events)?;
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
        last.execute(params![conversation.as_uuid(), positions.last.get()])?;
        if let Some(position) = positions.joined {
            joined.execute(params![conversation.as_uuid(), position.get()])?;
        }
    }
    Ok(allotment.events)
}

fn insert_events(connection: &Connection, events: &[Event]) -> SqlResult<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO events (partition_id, position, audience_kind, audience_id, kind, conversation_id, subject_id,
                             other_id, at, actor_id, tag)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    for Event { partition, position, event } in events {
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
        ])?;
    }
    Ok(())
}
