//! A store that fails when a case says so, over one that does not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use messenger_core::event::{Event, NewEvent, Partition, Position};
use messenger_core::store::{
    ConversationRepository, CredentialRepository, EventQueries, FriendshipRepository, LaneThread, MessageRepository,
    SessionRepository, Snapshot, Store, StoreError, StoreResult, Transaction, UserRepository,
};
use tokio::sync::watch;

/// How a store fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing can be read or begun.
    Away,
    /// Nothing is answered until the store is mended.
    Hangs,
    /// Everything is a defect that panics.
    Panics,
    /// Everything works but COMMIT, of which nobody knows whether it arrived,
    /// and nothing can be begun afterwards to find out.
    LosesCommits,
    /// Transactions are not begun until the store is mended; reading works.
    HangsOnChanges,
}

/// How long it takes at least for something that does not come, by the clock of
/// a case's runtime: long enough for whatever does come on a slow machine.
pub const HANG: Duration = Duration::from_secs(1);

/// Lets time pass at once. So nothing is waited for in earnest, and nothing but
/// what hangs takes long. For a runtime of one thread.
pub(super) async fn skip(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// What no answer may ever show.
const SECRET: &str = "mysql://root:hunter2@db/messenger";

/// What marks the panics of this store.
pub(super) const ON_PURPOSE: &str = "a defect, made on purpose";

pub(super) struct FaultyStore {
    inner: Arc<dyn Store>,
    fault: Arc<watch::Sender<Option<Fault>>>,
}

impl FaultyStore {
    pub(super) fn over(inner: Arc<dyn Store>) -> Self {
        Self { inner, fault: Arc::default() }
    }

    pub(super) fn fail(&self, fault: Option<Fault>) {
        self.fault.send_replace(fault);
    }

    async fn pass(&self, is_change: bool) -> StoreResult<()> {
        let fault = *self.fault.borrow();
        match fault {
            Some(Fault::Away) => Err(unavailable()),
            Some(Fault::Panics) => panic!("{ON_PURPOSE}: {SECRET}"),
            Some(Fault::Hangs) => self.hang().await,
            Some(Fault::HangsOnChanges) if is_change => self.hang().await,
            Some(Fault::HangsOnChanges | Fault::LosesCommits) | None => Ok(()),
        }
    }

    /// Answers nothing until the store is mended; then it is too late.
    async fn hang(&self) -> StoreResult<()> {
        let mut fault = self.fault.subscribe();
        skip(HANG).await;
        // The sender is this store's own, so it is there.
        let _ = fault.wait_for(Option::is_none).await;
        Err(unavailable())
    }
}

fn unavailable() -> StoreError {
    StoreError::Unavailable(SECRET.to_owned())
}

#[async_trait]
impl Store for FaultyStore {
    async fn read(&self) -> StoreResult<Box<dyn Snapshot>> {
        self.pass(false).await?;
        self.inner.read().await
    }

    async fn begin(&self) -> StoreResult<Box<dyn Transaction>> {
        self.pass(true).await?;
        let inner = self.inner.begin().await?;
        Ok(Box::new(FaultyTransaction { inner, fault: self.fault.clone() }))
    }

    fn lane_thread(&self) -> LaneThread {
        self.inner.lane_thread()
    }

    async fn begin_batch(&self) -> StoreResult<Box<dyn Transaction>> {
        self.pass(true).await?;
        let inner = self.inner.begin_batch().await?;
        Ok(Box::new(FaultyTransaction { inner, fault: self.fault.clone() }))
    }

    async fn poll_log(&self) -> StoreResult<BTreeMap<Partition, Position>> {
        self.pass(false).await?;
        self.inner.poll_log().await
    }

    async fn ping(&self) -> StoreResult<()> {
        self.pass(false).await?;
        self.inner.ping().await
    }
}

struct FaultyTransaction {
    inner: Box<dyn Transaction>,
    fault: Arc<watch::Sender<Option<Fault>>>,
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
        let Self { inner, fault } = *self;
        let loses = *fault.borrow() == Some(Fault::LosesCommits);
        if loses {
            fault.send_replace(Some(Fault::Away));
            inner.rollback().await?;
            return Err(StoreError::OutcomeUnknown(SECRET.to_owned()));
        }
        inner.commit(events).await
    }

    async fn rollback(self: Box<Self>) -> StoreResult<()> {
        self.inner.rollback().await
    }
}
