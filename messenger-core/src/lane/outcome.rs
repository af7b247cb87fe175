//! What became of a batch whose COMMIT was not answered.

use std::collections::BTreeSet;

use super::batch::Writes;
use super::operation::Operation;
use crate::Messenger;
use crate::error::Result;
use crate::id::{ConversationId, MessageId};
use crate::message::Message;

/// What a batch would have left behind.
pub(crate) struct Unanswered {
    conversations: Vec<ConversationId>,
    inserted: Vec<MessageId>,
    updated: Vec<Message>,
}

/// What became of it. It is one transaction, so one trace tells for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Committed,
    RolledBack,
    Unknown,
}

impl Unanswered {
    pub(crate) fn of(operations: &[Operation], writes: Writes) -> Self {
        let conversations: BTreeSet<_> = operations.iter().map(|operation| operation.conversation).collect();
        let inserted = writes.inserted.iter().map(|sent| sent.message.id).collect();
        Self { conversations: conversations.into_iter().collect(), inserted, updated: writes.updated }
    }

    fn ids(&self) -> Vec<MessageId> {
        self.inserted.iter().copied().chain(self.updated.iter().map(|message| message.id)).collect()
    }

    fn judge(&self, found: &[Message], locked: usize) -> Fate {
        let left_behind = found.iter().any(|found| self.inserted.contains(&found.id) || self.updated.contains(found));
        if left_behind {
            Fate::Committed
        } else if self.inserted.is_empty() || locked < self.conversations.len() {
            // A change of what was there may have been changed again since, and
            // a conversation that is gone took its messages along.
            Fate::Unknown
        } else {
            Fate::RolledBack
        }
    }
}

impl Messenger {
    /// Finds out whether the batch is durable. The locks wait until the backend
    /// has decided, so what is read then holds.
    pub(crate) async fn look_up(&self, unanswered: &Unanswered) -> Fate {
        let ids = unanswered.ids();
        if ids.is_empty() {
            return Fate::Unknown;
        }
        let fate: Result<_> = self.retry(|| self.attempt_look_up(unanswered, &ids)).await;
        fate.unwrap_or_else(|error| {
            tracing::warn!(%error, "the outcome of a batch could not be looked up");
            Fate::Unknown
        })
    }

    async fn attempt_look_up(&self, unanswered: &Unanswered, ids: &[MessageId]) -> Result<Fate> {
        let mut change = self.begin().await?;
        let locked = change.conversations().lock_conversations(&unanswered.conversations).await?;
        let found = change.messages().find_messages(ids).await?;
        let fate = unanswered.judge(&found, locked.len());
        change.rollback().await?;
        Ok(fate)
    }
}
