//! Users, as others see them and as they see themselves.

use messenger_core::clock::Timestamp;
use messenger_core::friendship;
use messenger_core::user;
use poem_openapi::types::{Example, MaybeUndefined};
use poem_openapi::{Enum, Object};
use serde::Serialize;
use uuid::{Uuid, uuid};

use super::{Nullable, UtcTime};

/// A user, as others see them.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(example)]
pub struct User {
    /// Names the user for good.
    pub id: Uuid,
    /// Unique; what others type to find the user.
    pub username: String,
    /// What others see.
    pub display_name: String,
    /// Where a picture is to be had.
    pub avatar_url: Nullable<String>,
}

impl From<user::User> for User {
    fn from(user: user::User) -> Self {
        Self {
            id: user.id.as_uuid(),
            username: user.username.to_string(),
            display_name: user.display_name.to_string(),
            avatar_url: user.avatar_url.map(|url| url.to_string()).into(),
        }
    }
}

impl User {
    pub(crate) fn example_named(id: Uuid, username: &str, display_name: &str) -> Self {
        let avatar_url = Nullable(None);
        Self { id, username: username.to_owned(), display_name: display_name.to_owned(), avatar_url }
    }
}

impl Example for User {
    fn example() -> Self {
        Self::example_named(uuid!("0198c0de-0001-7000-8000-000000000001"), "ada", "Ada Lovelace")
    }
}

/// A user, as they see themselves.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(example)]
pub struct Me {
    /// Names the user for good.
    pub id: Uuid,
    /// Unique; what others type to find the user.
    pub username: String,
    /// What others see.
    pub display_name: String,
    /// Where a picture is to be had.
    pub avatar_url: Nullable<String>,
    /// A few words about oneself.
    pub bio: Nullable<String>,
    /// Shown to nobody else.
    pub email: Nullable<String>,
    /// From whom direct messages are accepted.
    pub dm_policy: DmPolicy,
    /// Who learns whether one is online.
    pub presence_policy: PresencePolicy,
    /// Whether a search for the exact email finds one.
    pub findable_by_email: bool,
    /// When the account was made.
    pub created_at: UtcTime,
    /// When the profile last changed.
    pub updated_at: UtcTime,
}

impl From<user::User> for Me {
    fn from(user: user::User) -> Self {
        Self {
            id: user.id.as_uuid(),
            username: user.username.to_string(),
            display_name: user.display_name.to_string(),
            avatar_url: user.avatar_url.map(|url| url.to_string()).into(),
            bio: user.bio.map(|bio| bio.to_string()).into(),
            email: user.email.map(|email| email.to_string()).into(),
            dm_policy: user.dm_policy.into(),
            presence_policy: user.presence_policy.into(),
            findable_by_email: user.findable_by_email,
            created_at: user.created_at.into(),
            updated_at: user.updated_at.into(),
        }
    }
}

impl Example for Me {
    fn example() -> Self {
        let User { id, username, display_name, avatar_url } = User::example();
        Self {
            id,
            username,
            display_name,
            avatar_url,
            bio: Nullable(Some("Poetical science.".to_owned())),
            email: Nullable(Some("ada@example.org".to_owned())),
            dm_policy: DmPolicy::Friends,
            presence_policy: PresencePolicy::Shared,
            findable_by_email: false,
            created_at: example_time(),
            updated_at: example_time(),
        }
    }
}

/// One instant for all examples.
pub(super) fn example_time() -> UtcTime {
    UtcTime(Timestamp::from_millis(1_756_000_000_250))
}

/// What to change of oneself. An absent field stays as it is; null clears.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct MeChanges {
    /// What others see: 1 to 64 characters of one line, trimmed; one at least
    /// can be seen.
    pub display_name: Option<String>,
    /// A few words about oneself: 1 to 500 characters; line breaks and tabs
    /// are the only control characters allowed. Null clears.
    #[oai(nullable)]
    pub bio: MaybeUndefined<String>,
    /// Where a picture is to be had: an https address. Null clears.
    #[oai(nullable)]
    pub avatar_url: MaybeUndefined<String>,
    /// From whom direct messages are accepted.
    pub dm_policy: Option<DmPolicy>,
    /// Who learns whether one is online. Whoever is hidden still learns of others.
    pub presence_policy: Option<PresencePolicy>,
    /// Whether a search for the exact email finds one.
    pub findable_by_email: Option<bool>,
}

impl Example for MeChanges {
    fn example() -> Self {
        Self {
            display_name: Some("Ada L.".to_owned()),
            bio: MaybeUndefined::Value("Poetical science.".to_owned()),
            avatar_url: MaybeUndefined::Value("https://example.org/ada.png".to_owned()),
            dm_policy: Some(DmPolicy::Everyone),
            presence_policy: Some(PresencePolicy::Hidden),
            findable_by_email: Some(true),
        }
    }
}

/// A user with how they stand to the viewer.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct Profile {
    /// Names the user for good.
    pub id: Uuid,
    /// Unique; what others type to find the user.
    pub username: String,
    /// What others see.
    pub display_name: String,
    /// Where a picture is to be had.
    pub avatar_url: Nullable<String>,
    /// A few words about the user.
    pub bio: Nullable<String>,
    /// How the user stands to the viewer.
    pub relationship: Relationship,
    /// How many users are friends of both.
    pub mutual_friend_count: i64,
}

impl Profile {
    /// The wire's form of a profile.
    pub fn new(user: user::User, relationship: friendship::Relationship, mutual_friend_count: i64) -> Self {
        let bio = user.bio.as_ref().map(ToString::to_string).into();
        let User { id, username, display_name, avatar_url } = user.into();
        Self { id, username, display_name, avatar_url, bio, relationship: relationship.into(), mutual_friend_count }
    }
}

impl Example for Profile {
    fn example() -> Self {
        let User { id, username, display_name, avatar_url } = User::example();
        Self {
            id,
            username,
            display_name,
            avatar_url,
            bio: Nullable(Some("Poetical science.".to_owned())),
            relationship: Relationship::Friends,
            mutual_friend_count: 3,
        }
    }
}

/// From whom a user accepts direct messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case", remote = "user::DmPolicy")]
#[serde(rename_all = "snake_case")]
pub enum DmPolicy {
    /// From friends only.
    Friends,
    /// From everyone whom the user has not blocked.
    Everyone,
}

/// Who learns whether a user is online.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case", remote = "user::PresencePolicy")]
#[serde(rename_all = "snake_case")]
pub enum PresencePolicy {
    /// Friends, and fellow members of groups of up to 50.
    Shared,
    /// Nobody.
    Hidden,
}

/// How a user stands to the viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case", remote = "friendship::Relationship")]
pub enum Relationship {
    /// Strangers, as far as the viewer may know.
    None,
    /// The viewer has asked.
    OutgoingRequest,
    /// The other has asked.
    IncomingRequest,
    /// They are friends.
    Friends,
    /// The viewer has blocked the other.
    Blocked,
}
