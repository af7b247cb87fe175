//! The hub: who is connected, and what waits for them.
//!
//! A durable event is never dropped from a connection that stays open: a
//! connection that cannot keep up is closed with a reason that says *resume*.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use tokio::sync::Notify;
use tokio::sync::mpsc::{self, error::TryRecvError, error::TrySendError};

use crate::clock::Clock;
use crate::cursor::Places;
use crate::delivery::Delivery;
use crate::event::Fact;
use crate::id::{SessionId, UserId};
use crate::presence::{Notices, Outbox, Signal};

/// How many events may wait for one connection.
const QUEUE_LENGTH: usize = 512;

/// Why a subscription ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The connection did not keep up: subscribe again with the last cursor.
    Lagging,
    /// The log is another one now: take a new snapshot.
    ResyncRequired,
    /// The session was ended.
    SessionEnded,
    /// The messenger shuts down: subscribe again, elsewhere or later.
    ShuttingDown,
}

/// Whether a connection is told of what passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signals {
    Wanted,
    Unwanted,
}

/// What comes to a connection.
pub(super) enum Arrival {
    /// The next of its queue.
    Item(Item),
    /// A signal, when the queue is empty.
    Signal(Signal),
    /// The queue ended.
    End,
}

/// What waits in a connection's queue.
#[derive(Debug, Clone)]
pub(super) enum Item {
    /// Something that happened.
    Event(Arc<Delivery>),
    /// Everything up to these places has been queued before.
    Mark(Arc<Places>),
}

/// An event with the users who may see it.
pub(super) struct Addressed {
    pub(super) delivery: Arc<Delivery>,
    pub(super) receivers: Vec<UserId>,
}

/// How many connections had come when it was looked who is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AsOf(u64);

/// Who is connected, and how far the log has been handed out.
pub(crate) struct Hub {
    // A std mutex: nothing is awaited while it is held, and what is done under
    // it is a walk over maps.
    state: Mutex<State>,
    /// Hears of every connection that comes or goes.
    notices: Arc<Notices>,
    /// Hears of the first connection that comes.
    company: Notify,
}

struct State {
    epoch: u64,
    places: Places,
    connections: HashMap<UserId, Vec<Connection>>,
    /// How many connections have come so far.
    arrivals: u64,
    /// Set for good when the messenger shuts down.
    shut_down: bool,
}

struct Connection {
    id: u64,
    session: Option<SessionId>,
    queue: mpsc::Sender<Item>,
    /// Where signals wait, unless the connection wants none.
    signals: Option<Arc<Outbox>>,
    closed: Arc<OnceLock<CloseReason>>,
}

/// A connection's end of the hub. Dropping it disconnects.
pub(super) struct Registration {
    hub: Arc<Hub>,
    user: UserId,
    id: u64,
    pub(super) epoch: u64,
    /// Up to here everything was handed out before the registration; after it,
    /// everything comes through the queue.
    pub(super) places: Places,
    queue: mpsc::Receiver<Item>,
    signals: Option<Arc<Outbox>>,
    closed: Arc<OnceLock<CloseReason>>,
}

impl Registration {
    /// What comes next. Waits for it when there is nothing; giving up waiting
    /// loses nothing.
    pub(super) async fn next(&mut self, clock: &dyn Clock) -> Arrival {
        loop {
            if let Some(arrival) = self.ready(clock) {
                return arrival;
            }
            let Some(signals) = &self.signals else {
                return self.queue.recv().await.map_or(Arrival::End, Arrival::Item);
            };
            tokio::select! {
                item = self.queue.recv() => return item.map_or(Arrival::End, Arrival::Item),
                () = signals.filled() => {}
            }
        }
    }

    /// What is there already. Events go first.
    pub(super) fn ready(&mut self, clock: &dyn Clock) -> Option<Arrival> {
        match self.queue.try_recv() {
            Ok(item) => Some(Arrival::Item(item)),
            Err(TryRecvError::Disconnected) => Some(Arrival::End),
            Err(TryRecvError::Empty) => self.signals.as_ref()?.take(clock.now()).map(Arrival::Signal),
        }
    }

    /// Why the queue ended.
    pub(super) fn close_reason(&self) -> CloseReason {
        self.closed.get().copied().unwrap_or(CloseReason::ShuttingDown)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut state = self.hub.state();
        if let Some(connections) = state.connections.get_mut(&self.user) {
            connections.retain(|connection| connection.id != self.id);
            if connections.is_empty() {
                state.connections.remove(&self.user);
            }
        }
        drop(state);
        self.hub.notices.moved(self.user);
    }
}

