//! Events, and the snapshot that they go on from.

use messenger_core::delivery::Delivery;
use messenger_core::id::ConversationId;
use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::event_data::{event_data, object};
use super::users::example_time;
use super::{
    Conversation, ConversationPage, Friend, FriendPage, FriendRequest, FriendRequestPage, Me, Message, Nullable,
    UtcTime,
};

/// Something that happened.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(example)]
pub struct Event {
    /// Names the event for good. Seeing one twice does no harm.
    pub id: String,
    /// What happened, such as `message.sent`.
    pub kind: String,
    /// When.
    pub at: UtcTime,
    /// Who did it.
    pub actor_id: Uuid,
    /// The conversation in which it happened; null for what happens elsewhere.
    pub conversation_id: Nullable<Uuid>,
    /// The present state of what the event names, by its kind; null when that
    /// is gone.
    pub data: Nullable<Value>,
}

impl From<&Delivery> for Event {
    fn from(delivery: &Delivery) -> Self {
        Self {
            id: delivery.id().to_string(),
            kind: delivery.kind().to_owned(),
            at: delivery.at().into(),
            actor_id: delivery.actor_id().as_uuid(),
            conversation_id: delivery.conversation_id().map(ConversationId::as_uuid).into(),
            data: delivery.data.as_ref().map(event_data).into(),
        }
    }
}

impl Example for Event {
    fn example() -> Self {
        let message = Message::example();
        Self {
            id: "3-1042-9f3c21aa".to_owned(),
            kind: "message.sent".to_owned(),
            at: example_time(),
            actor_id: message.sender_id,
            conversation_id: Nullable(Some(message.conversation_id)),
            data: Nullable(Some(object(&message))),
        }
    }
}

/// What happened after a cursor.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(example)]
pub struct EventPage {
    /// The events, oldest first; in order within each conversation, and within
    /// what concerns the viewer alone.
    pub events: Vec<Event>,
    /// Where to go on from.
    pub cursor: String,
    /// Whether that was all there is at present.
    pub caught_up: bool,
}

impl Example for EventPage {
    fn example() -> Self {
        Self { events: vec![Event::example()], cursor: example_cursor(), caught_up: true }
    }
}

/// One's pending friend requests.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(example)]
pub struct FriendRequests {
    /// That wait for the viewer's answer.
    pub incoming: FriendRequestPage,
    /// That the viewer has sent.
    pub outgoing: FriendRequestPage,
}

impl Example for FriendRequests {
    fn example() -> Self {
        Self { incoming: FriendRequestPage::example(), outgoing: FriendRequestPage::example() }
    }
}

/// Everything a client shows first, as of one instant. Every list is its first
/// page.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(example)]
pub struct Snapshot {
    /// Ask for the events after it.
    pub cursor: String,
    /// The viewer's own account.
    pub me: Me,
    /// The viewer's friends.
    pub friends: FriendPage,
    /// Pending friend requests.
    pub friend_requests: FriendRequests,
    /// Whom the viewer blocks.
    pub blocks: FriendPage,
    /// The viewer's conversations, latest activity first.
    pub conversations: ConversationPage,
}

impl From<messenger_core::service::snapshot::ClientSnapshot> for Snapshot {
    fn from(snapshot: messenger_core::service::snapshot::ClientSnapshot) -> Self {
        Self {
            cursor: snapshot.cursor.encode(),
            me: snapshot.me.into(),
            friends: FriendPage::of(snapshot.friends, Friend::from),
            friend_requests: FriendRequests {
                incoming: FriendRequestPage::of(snapshot.incoming_friend_requests, FriendRequest::from),
                outgoing: FriendRequestPage::of(snapshot.outgoing_friend_requests, FriendRequest::from),
            },
            blocks: FriendPage::of(snapshot.blocks, Friend::from),
            conversations: ConversationPage::of(snapshot.conversations, Conversation::from),
        }
    }
}

impl Example for Snapshot {
    fn example() -> Self {
        Self {
            cursor: example_cursor(),
            me: Me::example(),
            friends: FriendPage::example(),
            friend_requests: FriendRequests::example(),
            blocks: FriendPage::example(),
            conversations: ConversationPage::example(),
        }
    }
}

/// A ticket for one connection.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct Ticket {
    /// Give it as `?ticket=`. It works once, on any node.
    pub ticket: String,
    /// For how many seconds it works.
    pub expires_in: i64,
}

impl Example for Ticket {
    fn example() -> Self {
        Self { ticket: "hN2mZ0V8q1w0sWbF0mYx6m1qJ7Qd3n8c4v5b6n7m8k9".to_owned(), expires_in: 30 }
    }
}

fn example_cursor() -> String {
    "AQAAAAAAAAAHZm9vYgAAkgif8yGq".to_owned()
}
