//! A store that fails when a case says so, over one that does not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use messenger_core::event::{Event, NewEvent, Partition, Position};
use messenger_core::store::{
    ConversationRepository, CredentialRepository, EventQueries, FriendshipRepository, MessageRepository,
    SessionRepository, Snapshot, Store, StoreError, StoreResult, Transaction, UserRepository,
};

/// How a store fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing can be read or begun.
    Away,
    /// Nothing is ever answered.
    Hangs,
    /// Everything is a defect that panics.
    Panics,
    /// Everything works but COMMIT, of which nobody knows whether it arrived,
    /// and nothing can be begun afterwards to find out.
    LosesCommits,
    /// Transactions are never begun; reading works.
    HangsOnChanges,
}

/// What no answer may ever show.
const SECRET: &str = "mysql://root:hunter2@db/messenger";

/// What marks the panics of this store.
pub(super) const ON_PURPOSE: &str = "a defect, made on purpose";

pub(super) struct FaultyStore {
    inner: Arc<dyn Store>,
    fault: Arc<Mutex<Option<Fault>>>,
}

impl FaultyStore {
    pub(super) fn over(inner: Arc<dyn Store>) -> Self {
        Self { inner, fault: Arc::default() }
    }

    pub(super) fn fail(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    async fn pass(&self, is_change: bool) -> StoreResult<()> {
        let fault = *self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        match fault {
            Some(Fault::Away) => Err(StoreError::Unavailable(SECRET.to_owned())),
            Some(Fault::Panics) => panic!("{ON_PURPOSE}: {SECRET}"),
            Some(Fault::Hangs) => std::future::pending().await,
            Some(Fault::HangsOnChanges) if is_change => std::future::pending().await,
            Some(Fault::HangsOnChanges | Fault::LosesCommits) | None => Ok(()),
        }
    }
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
    fault: Arc<Mutex<Option<Fault>>>,
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
        let loses = {
            let mut fault = fault.lock().unwrap_or_else(PoisonError::into_inner);
            let loses = *fault == Some(Fault::LosesCommits);
            if loses {
                *fault = Some(Fault::Away);
            }
            loses
        };
        if loses {
            inner.rollback().await?;
            return Err(StoreError::OutcomeUnknown(SECRET.to_owned()));
        }
        inner.commit(events).await
    }

    async fn rollback(self: Box<Self>) -> StoreResult<()> {
        self.inner.rollback().await
    }
}
