//! How far a member has read.

use crate::Messenger;
use crate::conversation::MAX_MEMBERS_FOR_READ_RECEIPTS;
use crate::error::{InvalidValue, Result};
use crate::event::{Audience, Fact};
use crate::id::{ConversationId, UserId};
use crate::message::Seq;
use crate::service::conversations::lock_own;

/// A member's read marker and what stands after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadState {
    /// How far they have read.
    pub read_seq: Seq,
    /// How many messages of others stand after it.
    pub unread_count: i64,
}

impl Messenger {
    /// Moves the viewer's read marker forward to `seq`. Below the marker
    /// nothing moves (I6); above the last message it is refused. In direct
    /// conversations and groups of up to [`MAX_MEMBERS_FOR_READ_RECEIPTS`] the
    /// other members are told.
    pub async fn mark_read(&self, viewer: UserId, conversation: ConversationId, seq: Seq) -> Result<ReadState> {
        self.transact(|mut change| async move {
            let (conversation, mut membership) = lock_own(&mut change, conversation, viewer).await?;
            if seq > conversation.last_seq {
                let message = format!("must not be above the last message's seq, {}", conversation.last_seq.get());
                return Err(InvalidValue::new(message).at("seq").into());
            }
            if seq > membership.read_seq {
                membership.read_seq = seq;
                membership.own_after_read = if seq == conversation.last_seq || membership.own_after_read == 0 {
                    0
                } else {
                    change.messages().count_sent_after(conversation.id, viewer, seq).await?
                };
                change.conversations().update_memberships(std::slice::from_ref(&membership)).await?;
                let audience = if conversation.members_count <= MAX_MEMBERS_FOR_READ_RECEIPTS {
                    Audience::Conversation(conversation.id)
                } else {
                    Audience::User(viewer)
                };
                let fact = Fact::ReadAdvanced { conversation_id: conversation.id, user_id: viewer };
                change.record(viewer, audience, fact);
            }
            let unread_count = membership.unread_count(conversation.last_seq);
            change.done(ReadState { read_seq: membership.read_seq, unread_count })
        })
        .await
    }
}
