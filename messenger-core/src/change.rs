//! A change under way: a transaction, its instant, and the events that it will
//! commit.

use std::sync::Arc;

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::event::{Audience, Event, Fact, NewEvent};
use crate::friendship::{Transition, UserPair};
use crate::id::{IdGenerator, UserId};
use crate::store::{
    BatchKeys, BatchRows, BatchState, ConversationRepository, CredentialRepository, FriendshipRepository, LockedPair,
    MessageRepository, SessionRepository, Snapshot, Transaction, UserRepository,
};
use crate::store::{ConversationQueries, FriendshipQueries, MessageQueries, UserQueries};

/// One attempt at a change. Dropped without [`Change::commit`], it rolls back.
pub(crate) struct Change {
    transaction: Box<dyn Transaction>,
    now: Timestamp,
    ids: Arc<dyn IdGenerator>,
    events: Vec<NewEvent>,
}

impl Change {
    pub(crate) fn new(transaction: Box<dyn Transaction>, now: Timestamp, ids: Arc<dyn IdGenerator>) -> Self {
        Self { transaction, now, ids, events: Vec::new() }
    }

    /// The instant of everything that this change does.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// A fresh id of this instant.
    pub(crate) fn new_uuid(&self) -> Uuid {
        self.ids.new_uuid(self.now)
    }

    pub(crate) fn users(&mut self) -> &mut dyn UserRepository {
        self.transaction.users()
    }

    pub(crate) fn credentials(&mut self) -> &mut dyn CredentialRepository {
        self.transaction.credentials()
    }

    pub(crate) fn sessions(&mut self) -> &mut dyn SessionRepository {
        self.transaction.sessions()
    }

    pub(crate) fn friendships(&mut self) -> &mut dyn FriendshipRepository {
        self.transaction.friendships()
    }

    pub(crate) fn conversations(&mut self) -> &mut dyn ConversationRepository {
        self.transaction.conversations()
    }

    pub(crate) fn messages(&mut self) -> &mut dyn MessageRepository {
        self.transaction.messages()
    }

    /// Locks whatever depends on what holds between the two, then reads it. Their
    /// direct conversation is part of that: a send locks nothing else.
    pub(crate) async fn lock_pair(&mut self, pair: UserPair) -> Result<LockedPair> {
        Ok(self.transaction.lock_pair(pair).await?)
    }

    /// Locks and reads what a batch depends on.
    pub(crate) async fn read_batch(&mut self, keys: BatchKeys<'_>) -> Result<BatchState> {
        Ok(self.transaction.read_batch(keys).await?)
    }

    /// Writes what a batch comes to.
    pub(crate) async fn write_batch(&mut self, rows: BatchRows<'_>) -> Result<()> {
        Ok(self.transaction.write_batch(rows).await?)
    }

    /// Notes what `actor` did, for the log.
    pub(crate) fn record(&mut self, actor: UserId, audience: Audience, fact: Fact) {
        // Tags are drawn at once when it commits.
        self.events.push(NewEvent { audience, fact, at: self.now, actor_id: actor, tag: 0 });
    }

    /// Notes everything that a transition tells.
    pub(crate) fn record_transition(&mut self, actor: UserId, transition: &Transition) {
        for &(audience, fact) in &transition.facts {
            self.record(actor, audience, fact);
        }
    }

    /// What the work of a transaction ends with.
    #[allow(clippy::unnecessary_wraps, reason = "a transaction's work reads as one expression")]
    pub(crate) fn done<T>(self, value: T) -> Result<(Self, T)> {
        Ok((self, value))
    }

    /// Undoes everything.
    pub(crate) async fn rollback(self) -> Result<()> {
        Ok(self.transaction.rollback().await?)
    }

    pub(crate) async fn commit(mut self) -> Result<Vec<Event>> {
        let mut tags = vec![0; self.events.len() * size_of::<u32>()];
        self.ids.fill_random(&mut tags);
        let (tags, _) = tags.as_chunks();
        for (event, tag) in self.events.iter_mut().zip(tags) {
            event.tag = u32::from_be_bytes(*tag);
        }
        Ok(self.transaction.commit(&self.events).await?)
    }
}

/// Reads that a snapshot and a change have in common.
pub(crate) trait Reads: Send {
    fn users(&mut self) -> &mut dyn UserQueries;
    fn friendships(&mut self) -> &mut dyn FriendshipQueries;
    fn conversations(&mut self) -> &mut dyn ConversationQueries;
    fn messages(&mut self) -> &mut dyn MessageQueries;
}

impl Reads for Change {
    fn users(&mut self) -> &mut dyn UserQueries {
        self.transaction.users()
    }

    fn friendships(&mut self) -> &mut dyn FriendshipQueries {
        self.transaction.friendships()
    }

    fn conversations(&mut self) -> &mut dyn ConversationQueries {
        self.transaction.conversations()
    }

    fn messages(&mut self) -> &mut dyn MessageQueries {
        self.transaction.messages()
    }
}

impl Reads for Box<dyn Snapshot> {
    fn users(&mut self) -> &mut dyn UserQueries {
        (**self).users()
    }

    fn friendships(&mut self) -> &mut dyn FriendshipQueries {
        (**self).friendships()
    }

    fn conversations(&mut self) -> &mut dyn ConversationQueries {
        (**self).conversations()
    }

    fn messages(&mut self) -> &mut dyn MessageQueries {
        (**self).messages()
    }
}
