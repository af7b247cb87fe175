//! The signals that wait for one connection.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::signal::{PresenceState, Signal, TYPING_LIFETIME};
use crate::clock::Timestamp;
use crate::id::{ConversationId, UserId};

/// How many people's typing waits for a connection. More are not shown anyway.
const MOST_TYPING: usize = 16;

/// The signals that wait for one connection, apart from its events: whoever
/// reads takes the events first.
///
/// It holds, of presence, the difference between what the client knows and what
/// holds: two changes of one user that undo each other leave nothing behind. So
/// it is bounded by what a client may be shown, and nothing has to be dropped.
#[derive(Default)]
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Default)]
struct Waiting {
    /// Whether the client was told who is online, so that changes mean
    /// something.
    greeted: Greeted,
    presence: HashMap<UserId, Change>,
    /// The same in the order in which it came.
    order: BTreeMap<u64, UserId>,
    next: u64,
    typing: VecDeque<Typing>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Greeted {
    #[default]
    NotYet,
    Done,
}

#[derive(Clone, Copy)]
struct Change {
    number: u64,
    state: PresenceState,
    at: Timestamp,
}

#[derive(Clone, Copy)]
struct Typing {
    at: Timestamp,
    user_id: UserId,
    conversation_id: ConversationId,
}

impl Outbox {
    /// Tells who is online, once. What changes before that is part of it.
    pub(crate) fn greet(&self, online: impl Iterator<Item = UserId>, at: Timestamp) {
        let mut waiting = self.waiting();
        if waiting.greeted == Greeted::NotYet {
            waiting.greeted = Greeted::Done;
            for user in online {
                waiting.put_presence(user, PresenceState::Online, at);
            }
            drop(waiting);
            self.filled.notify_one();
        }
    }

    /// Puts a signal in. Of the same person's typing in the same place the
    /// last is enough; where too many wait, the oldest is dropped.
    pub(crate) fn put(&self, signal: Signal) {
        let mut waiting = self.waiting();
        match signal {
            Signal::Typing { at, user_id, conversation_id } => {
                waiting.put_typing(Typing { at, user_id, conversation_id });
            }
            Signal::Presence { at, user_id, state } => waiting.put_presence(user_id, state, at),
        }
        drop(waiting);
        self.filled.notify_one();
    }

    /// Takes the next one that still means something.
    pub(crate) fn take(&self, now: Timestamp) -> Option<Signal> {
        let mut waiting = self.waiting();
        if let Some((_, user_id)) = waiting.order.pop_first()
            && let Some(Change { state, at, .. }) = waiting.presence.remove(&user_id)
        {
            return Some(Signal::Presence { at, user_id, state });
        }
        loop {
            let Typing { at, user_id, conversation_id } = waiting.typing.pop_front()?;
            if now <= at.after(TYPING_LIFETIME) {
                return Some(Signal::Typing { at, user_id, conversation_id });
            }
        }
    }

    /// Waits until something was put in since the last time.
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn put_typing(&mut self, typing: Typing) {
        let place = (typing.user_id, typing.conversation_id);
        self.typing.retain(|earlier| (earlier.user_id, earlier.conversation_id) != place);
        if self.typing.len() == MOST_TYPING {
            self.typing.pop_front();
        }
        self.typing.push_back(typing);
    }

