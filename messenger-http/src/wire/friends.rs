//! Friends and friend requests.

use std::borrow::Cow;

use messenger_core::store;
use poem_openapi::Object;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{Example, ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde::Serialize;
use serde_json::Value;
use uuid::{Uuid, uuid};

use super::users::example_time;
use super::{User, UtcTime};

/// A user on one's list of friends or blocks.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(example)]
pub struct Friend {
    /// Who.
    pub user: User,
    /// Since when.
    pub since: UtcTime,
}

impl From<store::Friend> for Friend {
    fn from(friend: store::Friend) -> Self {
        Self { user: friend.user.into(), since: friend.since.into() }
    }
}

impl Example for Friend {
    fn example() -> Self {
        Self { user: example_bob(), since: example_time() }
    }
}

/// A friend request that waits for an answer.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(example)]
pub struct FriendRequest {
    /// Who asked.
    pub requester: User,
    /// Who was asked.
    pub addressee: User,
    /// When.
    pub created_at: UtcTime,
}

impl From<store::FriendRequest> for FriendRequest {
    fn from(request: store::FriendRequest) -> Self {
        Self {
            requester: request.requester.into(),
            addressee: request.addressee.into(),
            created_at: request.created_at.into(),
        }
    }
}

impl Example for FriendRequest {
    fn example() -> Self {
        Self { requester: User::example(), addressee: example_bob(), created_at: example_time() }
    }
}

pub(super) fn example_bob() -> User {
    User::example_named(uuid!("0198c0de-0001-7000-8000-000000000002"), "bob", "Bob")
}

/// Whom to ask, by id.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct FriendRequestById {
    /// The user's id.
    pub user_id: Uuid,
}

impl Example for FriendRequestById {
    fn example() -> Self {
        Self { user_id: example_bob().id }
    }
}

/// Whom to ask, by username.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct FriendRequestByUsername {
    /// The user's username.
    pub username: String,
}

impl Example for FriendRequestByUsername {
    fn example() -> Self {
        Self { username: "bob".to_owned() }
    }
}

/// Whom to ask: `user_id` or `username`, exactly one of them.
#[derive(Debug, Clone)]
pub enum NewFriendRequest {
    /// By id.
    ById(FriendRequestById),
    /// By username.
    ByUsername(FriendRequestByUsername),
}

/// What a request led to: the request, or the friendship when the other had
/// asked too.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum FriendRequestSent {
    /// It waits for an answer (201).
    Pending(FriendRequest),
    /// They are friends now (200).
    Friends(Friend),
}

/// A schema that is one of two others. poem-openapi's `Union` would add
/// wrapper schemas that generated clients trip over.
macro_rules! one_of_two {
    ($name:ident, $description:literal, $first:ty, $second:ty) => {
        impl Type for $name {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Reference(Self::name().into_owned())
            }

            fn register(registry: &mut Registry) {
                registry.create_schema::<Self, _>(Self::name().into_owned(), |registry| {
                    <$first>::register(registry);
                    <$second>::register(registry);
                    MetaSchema {
                        description: Some($description),
                        one_of: vec![<$first>::schema_ref(), <$second>::schema_ref()],
                        example: <$first>::example().to_json(),
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
    };
}

one_of_two!(
    NewFriendRequest,
    "Whom to ask: `user_id` or `username`, exactly one of them.",
    FriendRequestById,
    FriendRequestByUsername
);
one_of_two!(
    FriendRequestSent,
    "What a request led to: with 201 the request, which waits for an answer; with 200 the friendship, because the \
     other had asked too.",
    FriendRequest,
    Friend
);

impl ParseFromJSON for NewFriendRequest {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let by_id = value.as_ref().is_some_and(|value| value.get("user_id").is_some());
        if by_id {
            FriendRequestById::parse_from_json(value).map(Self::ById).map_err(ParseError::propagate)
        } else {
            FriendRequestByUsername::parse_from_json(value).map(Self::ByUsername).map_err(ParseError::propagate)
        }
    }
}

impl ToJSON for FriendRequestSent {
    fn to_json(&self) -> Option<Value> {
        match self {
            Self::Pending(request) => request.to_json(),
            Self::Friends(friend) => friend.to_json(),
        }
    }
}
