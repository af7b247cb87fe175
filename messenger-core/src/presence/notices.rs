//! What the rest of the messenger tells the signaller, without waiting for it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::throttle::Throttle;
use crate::clock::Timestamp;
use crate::event::{Audience, Event, Fact};
use crate::id::{ConversationId, UserId};
use crate::store::NodeHead;

/// How much typing may wait for the signaller. Above it, signals are dropped.
const MOST_TYPING: usize = 4_096;

/// How many users and groups may wait to be looked at. Above it, all that is
/// shown is looked at instead.
const MOST_TOUCHED: usize = 10_000;

/// A box that many fill and the signaller empties.
#[derive(Default)]
pub(crate) struct Notices {
    state: Mutex<State>,
    filled: Notify,
}

#[derive(Default)]
struct State {
    throttle: Throttle,
    nodes: Vec<NodeHead>,
    notes: Notes,
}

/// What was noted since the last time.
#[derive(Default)]
pub(super) struct Notes {
    /// Whose connections came or went.
    pub(super) moved: BTreeSet<UserId>,
    pub(super) typing: Vec<(UserId, ConversationId)>,
    pub(super) touched: Touched,
    /// The nodes, when they are not as before.
    pub(super) nodes: Option<Vec<NodeHead>>,
    /// Nothing more will come.
    pub(super) shut_down: bool,
}

/// Between whom presence may show where it did not, or no longer.
#[derive(Default)]
pub(super) struct Touched {
    pub(super) users: BTreeSet<UserId>,
    /// How often the members of a conversation changed.
    pub(super) conversations: HashMap<ConversationId, i64>,
    /// Too many to name.
    pub(super) everybody: bool,
}

impl Notices {
    /// A connection of a user came or went.
    pub(crate) fn moved(&self, user: UserId) {
        self.state().notes.moved.insert(user);
        self.filled.notify_one();
    }

    /// Someone types; noted unless it was just before.
    pub(crate) fn typing(&self, user: UserId, conversation: ConversationId, now: Timestamp) {
        let mut state = self.state();
        if state.notes.typing.len() < MOST_TYPING && state.throttle.lets_through((user, conversation), now) {
            state.notes.typing.push((user, conversation));
            self.filled.notify_one();
        }
    }

    /// What was just read of the log.
    pub(crate) fn happened<'e>(&self, events: impl IntoIterator<Item = &'e Event>) {
        let mut state = self.state();
        let touched = &mut state.notes.touched;
        let mut any = false;
        for event in events {
            any |= touched.note(event.event.audience, event.event.fact);
        }
        if touched.users.len() + touched.conversations.len() > MOST_TOUCHED {
            *touched = Touched { everybody: true, ..Touched::default() };
        }
        if any {
            self.filled.notify_one();
        }
    }

    /// The nodes, as they were just seen.
    pub(crate) fn nodes(&self, nodes: Vec<NodeHead>) {
        let mut state = self.state();
        if state.nodes != nodes {
            state.nodes.clone_from(&nodes);
            state.notes.nodes = Some(nodes);
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

impl Touched {
    /// Notes whom an event touches; `false` when nobody.
    fn note(&mut self, audience: Audience, fact: Fact) -> bool {
        match fact {
            Fact::FriendshipStarted { user_id }
            | Fact::FriendshipEnded { user_id }
            | Fact::BlockAdded { user_id }
            | Fact::BlockRemoved { user_id } => {
                self.users.insert(user_id);
                if let Audience::User(other) = audience {
                    self.users.insert(other);
                }
            }
            // Maybe of the presence policy.
            Fact::UserUpdated { user_id } => {
                self.users.insert(user_id);
            }
            Fact::MemberAdded { conversation_id, user_id } | Fact::MemberRemoved { conversation_id, user_id } => {
                self.users.insert(user_id);
                *self.conversations.entry(conversation_id).or_default() += 1;
            }
            Fact::ConversationCreated { conversation_id } => {
                *self.conversations.entry(conversation_id).or_default() += 1;
            }
            _ => return false,
        }
        true
    }
}