    /// Changes come in turns, online after offline and the other way round, so
    /// one that meets another undoes it: the client knows already.
    fn put_presence(&mut self, user: UserId, state: PresenceState, at: Timestamp) {
        if self.greeted == Greeted::NotYet {
            return;
        }
        match self.presence.get(&user).copied() {
            Some(waiting) if waiting.state == state => {}
            Some(waiting) => {
                self.presence.remove(&user);
                self.order.remove(&waiting.number);
            }
            None => {
                self.presence.insert(user, Change { number: self.next, state, at });
                self.order.insert(self.next, user);
                self.next += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use uuid::Uuid;

    fn user(number: u128) -> UserId {
        UserId::from_uuid(Uuid::from_u128(number))
    }

    fn typing(number: u128, millis: i64) -> Signal {
        Signal::Typing {
            at: Timestamp::from_millis(millis),
            user_id: user(number),
            conversation_id: ConversationId::from_uuid(Uuid::from_u128(1)),
        }
    }

    fn presence(number: u128, state: PresenceState) -> Signal {
        Signal::Presence { at: Timestamp::from_millis(0), user_id: user(number), state }
    }

    fn online(number: u128) -> Signal {
        presence(number, PresenceState::Online)
    }

    fn offline(number: u128) -> Signal {
        presence(number, PresenceState::Offline)
    }

    fn drain(outbox: &Outbox, now: i64) -> Vec<Signal> {
        std::iter::from_fn(|| outbox.take(Timestamp::from_millis(now))).collect()
    }

    fn greeted(online: impl IntoIterator<Item = u128>) -> Outbox {
        let outbox = Outbox::default();
        outbox.greet(online.into_iter().map(user), Timestamp::from_millis(0));
        outbox
    }

    #[test]
    fn who_goes_on_typing_waits_once() {
        let outbox = Outbox::default();
        for signal in [typing(1, 0), typing(2, 1), typing(1, 2)] {
            outbox.put(signal);
        }
        assert_eq!(drain(&outbox, 2), [typing(2, 1), typing(1, 2)]);
    }

    #[test]
    fn typing_that_waited_too_long_is_dropped() {
        let outbox = Outbox::default();
        outbox.put(typing(1, 0));
        outbox.put(typing(2, 1_000));
        assert_eq!(drain(&outbox, 6_001), [typing(2, 1_000)]);
    }

    #[test]
    fn of_too_many_who_type_the_oldest_are_dropped() {
        let outbox = Outbox::default();
        for user in 0..100 {
            outbox.put(typing(user, 0));
        }
        let expected: Vec<_> = (84..100).map(|user| typing(user, 0)).collect();
        assert_eq!(drain(&outbox, 0), expected);
    }

    #[test]
    fn a_client_is_greeted_once_and_then_told_what_changes() {
        let outbox = Outbox::default();
        outbox.put(online(9));
        assert_eq!(drain(&outbox, 0), []);
        outbox.greet([user(1), user(2)].into_iter(), Timestamp::from_millis(0));
        outbox.greet([user(3)].into_iter(), Timestamp::from_millis(0));
        assert_eq!(drain(&outbox, 0), [online(1), online(2)]);
        outbox.put(offline(1));
        assert_eq!(drain(&outbox, 0), [offline(1)]);
    }

    #[test]
    fn changes_that_undo_each_other_leave_nothing_behind() {
        let outbox = greeted([1]);
        outbox.put(offline(1));
        assert_eq!(drain(&outbox, 0), [], "the client was not told yet that they are online");
        outbox.put(online(1));
        outbox.put(offline(1));
        outbox.put(online(1));
        assert_eq!(drain(&outbox, 0), [online(1)]);
        for _ in 0..1_000 {
            outbox.put(offline(1));
            outbox.put(online(1));
        }
        assert_eq!(drain(&outbox, 0), [], "what the client knows still holds");
    }

    #[test]
    fn what_came_first_is_told_first() {
        let outbox = greeted([9]);
        for signal in [online(5), online(7), online(3), offline(7), online(7)] {
            outbox.put(signal);
        }
        assert_eq!(drain(&outbox, 0), [online(9), online(5), online(3), online(7)]);
    }

    #[tokio::test]
    async fn a_signal_that_was_put_in_before_wakes_who_waits_after() {
        let outbox = Outbox::default();
        outbox.put(typing(1, 0));
        tokio::time::timeout(Duration::from_secs(10), outbox.filled()).await.expect("woken");
    }
}
