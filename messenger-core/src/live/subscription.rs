//! A subscription: replay, then `caught up`, then live.

use std::collections::VecDeque;
use std::sync::Arc;

use super::hub::{Arrival, CloseReason, Hub, Item, Registration, Signals};
use crate::Messenger;
use crate::cursor::{self, Cursor, Places};
use crate::delivery::Delivery;
use crate::error::{Error, Result};
use crate::event::Fact;
use crate::id::{SessionId, UserId};
use crate::presence::Signal;
use crate::service::events::Progress;
use crate::service::hydrate::hydrate;

/// How many events one step of a replay reads.
const REPLAY_BATCH: u32 = 500;

/// What a subscription yields.
#[derive(Debug, Clone)]
pub enum Update {
    /// Something happened.
    Event(Arc<Delivery>),
    /// Someone does something at this moment. The cursor does not move, and
    /// nothing is promised: a signal may be dropped.
    Signal(Signal),
    /// All that had happened before has been delivered.
    CaughtUp,
    /// Nothing happened for a while; the cursor may have moved all the same.
    Heartbeat,
}

/// Why a subscription yields nothing more.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// It was closed.
    #[error("the subscription was closed: {0:?}")]
    Closed(CloseReason),
    /// The log could not be read. Calling again tries again.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// A user's events from a cursor onwards, without a gap or a repeat.
///
/// Not a `Stream`, so that core needs no stream crate: call
/// [`Subscription::next`] in a loop.
pub struct Subscription {
    messenger: Messenger,
    hub: Arc<Hub>,
    user: UserId,
    session: Option<SessionId>,
    signals: Signals,
    epoch: u64,
    /// Where the client stands once it has seen all that was yielded.
    places: Places,
    /// What was read and not yet yielded.
    pending: VecDeque<Pending>,
    phase: Phase,
}

enum Pending {
    Event(Arc<Delivery>),
    /// All up to here was yielded, also where it is not for this user.
    Places(Places),
    CaughtUp,
}

enum Phase {
    /// Reading from the store what happened before.
    Replaying,
    /// Connected to the hub; reading what happened up to the registration.
    Joining(Registration),
    /// Everything comes through the hub.
    Live(Registration),
    /// Ended.
    Closed(CloseReason),
}

impl Subscription {
    pub(crate) fn new(messenger: Messenger, hub: Arc<Hub>, cursor: Cursor, session: Option<SessionId>) -> Self {
        Self {
            messenger,
            hub,
            user: cursor.user_id,
            session,
            signals: Signals::Wanted,
            epoch: cursor.epoch,
            places: cursor.places,
            pending: VecDeque::new(),
            phase: Phase::Replaying,
        }
    }

    /// The same without [`Update::Signal`], for who waits for events only.
    #[must_use]
    pub fn without_signals(mut self) -> Self {
        self.signals = Signals::Unwanted;
        self
    }

    /// Where the client stands once it has seen all that was yielded.
    pub fn cursor(&self) -> Cursor {
        Cursor { epoch: self.epoch, user_id: self.user, places: self.places.clone() }
    }

    /// The text of [`Subscription::cursor`], without a copy of it: every frame
    /// that a client gets carries one.
    pub fn encode_cursor(&self) -> String {
        cursor::encode(self.epoch, self.user, &self.places)
    }

    /// The next update. Waits for one when there is none; giving up waiting
    /// loses nothing.
    pub async fn next(&mut self) -> Result<Update, Ended> {
        loop {
            if let Some(update) = self.pop() {
                return Ok(update);
            }
            if let Phase::Live(registration) = &mut self.phase {
                let arrival = registration.next(&*self.messenger.inner.clock).await;
                if let Some(update) = self.take(arrival) {
                    return Ok(update);
                }
                continue;
            }
            self.replay().await?;
        }
    }

    /// The next update that is there already, without waiting and without
    /// reading from the store.
    pub fn ready(&mut self) -> Option<Update> {
        if let Some(update) = self.pop() {
            return Some(update);
        }
        while let Phase::Live(registration) = &mut self.phase {
            let arrival = registration.ready(&*self.messenger.inner.clock)?;
            let update = self.take(arrival);
            if update.is_some() {
                return update;
            }
        }
        None
    }

