//! What a lane has to write, kept until its events have their places: with them
//! each message is written once, place and all.

use std::collections::HashMap;

use messenger_core::conversation::{Conversation, Membership};
use messenger_core::event::{Audience, Event, Fact, Position};
use messenger_core::id::{ConversationId, MessageId};
use messenger_core::message::{Message, SentMessage};
use messenger_core::store::BatchRows;
use rusqlite::Connection;

use crate::error::SqlResult;
use crate::repositories::conversations::{update_conversations, update_memberships};
use crate::repositories::messages::{insert_messages, update_messages};

/// The rows of a batch.
pub(crate) struct Batch {
    sent: Vec<SentMessage>,
    messages: Vec<Message>,
    conversations: Vec<Conversation>,
    memberships: Vec<Membership>,
}

/// Where in the log it is told that messages were sent, to whoever is in their
/// conversation.
#[derive(Default)]
pub(crate) struct SentPositions(HashMap<(ConversationId, MessageId), Position>);

impl SentPositions {
    pub(crate) fn of(events: &[Event]) -> Self {
        Self(events.iter().filter_map(|event| Some((told_message(event)?, event.position))).collect())
    }

    pub(crate) fn get(&self, message: &Message) -> Option<Position> {
        self.0.get(&(message.conversation_id, message.id)).copied()
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
    pub(crate) fn of(rows: &BatchRows<'_>) -> Self {
        Self {
            sent: rows.sent.to_vec(),
            messages: rows.messages.to_vec(),
            conversations: rows.conversations.to_vec(),
            memberships: rows.memberships.to_vec(),
        }
    }

    /// The messages that it stores with the places of their events.
    pub(crate) fn placed(&self, positions: &SentPositions) -> HashMap<(ConversationId, MessageId), Position> {
        let messages = self.sent.iter().map(|sent| &sent.message);
        messages.filter_map(|message| Some(((message.conversation_id, message.id), positions.get(message)?))).collect()
    }

    pub(crate) fn write(&self, connection: &Connection, positions: &SentPositions) -> SqlResult<()> {
        insert_messages(connection, &self.sent, positions)?;
        update_messages(connection, &self.messages)?;
        update_conversations(connection, &self.conversations)?;
        update_memberships(connection, &self.memberships)
    }
}
