//! What a lane reads and writes at once.

use std::collections::HashSet;

use super::{StoreResult, Transaction};
use crate::conversation::{Conversation, ConversationKind, Membership};
use crate::friendship::{PairState, UserPair};
use crate::id::{ConversationId, MessageId, UserId};
use crate::message::{ClientId, Message, SentMessage};
use crate::user::User;

/// What a batch of changes is about. Any slice may be empty; there may be
/// repeats.
#[derive(Debug, Clone, Copy)]
pub struct BatchKeys<'a> {
    /// Who wants to do something, and in which conversations.
    pub places: &'a [(ConversationId, UserId)],
    /// Under what something may have been sent before.
    pub sent: &'a [(UserId, ConversationId, ClientId)],
    /// Messages that are changed or answered.
    pub messages: &'a [MessageId],
    /// Where something is said: in a direct one, the other side may refuse it.
    pub spoken_in: &'a [ConversationId],
}

impl BatchKeys<'_> {
    /// No key at all.
    pub const NOTHING: Self = Self { places: &[], sent: &[], messages: &[], spoken_in: &[] };
}

/// What a batch of changes depends on. Nothing is missing but what does not
/// exist; the order is any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BatchState {
    /// The conversations of all places, locked.
    pub conversations: Vec<Conversation>,
    /// The memberships at all places.
    pub memberships: Vec<Membership>,
    /// What was sent before.
    pub sent: Vec<SentMessage>,
    /// The messages that were named.
    pub messages: Vec<Message>,
    /// What stands between the two of each direct conversation that is spoken
    /// in.
    pub pairs: Vec<PairState>,
    /// Those two.
    pub users: Vec<User>,
}

/// The rows that a batch of changes comes to. Any slice may be empty.
#[derive(Debug, Clone, Copy)]
pub struct BatchRows<'a> {
    /// Messages to store, in the order of their numbers.
    pub sent: &'a [SentMessage],
    /// Stored messages to change, each once.
    pub messages: &'a [Message],
    /// Stored conversations to change, each once.
    pub conversations: &'a [Conversation],
    /// Stored memberships to change, each once.
    pub memberships: &'a [Membership],
}

impl BatchRows<'_> {
    /// No rows, to be filled in.
    pub const NOTHING: Self = Self { sent: &[], messages: &[], conversations: &[], memberships: &[] };
}

/// The two of each direct conversation that is among `spoken_in`.
pub fn direct_pairs(conversations: &[Conversation], spoken_in: &[ConversationId]) -> Vec<UserPair> {
    let spoken_in: HashSet<_> = spoken_in.iter().collect();
    let pairs = conversations.iter().filter_map(|conversation| match conversation.kind {
        ConversationKind::Direct(pair) if spoken_in.contains(&conversation.id) => Some(pair),
        _ => None,
    });
    pairs.collect()
}

/// [`Transaction::read_batch`] by the methods that read one kind each.
pub(super) async fn read_by_kinds<T: Transaction + ?Sized>(
    transaction: &mut T,
    keys: BatchKeys<'_>,
) -> StoreResult<BatchState> {
    let mut state = BatchState::default();
    let ids: Vec<_> = keys.places.iter().map(|(id, _)| *id).collect();
    state.conversations = transaction.conversations().lock_conversations(&ids).await?;
    state.memberships = transaction.conversations().find_memberships(keys.places).await?;
    if !keys.sent.is_empty() {
        state.sent = transaction.messages().find_sent(keys.sent).await?;
    }
    if !keys.messages.is_empty() {
        state.messages = transaction.messages().find_messages(keys.messages).await?;
    }
    let pairs = direct_pairs(&state.conversations, keys.spoken_in);
    if !pairs.is_empty() {
        state.pairs = transaction.friendships().find_pairs(&pairs).await?;
        let both: Vec<_> = pairs.iter().flat_map(|pair| [pair.low(), pair.high()]).collect();
        state.users = transaction.users().find_users(&both).await?;
    }
    Ok(state)
}

/// What a lane runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneThread {
    /// The runtime's threads: for a store that is asked over a network, whose
    /// answers the lane awaits.
    Shared,
    /// A thread that does nothing else: for a store that does its work where it
    /// is asked. No other thread has to be woken for any step of a batch, which
    /// may take as long as the step itself. There Tokio has timers and nothing
    /// else, no I/O. A batch under way keeps the store open, whoever drops the
    /// messenger meanwhile.
    Own,
}
