//! What rides a lane, and what it is answered.

use super::Batch;
use crate::error::{Error, Result};
use crate::id::{ConversationId, MessageId, UserId};
use crate::message::{ClientId, MessageBody, PayloadHash, Seq};
use crate::service::messages::{Draft, Sent, decide_delete, decide_edit, decide_send};
use crate::service::reading::{ReadState, decide_read};

/// What someone wants to do in a conversation.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) viewer: UserId,
    pub(crate) conversation: ConversationId,
    pub(crate) action: Action,
}

#[derive(Debug, Clone)]
pub(crate) enum Action {
    Send(Outgoing),
    Edit { id: MessageId, body: MessageBody },
    Delete { id: MessageId },
    MarkRead { seq: Seq },
}

/// A draft on its way.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    /// The id that the message will have: one for all attempts, so that an
    /// unknown outcome can be looked up.
    pub(crate) id: MessageId,
    pub(crate) draft: Draft,
    /// Of the draft; computed by the caller, for the lane has enough to do.
    pub(crate) payload_hash: PayloadHash,
}

/// What an [`Action`] of the same name is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Sent(Sent),
    Edited(crate::message::Message),
    Deleted,
    Read(ReadState),
}

impl Operation {
    /// Applies the rule to what the batch knows by now. A refusal leaves the
    /// batch as it was.
    pub(crate) fn decide(&self, batch: &mut Batch) -> Result<Answer> {
        let Self { viewer, conversation, action } = self;
        match action {
            Action::Send(outgoing) => decide_send(batch, *viewer, *conversation, outgoing).map(Answer::Sent),
            Action::Edit { id, body } => decide_edit(batch, *viewer, *conversation, *id, body).map(Answer::Edited),
            Action::Delete { id } => decide_delete(batch, *viewer, *conversation, *id).map(|()| Answer::Deleted),
            Action::MarkRead { seq } => decide_read(batch, *viewer, *conversation, *seq).map(Answer::Read),
        }
    }

    /// Under what the same may have been sent before.
    pub(crate) fn sent_before(&self) -> Option<(UserId, ConversationId, ClientId)> {
        match &self.action {
            Action::Send(outgoing) => Some((self.viewer, self.conversation, outgoing.draft.client_id.clone()?)),
            Action::Edit { .. } | Action::Delete { .. } | Action::MarkRead { .. } => None,
        }
    }

    /// The message that the rule needs to know, besides those sent in the same
    /// batch.
    pub(crate) fn named_message(&self) -> Option<MessageId> {
        match &self.action {
            Action::Send(outgoing) => outgoing.draft.reply_to,
            Action::Edit { id, .. } | Action::Delete { id } => Some(*id),
            Action::MarkRead { .. } => None,
        }
    }

    /// Whether it says something new, which the other side of a direct
    /// conversation may not accept.
    pub(crate) fn says_something(&self) -> bool {
        match self.action {
            Action::Send(_) | Action::Edit { .. } => true,
            Action::Delete { .. } | Action::MarkRead { .. } => false,
        }
    }
}

impl Answer {
    /// The error for an answer that belongs to another action: a defect.
    pub(crate) fn misplaced(&self) -> Error {
        Error::Internal(format!("a lane gave the answer of another action: {self:?}"))
    }
}