impl Hub {
    /// A hub that hands out what comes after `places`.
    pub(crate) fn new(epoch: u64, places: Places, notices: Arc<Notices>) -> Self {
        let state = State { epoch, places, connections: HashMap::new(), arrivals: 0, shut_down: false };
        Self { state: Mutex::new(state), notices, company: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while it was held would have to come from a map: the state
        // is whole, so go on.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// How far the log has been handed out.
    pub(crate) fn places(&self) -> (u64, Places) {
        let state = self.state();
        (state.epoch, state.places.clone())
    }

    /// How many connections there are.
    pub(crate) fn connection_count(&self) -> usize {
        self.state().connections.values().map(Vec::len).sum()
    }

    /// How many connections a user has.
    pub(crate) fn connection_count_of(&self, user: UserId) -> usize {
        self.state().connections.get(&user).map_or(0, Vec::len)
    }

    pub(super) fn register(
        self: &Arc<Self>,
        user: UserId,
        session: Option<SessionId>,
        signals: Signals,
    ) -> Registration {
        let (sender, queue) = mpsc::channel(QUEUE_LENGTH);
        let closed = Arc::new(OnceLock::new());
        let signals = (signals == Signals::Wanted).then(Arc::<Outbox>::default);
        let mut state = self.state();
        state.arrivals += 1;
        let id = state.arrivals;
        let connection = Connection { id, session, queue: sender, signals: signals.clone(), closed: closed.clone() };
        if state.shut_down {
            connection.close(CloseReason::ShuttingDown);
        } else {
            if state.connections.is_empty() {
                self.company.notify_one();
            }
            state.connections.entry(user).or_default().push(connection);
        }
        let (epoch, places) = (state.epoch, state.places.clone());
        drop(state);
        self.notices.moved(user);
        Registration { hub: self.clone(), user, id, epoch, places, queue, signals, closed }
    }

    /// Whether nobody is connected.
    pub(super) fn is_alone(&self) -> bool {
        self.state().connections.is_empty()
    }

    /// Waits for the first connection of all. One that came since the last call
    /// counts, also when it is gone again.
    pub(super) async fn company(&self) {
        self.company.notified().await;
    }

    /// Takes from each event's receivers those who have no connection.
    pub(super) fn keep_connected(&self, receivers: &mut [Vec<UserId>]) -> AsOf {
        let state = self.state();
        for receivers in receivers {
            receivers.retain(|user| state.connections.contains_key(user));
        }
        AsOf(state.arrivals)
    }

    /// Hands out a batch, after which the log has been handed out up to
    /// `places`. One critical section, so a registration sees all of a batch or
    /// none of it.
    ///
    /// A batch that was made for those who were connected `as_of` a moment is
    /// not handed out when someone has come since: `false`.
    pub(super) fn dispatch(&self, batch: &[Addressed], places: &Places, as_of: Option<AsOf>) -> bool {
        let mut state = self.state();
        if as_of.is_some_and(|as_of| as_of != AsOf(state.arrivals)) {
            return false;
        }
        for addressed in batch {
            let ended = match addressed.delivery.event.event.fact {
                Fact::SessionEnded { session_id } => Some(session_id),
                _ => None,
            };
            for user in &addressed.receivers {
                if let Some(connections) = state.connections.get_mut(user) {
                    connections.retain(|connection| connection.offer(&Item::Event(addressed.delivery.clone())));
                    if ended.is_some() {
                        connections.retain(|connection| {
                            let own = connection.session == ended;
                            if own {
                                connection.close(CloseReason::SessionEnded);
                            }
                            !own
                        });
                    }
                }
            }
        }
        state.places.clone_from(places);
        true
    }

    /// Those of `users` who have a connection that wants signals.
    pub(crate) fn listening(&self, users: &HashSet<UserId>) -> Vec<UserId> {
        let state = self.state();
        let listens = |user: &UserId| {
            let connections = state.connections.get(user);
            connections.is_some_and(|connections| connections.iter().any(|connection| connection.signals.is_some()))
        };
        // Whichever is less to look through.
        if users.len() <= state.connections.len() {
            users.iter().copied().filter(listens).collect()
        } else {
            state.connections.keys().copied().filter(|user| users.contains(user) && listens(user)).collect()
        }
    }

    /// Whether a user has a connection that wants signals.
    pub(crate) fn listens(&self, user: UserId) -> bool {
        let state = self.state();
        state.connections.get(&user).into_iter().flatten().any(|connection| connection.signals.is_some())
    }

    /// Where signals wait for each of a user's connections.
    pub(crate) fn outboxes(&self, user: UserId) -> Vec<Arc<Outbox>> {
        let state = self.state();
        let connections = state.connections.get(&user).into_iter().flatten();
        connections.filter_map(|connection| connection.signals.clone()).collect()
    }

    /// Lets each signal wait for its receiver's connections.
    pub(crate) fn signal(&self, signals: impl IntoIterator<Item = (UserId, Signal)>) {
        let state = self.state();
        for (user, signal) in signals {
            for connection in state.connections.get(&user).into_iter().flatten() {
                if let Some(outbox) = &connection.signals {
                    outbox.put(signal);
                }
            }
        }
    }

    /// Tells every connection that everything up to now has been queued.
    pub(super) fn mark(&self) {
        let mut state = self.state();
        let places = Arc::new(state.places.clone());
        for connections in state.connections.values_mut() {
            connections.retain(|connection| connection.offer(&Item::Mark(places.clone())));
        }
    }

    /// The log is another one: everyone has to take a new snapshot.
    pub(super) fn reset(&self, epoch: u64, places: Places) {
        let mut state = self.state();
        state.close_all(CloseReason::ResyncRequired);
        state.epoch = epoch;
        state.places = places;
    }

    /// Closes all connections, and every one that still comes.
    pub(crate) fn shut_down(&self) {
        let mut state = self.state();
        state.close_all(CloseReason::ShuttingDown);
        state.shut_down = true;
    }
}

impl State {
    fn close_all(&mut self, reason: CloseReason) {
        for connection in self.connections.values().flatten() {
            connection.close(reason);
        }
        self.connections.clear();
    }
}

impl Connection {
    /// Queues an item; `false` when the connection is gone or was closed
    /// because it does not keep up.
    fn offer(&self, item: &Item) -> bool {
        match self.queue.try_send(item.clone()) {
            Ok(()) => true,
            Err(TrySendError::Closed(_)) => false,
            Err(TrySendError::Full(_)) => {
                self.close(CloseReason::Lagging);
                false
            }
        }
    }

    /// Says why; the queue ends when the connection is dropped after this.
    fn close(&self, reason: CloseReason) {
        // The first reason stands.
        let _ = self.closed.set(reason);
    }
}

#[cfg(test)]
#[path = "hub_tests.rs"]
mod tests;
