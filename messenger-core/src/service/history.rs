//! Reading what was said.

use crate::Messenger;
use crate::error::{Refusal, Result};
use crate::id::{ConversationId, UserId};
use crate::message::{Message, MessageRange, Seq};
use crate::page::{Limit, ListScope, Page, PageRequest};

/// Which part of a conversation's history to read; bounds are exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryAt {
    /// The newest messages.
    Latest,
    /// Those just before this number.
    Before(Seq),
    /// Those just after this number.
    After(Seq),
    /// Those on both sides of this number, and the one that has it.
    Around(Seq),
}

/// A part of a conversation's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessagePage {
    /// In ascending seq, tombstones included.
    pub items: Vec<Message>,
    /// Whether there are messages before the first of these.
    pub has_before: bool,
    /// Whether there are messages after the last of these.
    pub has_after: bool,
}

impl Messenger {
    /// A part of the history of a conversation of the viewer's.
    pub async fn list_messages(
        &self,
        viewer: UserId,
        conversation: ConversationId,
        at: HistoryAt,
        limit: Limit,
    ) -> Result<MessagePage> {
        let limit = limit.get();
        let (range, limit, around) = match at {
            HistoryAt::Latest => (MessageRange::Latest, limit, None),
            HistoryAt::Before(seq) => (MessageRange::Before(seq), limit, None),
            HistoryAt::After(seq) => (MessageRange::After(seq), limit, None),
            HistoryAt::Around(seq) => (MessageRange::Before(seq), limit / 2, Some((seq, limit))),
        };
        // A part on one side is one question, which is of one state by itself.
        let mut snapshot = if around.is_some() { self.read().await? } else { self.read_latest().await? };
        let own = snapshot.messages().list_own_messages(conversation, viewer, range, limit).await?;
        let (last_seq, mut items) = own.ok_or(Refusal::ConversationNotFound)?;
        if let Some((seq, limit)) = around {
            let onwards = MessageRange::After(Seq::from_stored(seq.get() - 1));
            let rest = limit - u32::try_from(items.len()).unwrap_or(limit);
            items.extend(snapshot.messages().list_messages(conversation, onwards, rest).await?);
        }
        // Numbers are dense (I4), so the ends tell what lies beyond them.
        let last_seq = last_seq.get();
        let (first, last) = match (items.first(), items.last()) {
            (Some(first), Some(last)) => (first.seq.get(), last.seq.get()),
            _ => empty_range(at, last_seq),
        };
        Ok(MessagePage { items, has_before: first > 1, has_after: last < last_seq })
    }

    /// The newest messages of all the viewer's conversations, newest first.
    pub async fn list_recent_messages(&self, viewer: UserId, page: PageRequest) -> Result<Page<Message>> {
        let scope = ListScope::new("recent_messages", &[viewer.as_uuid().as_bytes()]);
        let slice = scope.slice(&page)?;
        let rows = self.read().await?.messages().list_recent_messages(viewer, slice).await?;
        Ok(scope.page(rows, |message| message))
    }
}

/// Between which numbers an empty answer lies: (the one after, the one before).
fn empty_range(at: HistoryAt, last_seq: i64) -> (i64, i64) {
    match at {
        HistoryAt::Latest => (1, last_seq),
        // Nothing before: all that there is comes after.
        HistoryAt::Before(_) => (1, 0),
        // Nothing after: all that there is comes before.
        HistoryAt::After(_) | HistoryAt::Around(_) => (last_seq + 1, last_seq),
    }
}
