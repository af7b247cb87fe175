//! How far a member has read.

use crate::Messenger;
use crate::conversation::MAX_MEMBERS_FOR_READ_RECEIPTS;
use crate::error::{InvalidValue, Result};
use crate::event::{Audience, Fact};
use crate::id::{ConversationId, UserId};
use crate::lane::{Action, Answer, Batch};
use crate::message::Seq;

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
        match self.ride(viewer, conversation, Action::MarkRead { seq }).await? {
            Answer::Read(state) => Ok(state),
            other => Err(other.misplaced()),
        }
    }
}

/// The rule of [`Messenger::mark_read`].
pub(crate) fn decide_read(batch: &mut Batch, viewer: UserId, id: ConversationId, seq: Seq) -> Result<ReadState> {
    let (conversation, membership) = batch.own(id, viewer)?;
    let last_seq = conversation.last_seq;
    if seq > last_seq {
        let message = format!("must not be above the last message's seq, {}", last_seq.get());
        return Err(InvalidValue::new(message).at("seq").into());
    }
    if seq > membership.read_seq {
        let audience = if conversation.members_count <= MAX_MEMBERS_FOR_READ_RECEIPTS {
            Audience::Conversation(id)
        } else {
            Audience::User(viewer)
        };
        let own_after_read = batch.count_sent_after(id, viewer, seq);
        let membership = batch.change_membership((id, viewer))?;
        membership.read_seq = seq;
        membership.own_after_read = own_after_read;
        batch.record(viewer, audience, Fact::ReadAdvanced { conversation_id: id, user_id: viewer });
    }
    let (_, membership) = batch.own(id, viewer)?;
    Ok(ReadState { read_seq: membership.read_seq, unread_count: membership.unread_count(last_seq) })
}
