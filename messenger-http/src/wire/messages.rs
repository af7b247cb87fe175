//! Messages and read markers.

use messenger_core::message;
use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::Serialize;
use uuid::{Uuid, uuid};

use super::users::example_time;
use super::{Nullable, User, UtcTime};

/// A message, the same for every member.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(example)]
pub struct Message {
    /// Names the message everywhere.
    pub id: Uuid,
    /// Where it was sent.
    pub conversation_id: Uuid,
    /// Its number there: 1, 2, 3 … without holes.
    pub seq: i64,
    /// Who sent it.
    pub sender_id: Uuid,
    /// What it says; null once it was deleted.
    pub body: Nullable<String>,
    /// The sender's own name for it.
    pub client_id: Nullable<String>,
    /// The message of the same conversation that it answers.
    pub reply_to: Nullable<Uuid>,
    /// When it was sent.
    pub created_at: UtcTime,
    /// When its body last changed.
    pub edited_at: Nullable<UtcTime>,
    /// When it was deleted.
    pub deleted_at: Nullable<UtcTime>,
}

impl From<message::Message> for Message {
    fn from(message: message::Message) -> Self {
        Self {
            id: message.id.as_uuid(),
            conversation_id: message.conversation_id.as_uuid(),
            seq: message.seq.get(),
            sender_id: message.sender_id.as_uuid(),
            body: message.body.map(|body| body.to_string()).into(),
            client_id: message.client_id.map(|client_id| client_id.to_string()).into(),
            reply_to: message.reply_to.map(messenger_core::id::MessageId::as_uuid).into(),
            created_at: message.created_at.into(),
            edited_at: message.edited_at.map(UtcTime).into(),
            deleted_at: message.deleted_at.map(UtcTime).into(),
        }
    }
}

impl Example for Message {
    fn example() -> Self {
        Self {
            id: uuid!("0198c0de-0003-7000-8000-000000000001"),
            conversation_id: uuid!("0198c0de-0002-7000-8000-000000000001"),
            seq: 1,
            sender_id: User::example().id,
            body: Nullable(Some("Hello, Bob!".to_owned())),
            client_id: Nullable(Some("9b1deb4d".to_owned())),
            reply_to: Nullable(None),
            created_at: example_time(),
            edited_at: Nullable(None),
            deleted_at: Nullable(None),
        }
    }
}

/// A message to send.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct NewMessage {
    /// 1 to 8,000 characters of any Unicode, kept byte for byte.
    pub body: String,
    /// Makes a repeated send the same send: 1 to 64 printable ASCII
    /// characters. All members see it.
    #[oai(nullable)]
    pub client_id: Option<String>,
    /// A message of the same conversation that this one answers.
    #[oai(nullable)]
    pub reply_to: Option<Uuid>,
}

impl Example for NewMessage {
    fn example() -> Self {
        Self { body: "Hello, Bob!".to_owned(), client_id: Some("9b1deb4d".to_owned()), reply_to: None }
    }
}

/// A message's new body.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct MessageEdit {
    /// 1 to 8,000 characters of any Unicode, kept byte for byte.
    pub body: String,
}

impl Example for MessageEdit {
    fn example() -> Self {
        Self { body: "Hello, dear Bob!".to_owned() }
    }
}

/// A stretch of a conversation's messages.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(example)]
pub struct MessagePage {
    /// The messages in ascending `seq`, deleted ones included.
    pub items: Vec<Message>,
    /// Whether there are earlier ones: ask with `before`.
    pub has_before: bool,
    /// Whether there are later ones: ask with `after`.
    pub has_after: bool,
}

impl Example for MessagePage {
    fn example() -> Self {
        Self { items: vec![Message::example()], has_before: false, has_after: false }
    }
}

/// How far one has read.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct ReadMarker {
    /// The number of the last message read.
    pub seq: i64,
}

impl Example for ReadMarker {
    fn example() -> Self {
        Self { seq: 1 }
    }
}

/// How far one has read, and what is left.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct ReadState {
    /// The number of the last message read. It never moves back.
    pub read_seq: i64,
    /// How many messages of others stand after it.
    pub unread_count: i64,
}

impl Example for ReadState {
    fn example() -> Self {
        Self { read_seq: 1, unread_count: 0 }
    }
}