    /// What was read and not yet yielded.
    fn pop(&mut self) -> Option<Update> {
        while let Some(pending) = self.pending.pop_front() {
            match pending {
                Pending::Places(places) => self.places = places,
                Pending::CaughtUp => return Some(Update::CaughtUp),
                Pending::Event(delivery) => {
                    self.places.set(delivery.event.partition, delivery.place());
                    self.end_with_session(&delivery);
                    return Some(Update::Event(delivery));
                }
            }
        }
        None
    }

    /// Takes what came, unless the replay has yielded it already.
    fn take(&mut self, arrival: Arrival) -> Option<Update> {
        match arrival {
            Arrival::End => {
                if let Phase::Live(registration) = &self.phase {
                    self.phase = Phase::Closed(registration.close_reason());
                }
                None
            }
            Arrival::Signal(signal) => Some(Update::Signal(signal)),
            Arrival::Item(Item::Mark(places)) => {
                for (partition, place) in places.iter() {
                    self.places.advance(partition, place);
                }
                Some(Update::Heartbeat)
            }
            Arrival::Item(Item::Event(delivery)) => {
                let (partition, place) = (delivery.event.partition, delivery.place());
                if place.position <= self.places.get(partition).position {
                    return None;
                }
                self.places.set(partition, place);
                Some(Update::Event(delivery))
            }
        }
    }

    /// A session that ended just before the connection was registered ends it
    /// by being replayed.
    fn end_with_session(&mut self, delivery: &Delivery) {
        if let Fact::SessionEnded { session_id } = delivery.event.event.fact
            && self.session == Some(session_id)
        {
            self.pending.clear();
            self.phase = Phase::Closed(CloseReason::SessionEnded);
        }
    }

    /// Reads one batch of what happened before, and moves on to the next phase
    /// when that was the last.
    ///
    /// The first phase reads without being connected, however long that takes,
    /// so that no queue overflows meanwhile. What then happens up to the
    /// registration is little.
    async fn replay(&mut self) -> Result<(), Ended> {
        let until = match &self.phase {
            Phase::Closed(reason) => return Err(Ended::Closed(*reason)),
            Phase::Joining(registration) if registration.epoch != self.epoch => {
                self.phase = Phase::Closed(CloseReason::ResyncRequired);
                return Ok(());
            }
            Phase::Joining(registration) => Some(registration.places.clone()),
            Phase::Replaying | Phase::Live(_) => None,
        };
        let (mut snapshot, log) = self.messenger.read_log().await?;
        // Its end may lie before the cursor, where nothing tells of it again.
        // Registered is who reads this, so an end after it comes by the queue.
        if let (Phase::Joining(_), Some(session)) = (&self.phase, self.session)
            && snapshot.sessions().find_session(session).await.map_err(Error::from)?.is_none()
        {
            self.phase = Phase::Closed(CloseReason::SessionEnded);
            return Ok(());
        }
        let cursor = self.cursor();
        match log.check(&mut snapshot, &cursor).await {
            Ok(()) => {}
            Err(Error::ResyncRequired) => {
                self.phase = Phase::Closed(CloseReason::ResyncRequired);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        let end = until.unwrap_or_else(|| log.places());
        let replayed = log.replay(&mut snapshot, self.user, &cursor.places, &end, REPLAY_BATCH).await?;
        let deliveries = hydrate(&mut snapshot, replayed.events).await?;
        self.pending.extend(deliveries.into_iter().map(|delivery| Pending::Event(Arc::new(delivery))));
        self.pending.push_back(Pending::Places(replayed.places));
        if replayed.progress == Progress::CaughtUp {
            let phase = std::mem::replace(&mut self.phase, Phase::Closed(CloseReason::ShuttingDown));
            self.phase = match phase {
                Phase::Joining(registration) => {
                    self.pending.push_back(Pending::CaughtUp);
                    Phase::Live(registration)
                }
                _ => Phase::Joining(self.hub.register(self.user, self.session, self.signals)),
            };
        }
        Ok(())
    }
}
