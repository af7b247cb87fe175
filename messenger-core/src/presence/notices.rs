//! What the rest of the messenger tells the signaller, without waiting for it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::throttle::Throttle;
use crate::clock::Timestamp;
use crate::id::{ConversationId, UserId};

/// How much typing may wait for the signaller. Above it, signals are dropped.
const MOST_TYPING: usize = 4_096;

/// A box that many fill and the signaller empties.
#[derive(Default)]
pub(crate) struct Notices {
    state: Mutex<State>,
    filled: Notify,
}

#[derive(Default)]
struct State {
    throttle: Throttle,
    notes: Notes,
}

/// What was noted since the last time.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) typing: Vec<(UserId, ConversationId)>,
    /// Nothing more will come.
    pub(super) shut_down: bool,
}

impl Notices {
    /// Someone types; noted unless it was just before.
    pub(crate) fn typing(&self, user: UserId, conversation: ConversationId, now: Timestamp) {
        let mut state = self.state();
        if state.notes.typing.len() < MOST_TYPING && state.throttle.lets_through((user, conversation), now) {
            state.notes.typing.push((user, conversation));
            self.filled.notify_one();
        }
    }

    /// The messenger shuts down.
    pub(crate) fn shut_down(&self) {
        self.state().notes.shut_down = true;
        self.filled.notify_one();
    }

    /// Takes everything out.
    pub(super) fn take(&self) -> Notes {
        std::mem::take(&mut self.state().notes)
    }

    /// Waits until something was noted since the last time.
    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
