//! A store that fails as it is told to, over one that does not fail.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use messenger_core::event::{Event, NewEvent};
use messenger_core::store::{
    ConversationRepository, CredentialRepository, EventQueries, FriendshipRepository, MessageRepository,
    SessionRepository, Snapshot, Store, StoreError, StoreResult, Transaction, UserRepository,
};
use messenger_store_sqlite::SqliteStore;
use tokio::sync::Semaphore;

/// What goes wrong with one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Another transaction was in the way.
    Conflict,
    /// The backend is away.
    Unavailable,
    /// The connection breaks before COMMIT arrives.
    BreakBeforeCommit,
    /// The connection breaks before COMMIT is answered.
    BreakAfterCommit,
    /// A defect of the store.
    Panic,
}

pub(crate) struct FaultyStore {
    inner: SqliteStore,
    shared: Arc<Shared>,
}

struct Shared {
    /// What goes wrong with the next commits, in order.
    faults: Mutex<VecDeque<Fault>>,
    /// Closed by taking its only permit: transactions wait for it to begin.
    gate: Arc<Semaphore>,
    waiting: AtomicUsize,
    begun: AtomicUsize,
    committed: AtomicUsize,
    /// The number of the one that cannot begin, counted from 1.
    failing_begin: AtomicUsize,
}

impl FaultyStore {
    pub(crate) fn new(inner: SqliteStore) -> Self {
        let shared = Shared {
            faults: Mutex::default(),
            gate: Arc::new(Semaphore::new(1)),
            waiting: AtomicUsize::new(0),
            begun: AtomicUsize::new(0),
            committed: AtomicUsize::new(0),
            failing_begin: AtomicUsize::new(0),
        };
        Self { inner, shared: Arc::new(shared) }
    }

    /// Has the next commits fail.
    pub(crate) fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.faults.lock().expect("not poisoned").extend(faults);
    }

    /// Has the `nth` transaction, counted from 1, not begin.
    pub(crate) fn fail_begin_at(&self, nth: usize) {
        self.shared.failing_begin.store(nth, Ordering::SeqCst);
    }

    /// No transaction begins until the answer is dropped.
    pub(crate) fn close_gate(&self) -> tokio::sync::OwnedSemaphorePermit {
        self.shared.gate.clone().try_acquire_owned().expect("the gate is open")
    }

    /// Waits until so many transactions stand at the gate.
    pub(crate) async fn until_waiting(&self, count: usize) {
        while self.shared.waiting.load(Ordering::SeqCst) < count {
            tokio::task::yield_now().await;
        }
    }

    /// How many transactions have begun.
    pub(crate) fn begun(&self) -> usize {
        self.shared.begun.load(Ordering::SeqCst)
    }

    /// How many transactions were committed.
    pub(crate) fn committed(&self) -> usize {
        self.shared.committed.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn read(&self) -> StoreResult<Box<dyn Snapshot>> {
        self.inner.read().await
    }

    async fn begin(&self) -> StoreResult<Box<dyn Transaction>> {
        self.shared.waiting.fetch_add(1, Ordering::SeqCst);
        drop(self.shared.gate.acquire().await.expect("never closed"));
        self.shared.waiting.fetch_sub(1, Ordering::SeqCst);
        let number = self.shared.begun.fetch_add(1, Ordering::SeqCst) + 1;
        if number == self.shared.failing_begin.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("on purpose".to_owned()));
        }
        Ok(Box::new(FaultyTransaction { inner: self.inner.begin().await?, shared: self.shared.clone() }))
    }

    async fn ping(&self) -> StoreResult<()> {
        self.inner.ping().await
    }
}

struct FaultyTransaction {
    inner: Box<dyn Transaction>,
    shared: Arc<Shared>,
}

#[async_trait]
impl Transaction for FaultyTransaction {
    fn users(&mut self) -> &mut dyn UserRepository {
        self.inner.users()
    }
    fn credentials(&mut self) -> &mut dyn CredentialRepository {
        self.inner.credentials()
    }
    fn sessions(&mut self) -> &mut dyn SessionRepository {
        self.inner.sessions()
    }
    fn friendships(&mut self) -> &mut dyn FriendshipRepository {
        self.inner.friendships()
    }
    fn conversations(&mut self) -> &mut dyn ConversationRepository {
        self.inner.conversations()
    }
    fn messages(&mut self) -> &mut dyn MessageRepository {
        self.inner.messages()
    }
    fn events(&mut self) -> &mut dyn EventQueries {
        self.inner.events()
    }

    async fn commit(self: Box<Self>, events: &[NewEvent]) -> StoreResult<Vec<Event>> {
        let fault = self.shared.faults.lock().expect("not poisoned").pop_front();
        let text = "on purpose".to_owned();
        match fault {
            None => {
                let events = self.inner.commit(events).await?;
                self.shared.committed.fetch_add(1, Ordering::SeqCst);
                Ok(events)
            }
            Some(Fault::Conflict) => Err(StoreError::Conflict(text)),
            Some(Fault::Unavailable) => Err(StoreError::Unavailable(text)),
            Some(Fault::BreakBeforeCommit) => Err(StoreError::OutcomeUnknown(text)),
            Some(Fault::BreakAfterCommit) => {
                self.inner.commit(events).await?;
                self.shared.committed.fetch_add(1, Ordering::SeqCst);
                Err(StoreError::OutcomeUnknown(text))
            }
            Some(Fault::Panic) => panic!("on purpose"),
        }
    }

    async fn rollback(self: Box<Self>) -> StoreResult<()> {
        self.inner.rollback().await
    }
}
