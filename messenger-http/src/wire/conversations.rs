//! Conversations and their members.

use std::borrow::Cow;

use messenger_core::conversation;
use poem_openapi::registry::{MetaDiscriminatorObject, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{Example, ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use poem_openapi::{Enum, Object};
use serde::Serialize;
use serde_json::Value;
use uuid::{Uuid, uuid};

use super::friends::example_bob;
use super::users::example_time;
use super::{Message, Nullable, User, UtcTime};

/// A conversation, as one of its members sees it.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(example)]
pub struct Conversation {
    /// Names the conversation for good.
    pub id: Uuid,
    /// Direct or group.
    pub kind: ConversationKind,
    /// A group's title; null for a direct conversation.
    pub title: Nullable<String>,
    /// What the viewer may do in it.
    pub role: Role,
    /// How many members there are.
    pub members_count: i64,
    /// The other user of a direct conversation; null for a group.
    pub peer: Nullable<User>,
    /// The number of the newest message; 0 while there is none.
    pub last_seq: i64,
    /// How far the viewer has read.
    pub read_seq: i64,
    /// How many messages of others stand after `read_seq`.
    pub unread_count: i64,
    /// The newest message; null while there is none.
    pub last_message: Nullable<Message>,
    /// When it was made.
    pub created_at: UtcTime,
    /// When something last happened in it. Lists are ordered by it.
    pub updated_at: UtcTime,
}

impl Example for Conversation {
    fn example() -> Self {
        let message = Message::example();
        Self {
            id: message.conversation_id,
            kind: ConversationKind::Direct,
            title: Nullable(None),
            role: Role::Member,
            members_count: 2,
            peer: Nullable(Some(example_bob())),
            last_seq: message.seq,
            read_seq: message.seq,
            unread_count: 0,
            last_message: Nullable(Some(message)),
            created_at: example_time(),
            updated_at: example_time(),
        }
    }
}

/// Direct or group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum ConversationKind {
    /// Between two users.
    Direct,
    /// Of any number of users.
    Group,
}

/// What a member may do. An admin adds and removes members, renames, and
/// deletes others' messages; the owner also appoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case", remote = "conversation::Role")]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads and sends.
    Member,
    /// Also adds and removes members, renames, deletes others' messages.
    Admin,
    /// Also appoints. A group has exactly one.
    Owner,
}

/// A user in a conversation.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(example)]
pub struct Member {
    /// Who.
    pub user: User,
    /// What they may do.
    pub role: Role,
    /// Since when.
    pub joined_at: UtcTime,
}

impl Example for Member {
    fn example() -> Self {
        Self { user: example_bob(), role: Role::Member, joined_at: example_time() }
    }
}

/// Whom to add.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct NewMember {
    /// A friend of the viewer.
    pub user_id: Uuid,
}

impl Example for NewMember {
    fn example() -> Self {
        Self { user_id: example_bob().id }
    }
}

/// A member's new role.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct RoleChange {
    /// What the member may do from now on. `owner` hands the group over.
    pub role: Role,
}

impl Example for RoleChange {
    fn example() -> Self {
        Self { role: Role::Admin }
    }
}

/// What to change of a group. An absent field stays as it is.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct ConversationChanges {
    /// 1 to 100 characters of one line, trimmed; one at least can be seen.
    pub title: Option<String>,
}

impl Example for ConversationChanges {
    fn example() -> Self {
        Self { title: Some("Analytical Engine".to_owned()) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
/// A direct conversation.
pub enum DirectKind {
    /// Between two users.
    Direct,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
/// A group.
pub enum GroupKind {
    /// Of any number of users.
    Group,
}

/// A direct conversation to open.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct NewDirectConversation {
    /// Always `direct`.
    pub kind: DirectKind,
    /// With whom.
    pub user_id: Uuid,
}

impl Example for NewDirectConversation {
    fn example() -> Self {
        Self { kind: DirectKind::Direct, user_id: example_bob().id }
    }
}

/// A group to make.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct NewGroup {
    /// Always `group`.
    pub kind: GroupKind,
    /// 1 to 100 characters of one line, trimmed; one at least can be seen.
    pub title: String,
    /// Friends of the viewer, up to 100; the viewer is a member anyway.
    pub member_ids: Vec<Uuid>,
    /// Makes a repeated creation the same creation: 1 to 64 printable ASCII
    /// characters.
    #[oai(nullable)]
    pub client_id: Option<String>,
}

impl Example for NewGroup {
    fn example() -> Self {
        Self {
            kind: GroupKind::Group,
            title: "Analytical Engine".to_owned(),
            member_ids: vec![example_bob().id, uuid!("0198c0de-0001-7000-8000-000000000003")],
            client_id: Some("6f1c2d".to_owned()),
        }
    }
}

/// A conversation to open or to make; `kind` tells which.
#[derive(Debug, Clone)]
pub enum NewConversation {
    /// A direct conversation.
    Direct(NewDirectConversation),
    /// A group.
    Group(NewGroup),
}

impl Type for NewConversation {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "NewConversation".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(Self::name().into_owned())
    }

    fn register(registry: &mut Registry) {
        registry.create_schema::<Self, _>(Self::name().into_owned(), |registry| {
            NewDirectConversation::register(registry);
            NewGroup::register(registry);
            let reference = |name: Cow<'static, str>| format!("#/components/schemas/{name}");
            MetaSchema {
                description: Some("A conversation to open or to make; `kind` tells which."),
                one_of: vec![NewDirectConversation::schema_ref(), NewGroup::schema_ref()],
                discriminator: Some(MetaDiscriminatorObject {
                    property_name: "kind",
                    mapping: vec![
                        ("direct".to_owned(), reference(NewDirectConversation::name())),
                        ("group".to_owned(), reference(NewGroup::name())),
                    ],
                }),
                example: NewDirectConversation::example().to_json(),
                ..MetaSchema::ANY
            }
        });
    }

    fn as_raw_value(&self) -> Option<&Self::RawValueType> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self::RawElementValueType> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromJSON for NewConversation {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let is_group = value.as_ref().and_then(|value| value.get("kind")).is_some_and(|kind| kind == "group");
        if is_group {
            NewGroup::parse_from_json(value).map(Self::Group).map_err(ParseError::propagate)
        } else {
            NewDirectConversation::parse_from_json(value).map(Self::Direct).map_err(ParseError::propagate)
        }
    }
}
