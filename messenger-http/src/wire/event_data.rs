//! The data of events that is told in no other answer. It is the same for
//! every receiver, so a viewer's own counts and roles are not in it.

use messenger_core::conversation::{self, ConversationKind as Kind};
use messenger_core::delivery::EventData;
use poem_openapi::Object;
use poem_openapi::types::{Example, ToJSON};
use serde_json::Value;
use uuid::{Uuid, uuid};

use super::friends::example_bob;
use super::{ConversationKind, Friend, FriendRequest, Member, Message, Nullable, User};

/// A conversation, as all of its members see it.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct SharedConversation {
    /// Names the conversation for good.
    pub id: Uuid,
    /// Direct or group.
    pub kind: ConversationKind,
    /// A group's title; null for a direct conversation.
    pub title: Nullable<String>,
    /// How many members there are.
    pub members_count: i64,
}

impl From<&conversation::Conversation> for SharedConversation {
    fn from(conversation: &conversation::Conversation) -> Self {
        let (kind, title) = match &conversation.kind {
            Kind::Direct(_) => (ConversationKind::Direct, None),
            Kind::Group(group) => (ConversationKind::Group, Some(group.title.to_string())),
        };
        Self { id: conversation.id.as_uuid(), kind, title: Nullable(title), members_count: conversation.members_count }
    }
}

impl Example for SharedConversation {
    fn example() -> Self {
        Self {
            id: Message::example().conversation_id,
            kind: ConversationKind::Group,
            title: Nullable(Some("Analytical engines".to_owned())),
            members_count: 3,
        }
    }
}

/// Who is no longer in a conversation.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct RemovedMember {
    /// Who.
    pub user: User,
}

impl Example for RemovedMember {
    fn example() -> Self {
        Self { user: example_bob() }
    }
}

/// A member's read marker.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct MemberReadState {
    /// Whose it is.
    pub user_id: Uuid,
    /// The number of the last message that they have read.
    pub read_seq: i64,
}

impl Example for MemberReadState {
    fn example() -> Self {
        Self { user_id: example_bob().id, read_seq: Message::example().seq }
    }
}

/// A friend request that no longer waits for an answer.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct ClosedFriendRequest {
    /// Who asked.
    pub requester_id: Uuid,
    /// Who was asked.
    pub addressee_id: Uuid,
}

impl Example for ClosedFriendRequest {
    fn example() -> Self {
        Self { requester_id: User::example().id, addressee_id: example_bob().id }
    }
}

/// The other one of two users.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct OtherUser {
    /// Who.
    pub user_id: Uuid,
}

impl Example for OtherUser {
    fn example() -> Self {
        Self { user_id: example_bob().id }
    }
}

/// A session that is no more.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct EndedSession {
    /// Its id.
    pub session_id: Uuid,
}

impl Example for EndedSession {
    fn example() -> Self {
        Self { session_id: uuid!("0198c0de-0005-7000-8000-000000000001") }
    }
}

/// An event's data, the same for every receiver.
pub(super) fn event_data(data: &EventData) -> Value {
    match data {
        EventData::Message(message) => object(&Message::from(message.clone())),
        EventData::Conversation(conversation) => object(&SharedConversation::from(conversation)),
        EventData::Member(member) => object(&Member::from(member.clone())),
        EventData::RemovedMember(user) => object(&RemovedMember { user: user.clone().into() }),
        EventData::Read { user_id, read_seq } => {
            object(&MemberReadState { user_id: user_id.as_uuid(), read_seq: read_seq.get() })
        }
        EventData::FriendRequest(request) => object(&FriendRequest::from(request.clone())),
        EventData::ClosedRequest { requester_id, addressee_id } => {
            object(&ClosedFriendRequest { requester_id: requester_id.as_uuid(), addressee_id: addressee_id.as_uuid() })
        }
        EventData::Friendship { user, since } => {
            object(&Friend::from(messenger_core::store::Friend { user: user.clone(), since: *since }))
        }
        EventData::OtherUser(user_id) => object(&OtherUser { user_id: user_id.as_uuid() }),
        EventData::User(user) => object(&User::from(user.clone())),
        EventData::Session(session_id) => object(&EndedSession { session_id: session_id.as_uuid() }),
    }
}

/// An object as JSON. (poem-openapi's own answer is optional, for fields that
/// are left out.)
pub(super) fn object(value: &impl ToJSON) -> Value {
    value.to_json().unwrap_or_default()
}
