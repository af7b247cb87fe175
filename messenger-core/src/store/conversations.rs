//! Conversations and memberships as stores keep them.

use async_trait::async_trait;

use super::StoreResult;
use crate::conversation::{Conversation, Membership, Role};
use crate::event::Position;
use crate::friendship::UserPair;
use crate::id::{ConversationId, UserId};
use crate::message::ClientId;
use crate::page::{Rows, Slice, TimeKey};
use crate::user::User;

/// Where a conversation stands in the log, for one of its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConversationStream {
    /// Which.
    pub conversation_id: ConversationId,
    /// From which position on the member sees events.
    pub joined_position: Position,
    /// The position of its latest event.
    pub last_position: Position,
}

/// A member of a conversation, as far as delivery needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudienceMember {
    /// Where.
    pub conversation_id: ConversationId,
    /// Who.
    pub user_id: UserId,
    /// From which position on they see events.
    pub joined_position: Position,
}

/// Reads conversations and memberships.
#[async_trait]
pub trait ConversationQueries: Send {
    /// Those of `ids` that exist, in any order, each once.
    async fn find_conversations(&mut self, ids: &[ConversationId]) -> StoreResult<Vec<Conversation>>;

    /// The direct conversation of the two.
    async fn find_direct_conversation(&mut self, pair: UserPair) -> StoreResult<Option<Conversation>>;

    /// The group that the user made under this client id.
    async fn find_group_by_client_id(
        &mut self,
        creator: UserId,
        client_id: &ClientId,
    ) -> StoreResult<Option<Conversation>>;

    /// The direct conversations of the user, in the order of their ids.
    async fn find_direct_conversation_ids(&mut self, user: UserId) -> StoreResult<Vec<ConversationId>>;

    /// Those of the memberships that exist, in any order, each once.
    async fn find_memberships(&mut self, keys: &[(ConversationId, UserId)]) -> StoreResult<Vec<Membership>>;

    /// A conversation and the user's own membership of it, if both exist. A
    /// store that can read both in one round trip should.
    async fn find_own_conversation(
        &mut self,
        id: ConversationId,
        user: UserId,
    ) -> StoreResult<Option<(Conversation, Membership)>> {
        let conversation = self.find_conversations(&[id]).await?.pop();
        Ok(conversation.zip(self.find_memberships(&[(id, user)]).await?.pop()))
    }

    /// The user's conversations with the user's own memberships; latest
    /// `updated_at` first, then conversation id descending.
    async fn list_conversations(
        &mut self,
        user: UserId,
        slice: Slice<TimeKey>,
    ) -> StoreResult<Rows<(Conversation, Membership), TimeKey>>;

    /// The conversation's members; earliest `joined_at` first, then user id
    /// ascending.
    async fn list_members(
        &mut self,
        conversation: ConversationId,
        slice: Slice<TimeKey>,
    ) -> StoreResult<Rows<(User, Membership), TimeKey>>;

    /// Where each of the user's conversations stands in the log, in any order.
    async fn find_streams(&mut self, user: UserId) -> StoreResult<Vec<ConversationStream>>;

    /// All members of these conversations, in any order.
    async fn find_audiences(&mut self, ids: &[ConversationId]) -> StoreResult<Vec<AudienceMember>>;

    /// The member of this role who joined first (earliest `joined_at`, then
    /// lowest user id), apart from `except`.
    async fn find_longest_standing(
        &mut self,
        conversation: ConversationId,
        role: Role,
        except: UserId,
    ) -> StoreResult<Option<Membership>>;
}

/// Changes conversations and memberships.
#[async_trait]
pub trait ConversationRepository: ConversationQueries {
    /// Locks the rows of those of `ids` that exist, in the order of their ids,
    /// and answers them as they are then, in that order. `ids` may come in any
    /// order and with repeats.
    async fn lock_conversations(&mut self, ids: &[ConversationId]) -> StoreResult<Vec<Conversation>>;

    /// Stores a conversation. A pair that has one is
    /// `Unique(DirectConversation)`, a client id that its creator has used is
    /// `Unique(GroupClientId)`.
    async fn insert_conversation(&mut self, conversation: &Conversation) -> StoreResult<()>;

    /// Writes `title`, `members_count`, `last_seq` and `updated_at` of stored
    /// conversations.
    async fn update_conversations(&mut self, conversations: &[Conversation]) -> StoreResult<()>;

    /// Removes a conversation with its messages and memberships. Its events
    /// stay in the log.
    async fn delete_conversation(&mut self, id: ConversationId) -> StoreResult<()>;

    /// Stores memberships; one that exists is `Unique(Membership)`.
    async fn insert_memberships(&mut self, memberships: &[Membership]) -> StoreResult<()>;

    /// Writes `role`, `read_seq` and `own_after_read` of stored memberships.
    async fn update_memberships(&mut self, memberships: &[Membership]) -> StoreResult<()>;

    /// Removes a membership.
    async fn delete_membership(&mut self, conversation: ConversationId, user: UserId) -> StoreResult<()>;
}
