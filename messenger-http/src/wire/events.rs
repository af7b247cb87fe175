//! Events, and the snapshot that they go on from.

use messenger_core::conversation::{self, ConversationKind as Kind};
use messenger_core::delivery::{Delivery, EventData};
use messenger_core::id::ConversationId;
use poem_openapi::Object;
use poem_openapi::types::{Example, ToJSON};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::users::example_time;
use super::{
    Conversation, ConversationPage, Friend, FriendPage, FriendRequest, FriendRequestPage, Me, Member, Message,
    Nullable, User, UtcTime,
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
            data: delivery.data.as_ref().map(data).into(),
        }
    }
}

/// An event's data, the same for every receiver.
fn data(data: &EventData) -> Value {
    match data {
        EventData::Message(message) => object(&Message::from(message.clone())),
        EventData::Conversation(conversation) => conversation_data(conversation),
        EventData::Member(member) => object(&Member::from(member.clone())),
        EventData::RemovedMember(user) => json!({"user": object(&User::from(user.clone()))}),
        EventData::Read { user_id, read_seq } => json!({"user_id": user_id.as_uuid(), "read_seq": read_seq.get()}),
        EventData::FriendRequest(request) => object(&FriendRequest::from(request.clone())),
        EventData::ClosedRequest { requester_id, addressee_id } => {
            json!({"requester_id": requester_id.as_uuid(), "addressee_id": addressee_id.as_uuid()})
        }
        EventData::Friendship { user, since } => {
            object(&Friend::from(messenger_core::store::Friend { user: user.clone(), since: *since }))
        }
        EventData::OtherUser(user_id) => json!({"user_id": user_id.as_uuid()}),
        EventData::User(user) => object(&User::from(user.clone())),
        EventData::Session(session_id) => json!({"session_id": session_id.as_uuid()}),
    }
}

fn conversation_data(conversation: &conversation::Conversation) -> Value {
    let (kind, title) = match &conversation.kind {
        Kind::Direct(_) => ("direct", None),
        Kind::Group(group) => ("group", Some(group.title.as_str())),
    };
    json!({
        "id": conversation.id.as_uuid(),
        "kind": kind,
        "title": title,
        "members_count": conversation.members_count,
    })
}

fn object(value: &impl ToJSON) -> Value {
    value.to_json().unwrap_or_default()
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
