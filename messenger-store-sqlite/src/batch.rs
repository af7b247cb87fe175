//! What a lane has to write, kept until its events have their places: with them
//! each row is written once, place and all.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use messenger_core::conversation::{Conversation, Membership};
use messenger_core::event::{Allotment, Audience, Event, Fact, Position};
use messenger_core::id::{ConversationId, MessageId};
use messenger_core::message::{Message, SentMessage};
use messenger_core::store::{BatchRows, StoreResult};
use rusqlite::Connection;

use crate::error::SqlResult;
use crate::handle::Handle;
use crate::latest::Latest;
use crate::repositories::conversation_rows::{update_conversations, update_last_places, update_memberships};
use crate::repositories::messages::{insert_messages, update_messages};

/// The rows of a batch.
pub(crate) struct Batch {
    latest: Arc<Latest>,
    sent: Vec<SentMessage>,
    messages: Vec<Message>,
    conversations: Vec<Conversation>,
    memberships: Vec<Membership>,
}

/// Where a commit's events are.
#[derive(Default)]
pub(crate) struct Positions {
    /// Of those that tell a conversation of a message that was sent to it.
    sent: HashMap<(ConversationId, MessageId), Position>,
    /// The last of each conversation.
    last: HashMap<ConversationId, Position>,
}

impl Positions {
    pub(crate) fn of(allotment: &Allotment) -> Self {
        let sent = allotment.events.iter().filter_map(|event| Some((told_message(event)?, event.position)));
        let last = allotment.conversations.iter().map(|(conversation, positions)| (*conversation, positions.last));
        Self { sent: sent.collect(), last: last.collect() }
    }

    pub(crate) fn sent(&self, message: &Message) -> Option<Position> {
        self.sent.get(&(message.conversation_id, message.id)).copied()
    }

    pub(crate) fn last(&self, conversation: ConversationId) -> Option<Position> {
        self.last.get(&conversation).copied()
    }
}

/// What a batch has stored with its positions.
#[derive(Default)]
pub(crate) struct Placed {
    pub(crate) messages: HashMap<(ConversationId, MessageId), Position>,
    pub(crate) conversations: HashSet<ConversationId>,
}

impl Handle {
    /// Writes rows whose events are not known yet.
    pub(crate) async fn write_now(&mut self, rows: &BatchRows<'_>) -> StoreResult<()> {
        let batch = Batch::of(rows, self.latest().cloned().unwrap_or_default());
        self.change(move |connection| batch.write(connection, &Positions::default())).await
    }
}

/// The message that an event tells its conversation of.
pub(crate) fn told_message(event: &Event) -> Option<(ConversationId, MessageId)> {
    match (event.event.audience, event.event.fact) {
        (Audience::Conversation(audience), Fact::MessageSent { conversation_id, message_id })
            if audience == conversation_id =>
        {
            Some((conversation_id, message_id))
        }
        _ => None,
    }
}

impl Batch {
    pub(crate) fn of(rows: &BatchRows<'_>, latest: Arc<Latest>) -> Self {
        Self {
            latest,
            sent: rows.sent.to_vec(),
            messages: rows.messages.to_vec(),
            conversations: rows.conversations.to_vec(),
            memberships: rows.memberships.to_vec(),
        }
    }

    /// What it stores with its positions.
    pub(crate) fn placed(&self, positions: &Positions) -> Placed {
        let messages = self.sent.iter().map(|sent| &sent.message);
        Placed {
            messages: messages
                .filter_map(|message| Some(((message.conversation_id, message.id), positions.sent(message)?)))
                .collect(),
            conversations: self.conversations.iter().map(|conversation| conversation.id).collect(),
        }
    }

    /// In this order: messages are indexed from the last places, which their
    /// conversations have to know by then.
    pub(crate) fn write(&self, connection: &Connection, positions: &Positions) -> SqlResult<()> {
        let mut stored = insert_messages(connection, &self.latest, &self.sent, positions)?;
        update_messages(connection, &self.messages)?;
        update_conversations(connection, &self.conversations, positions, &mut stored.last_places)?;
        update_last_places(connection, &stored.last_places)?;
        update_memberships(connection, &self.memberships)?;
        self.latest.index(connection, &stored)
    }
}
