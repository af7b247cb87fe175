//! Messages as stores keep them.

use async_trait::async_trait;

use super::StoreResult;
use crate::cursor::Place;
use crate::event::Partition;
use crate::id::{ConversationId, MessageId, UserId};
use crate::message::{ClientId, Message, MessageRange, SentMessage, Seq};
use crate::page::{Rows, Slice, TimeKey};

/// What one of a conversation's members reads of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnMessages {
    /// In ascending seq, tombstones included.
    pub messages: Vec<Message>,
    /// The number of the conversation's last message.
    pub last_seq: Seq,
    /// The place of the last event that the conversation was told.
    pub place: Place,
}

/// Reads messages.
#[async_trait]
pub trait MessageQueries: Send {
    /// Those of `ids` that exist, in any order, each once, tombstones included.
    async fn find_messages(&mut self, ids: &[MessageId]) -> StoreResult<Vec<Message>>;

    /// The messages at these places, in any order, tombstones included.
    async fn find_messages_at(&mut self, places: &[(ConversationId, Seq)]) -> StoreResult<Vec<Message>>;

    /// The messages that were sent under these keys, in any order, tombstones
    /// included.
    async fn find_sent(&mut self, keys: &[(UserId, ConversationId, ClientId)]) -> StoreResult<Vec<SentMessage>>;

    /// Up to `limit` messages of a conversation in ascending seq, tombstones
    /// included.
    async fn list_messages(
        &mut self,
        conversation: ConversationId,
        range: MessageRange,
        limit: u32,
    ) -> StoreResult<Vec<Message>>;

    /// The same for one who is a member of it, with where it stands; `None` for
    /// anyone else. `partition` is that of the conversation's events. All of it
    /// is one state, whichever of [`Store::read`](super::Store::read) and
    /// [`Store::read_latest`](super::Store::read_latest) it is asked of.
    async fn list_own_messages(
        &mut self,
        partition: Partition,
        conversation: ConversationId,
        member: UserId,
        range: MessageRange,
        limit: u32,
    ) -> StoreResult<Option<OwnMessages>>;

    /// The place of the last event that the conversation was told, for one who
    /// is a member of it; `None` for anyone else. Before the first event it is
    /// [`Place::START`]; where the event was purged, its tag is 0. What changes a
    /// message is told to its conversation, so as long as the place is the same,
    /// the messages are.
    async fn find_own_place(
        &mut self,
        partition: Partition,
        conversation: ConversationId,
        member: UserId,
    ) -> StoreResult<Option<Place>>;

    /// The messages of all conversations in which the user is a member, newest
    /// first, tombstones included: by `created_at`, within a millisecond in an
    /// order of the store's own, each time the same. A store that knows in what
    /// order they were stored may go by that; it is another one only where a
    /// clock was set back. The list goes on after a message that is gone.
    async fn list_recent_messages(
        &mut self,
        user: UserId,
        slice: Slice<TimeKey>,
    ) -> StoreResult<Rows<Message, TimeKey>>;

    /// How many messages `sender` has sent in the conversation after `seq`,
    /// tombstones included.
    async fn count_sent_after(&mut self, conversation: ConversationId, sender: UserId, seq: Seq) -> StoreResult<i64>;

    /// [`count_sent_after`](Self::count_sent_after) of each key, in the order of
    /// `keys`. A store that can count all of them in one round trip should.
    async fn count_each_sent_after(&mut self, keys: &[(ConversationId, UserId, Seq)]) -> StoreResult<Vec<i64>> {
        let mut counts = Vec::with_capacity(keys.len());
        for &(conversation, sender, seq) in keys {
            counts.push(self.count_sent_after(conversation, sender, seq).await?);
        }
        Ok(counts)
    }
}

/// Changes messages.
#[async_trait]
pub trait MessageRepository: MessageQueries {
    /// Stores messages, all or none; those of a conversation in the order of
    /// their numbers. A client id that the sender has used in the conversation is
    /// `Unique(MessageClientId)`, a taken number `Unique(MessageSeq)`; a store may
    /// take one that was passed for taken.
    async fn insert_messages(&mut self, messages: &[SentMessage]) -> StoreResult<()>;

    /// Writes `body`, `edited_at` and `deleted_at` of stored messages. Whoever
    /// does so commits an event to each of their conversations with it, by which
    /// [`find_own_place`](MessageQueries::find_own_place) tells that they have
    /// changed.
    async fn update_messages(&mut self, messages: &[Message]) -> StoreResult<()>;
}
