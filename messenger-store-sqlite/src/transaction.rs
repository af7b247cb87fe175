//! The unit of work that writes.

use std::sync::Arc;

use async_trait::async_trait;
use fail::fail_point;
use messenger_core::event::{Event, NewEvent, PartitionCount};
use messenger_core::store::{
    BatchKeys, BatchRows, BatchState, ConversationRepository, CredentialRepository, EventQueries, FriendshipRepository,
    MessageRepository, SessionRepository, StoreError, StoreResult, Transaction, UserRepository,
};
use rusqlite::Connection;

use crate::batch::Batch;
use crate::checkpoint::{Thresholds, with_log_pages};
use crate::error::from_commit;
use crate::handle::{Handle, NoAnswer};
use crate::log;
use crate::owned::Owned;
use crate::store::Inner;
use crate::turn::Turn;

/// The writer, on loan. Dropping it undoes what has not ended; whoever is next
/// is let in when that is done.
pub(crate) struct SqliteTransaction {
    handle: Handle,
    store: Arc<Inner>,
}

impl SqliteTransaction {
    pub(crate) fn new(turn: Turn, store: Arc<Inner>) -> Self {
        Self { handle: Handle::for_transaction(turn), store }
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

    async fn read_batch(&mut self, keys: BatchKeys<'_>) -> StoreResult<BatchState> {
        self.handle.read_batch(keys).await
    }

    async fn write_batch(&mut self, rows: BatchRows<'_>) -> StoreResult<()> {
        // With COMMIT, most often.
        self.handle.write_later(Batch::of(&rows, Arc::clone(&self.store.latest))).await
    }

    async fn commit(mut self: Box<Self>, events: &[NewEvent]) -> StoreResult<Vec<Event>> {
        let events = events.to_vec();
        let partitions = self.store.partitions;
        self.handle.begin_writing()?;
        let put_off = self.handle.take_put_off();
        let committed =
            self.handle.run_begun(move |owned| with_log_pages(|| commit(owned, &events, partitions, put_off)));
        match committed.await {
            Ok(answer) => {
                let (events, pages) = answer?;
                if events.is_ok() {
                    self.store.latest.confirm();
                }
                self.handle.has_ended();
                if let Some(pages) = pages {
                    self.store.checkpointer.after_commit(pages, Thresholds::DEFAULT, &mut self.handle);
                }
                events
            }
            // It broke off somewhere between the first write to the log
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
fn commit(
    owned: &mut Owned,
    events: &[NewEvent],
    partitions: PartitionCount,
    put_off: Option<Batch>,
) -> StoreResult<Vec<Event>> {
    let committed = owned
        .work(|connection| log::write(connection, events, partitions, put_off))
        .and_then(|events| finish(&owned.connection).map(|()| events));
    owned.end();
    committed
}

/// Runs COMMIT. Each fail point, set to `return`, is a connection that breaks
/// and takes the answer with it.
fn finish(connection: &Connection) -> StoreResult<()> {
    fail_point!("sqlite::commit::before", |_| Err(broken("before")));
    stand_still();
    connection.prepare_cached("COMMIT").and_then(|mut end| end.execute([])).map_err(|error| from_commit(&error))?;
    fail_point!("sqlite::commit::after", |_| Err(broken("after")));
    Ok(())
}

/// With the fail point set to `return(40)`, for 40 milliseconds.
fn stand_still() {
    fail_point!("sqlite::commit::slow", |millis: Option<String>| {
        let millis = millis.and_then(|millis| millis.parse().ok()).unwrap_or_default();
        std::thread::sleep(std::time::Duration::from_millis(millis));
    });
}

#[cfg_attr(not(any(test, feature = "failpoints")), allow(dead_code, reason = "named by fail points alone"))]
fn broken(when: &str) -> StoreError {
    StoreError::OutcomeUnknown(format!("the connection broke {when} COMMIT"))
}
