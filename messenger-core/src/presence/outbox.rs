//! The signals that wait for one connection.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::signal::{Signal, TYPING_LIFETIME};
use crate::clock::Timestamp;

/// How many people's typing waits for a connection. More are not shown anyway.
const MOST_TYPING: usize = 16;

/// The signals that wait for one connection, apart from its events: whoever
/// reads takes the events first.
#[derive(Default)]
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Default)]
struct Waiting {
    typing: VecDeque<Signal>,
}

impl Outbox {
    /// Puts a signal in. Of the same person's typing in the same place the
    /// last is enough; where too many wait, the oldest is dropped.
    pub(crate) fn put(&self, signal: Signal) {
        let mut waiting = self.waiting();
        let Signal::Typing { .. } = signal;
        let place = (signal.user_id(), signal.conversation_id());
        waiting.typing.retain(|earlier| (earlier.user_id(), earlier.conversation_id()) != place);
        if waiting.typing.len() == MOST_TYPING {
            waiting.typing.pop_front();
        }
        waiting.typing.push_back(signal);
        drop(waiting);
        self.filled.notify_one();
    }

    /// Takes the next one that still means something.
    pub(crate) fn take(&self, now: Timestamp) -> Option<Signal> {
        let mut waiting = self.waiting();
        loop {
            let signal = waiting.typing.pop_front()?;
            if now <= signal.at().after(TYPING_LIFETIME) {
                return Some(signal);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{ConversationId, UserId};
    use std::time::Duration;
    use uuid::Uuid;

    fn typing(user: u128, millis: i64) -> Signal {
        Signal::Typing {
            at: Timestamp::from_millis(millis),
            user_id: UserId::from_uuid(Uuid::from_u128(user)),
            conversation_id: ConversationId::from_uuid(Uuid::from_u128(1)),
        }
    }

    fn drain(outbox: &Outbox, now: i64) -> Vec<Signal> {
        std::iter::from_fn(|| outbox.take(Timestamp::from_millis(now))).collect()
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
    fn of_too_many_the_oldest_are_dropped() {
        let outbox = Outbox::default();
        for user in 0..100 {
            outbox.put(typing(user, 0));
        }
        let expected: Vec<_> = (84..100).map(|user| typing(user, 0)).collect();
        assert_eq!(drain(&outbox, 0), expected);
    }

    #[tokio::test]
    async fn a_signal_that_was_put_in_before_wakes_who_waits_after() {
        let outbox = Outbox::default();
        outbox.put(typing(1, 0));
        tokio::time::timeout(Duration::from_secs(10), outbox.filled()).await.expect("woken");
    }
}
