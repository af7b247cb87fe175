//! Reading what was said.

use crate::Messenger;
use crate::cursor::Place;
use crate::error::{Refusal, Result};
use crate::id::{ConversationId, UserId};
use crate::message::{Message, MessageRange, Seq};
use crate::page::{Limit, ListScope, Page, PageRequest};
use crate::store::OwnMessages;

/// Which part of a conversation's history to read; bounds are exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

/// A part of a conversation's history, and as of when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatedPage {
    /// The part.
    pub page: MessagePage,
    /// The last event that the conversation had been told. Until it is told
    /// another one, the same question has the same answer, whichever of its
    /// members asks.
    pub as_of: Place,
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
        Ok(self.list_dated_messages(viewer, conversation, at, limit).await?.page)
    }

    /// Whether a conversation of the viewer's has been told nothing since: so a
    /// page of then may be shown now. A fraction of the work of reading it.
    pub async fn stands_as_of(&self, viewer: UserId, conversation: ConversationId, then: Place) -> Result<bool> {
        let partition = self.partitions().await?.partition_of(conversation.as_uuid());
        let now = self.read_latest().await?.messages().find_own_place(partition, conversation, viewer).await?;
        Ok(now.ok_or(Refusal::ConversationNotFound)? == then)
    }

    /// [`list_messages`](Self::list_messages) for who keeps what was answered,
    /// and asks [`stands_as_of`](Self::stands_as_of) before they use it again.
    pub async fn list_dated_messages(
        &self,
        viewer: UserId,
        conversation: ConversationId,
        at: HistoryAt,
        limit: Limit,
    ) -> Result<DatedPage> {
        let limit = limit.get();
        let (range, limit, around) = match at {
            HistoryAt::Latest => (MessageRange::Latest, limit, None),
            HistoryAt::Before(seq) => (MessageRange::Before(seq), limit, None),
            HistoryAt::After(seq) => (MessageRange::After(seq), limit, None),
            HistoryAt::Around(seq) => (MessageRange::Before(seq), limit / 2, Some((seq, limit))),
        };
        let partition = self.partitions().await?.partition_of(conversation.as_uuid());
        // A part on one side is one question, which is of one state by itself.
        let mut snapshot = if around.is_some() { self.read().await? } else { self.read_latest().await? };
        let own = snapshot.messages().list_own_messages(partition, conversation, viewer, range, limit).await?;
        let OwnMessages { messages: mut items, last_seq, place: as_of } = own.ok_or(Refusal::ConversationNotFound)?;
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
        let page = MessagePage { items, has_before: first > 1, has_after: last < last_seq };
        Ok(DatedPage { page, as_of })
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
