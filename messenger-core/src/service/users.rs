//! Profiles and the search for users.

use crate::Messenger;
use crate::error::{Error, InvalidValue, Refusal, Result};
use crate::event::{Audience, Fact};
use crate::friendship::{Relationship, UserPair};
use crate::id::UserId;
use crate::page::{ListScope, Page, PageRequest};
use crate::store::{StoreError, UniqueKey, UserQueries};
use crate::user::{AvatarUrl, Bio, DisplayName, DmPolicy, Email, PresencePolicy, User, UserQuery, Username};

/// How many ids one look-up takes.
pub const MAX_IDS: usize = 100;

/// A user without a password: of an embedder, or of an outside issuer.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The embedder's own id; made when absent.
    pub id: Option<UserId>,
    /// Unique.
    pub username: Username,
    /// The username when absent.
    pub display_name: Option<DisplayName>,
    /// Unique where present.
    pub email: Option<Email>,
}

impl NewUser {
    /// A user of whom no more than the username is known.
    pub fn new(username: Username) -> Self {
        Self { id: None, username, display_name: None, email: None }
    }
}

/// Changes to one's own profile: `None` leaves a value as it is, `Some(None)`
/// clears it.
#[derive(Debug, Clone, Default)]
pub struct UserChanges {
    /// What others see.
    pub display_name: Option<DisplayName>,
    /// A few words about oneself.
    pub bio: Option<Option<Bio>>,
    /// Where a picture is to be had.
    pub avatar_url: Option<Option<AvatarUrl>>,
    /// From whom direct messages are accepted.
    pub dm_policy: Option<DmPolicy>,
    /// Who learns whether the user is online.
    pub presence_policy: Option<PresencePolicy>,
    /// Whether a search for the exact email finds the user.
    pub findable_by_email: Option<bool>,
}

/// A user as a viewer sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The user.
    pub user: User,
    /// How they stand to the viewer.
    pub relationship: Relationship,
    /// How many friends the two share.
    pub mutual_friend_count: i64,
}

impl Messenger {
    /// The user of this id, or where none is given of this username; made when
    /// there is none. One that exists is answered as it is, unchanged.
    ///
    /// # Errors
    ///
    /// [`Refusal::UsernameTaken`] and [`Refusal::EmailTaken`] when another user
    /// has it.
    pub async fn ensure_user(&self, new: NewUser) -> Result<User> {
        let new = &new;
        let made = self
            .transact(|mut change| async move {
                let existing = match new.id {
                    Some(id) => change.users().find_users(&[id]).await?.pop(),
                    None => change.users().find_user_by_username(&new.username).await?,
                };
                if let Some(user) = existing {
                    return change.done(user);
                }
                let id = new.id.unwrap_or_else(|| UserId::from_uuid(change.new_uuid()));
                let user = User::joining(id, new.username.clone(), change.now())
                    .with_names(new.display_name.clone(), new.email.clone());
                change.users().insert_user(&user).await?;
                change.done(user)
            })
            .await;
        match made {
            // Someone else made the same user meanwhile.
            Err(Error::Store(StoreError::Unique(UniqueKey::UserId | UniqueKey::Username))) => {
                let mut snapshot = self.read().await?;
                let found = match new.id {
                    Some(id) => snapshot.users().find_users(&[id]).await?.pop(),
                    None => snapshot.users().find_user_by_username(&new.username).await?,
                };
                found.ok_or_else(|| Refusal::UsernameTaken.into())
            }
            made => made.map_err(name_taken),
        }
    }

    /// The viewer's own account.
    pub async fn me(&self, viewer: UserId) -> Result<User> {
        find_user(self.read_latest().await?.users(), viewer).await
    }

    /// Changes the viewer's own profile. Those who know the viewer are told of
    /// what they can see.
    pub async fn update_me(&self, viewer: UserId, changes: UserChanges) -> Result<User> {
        let changes = &changes;
        self.transact(|mut change| async move {
            let before = change.users().lock_users(&[viewer]).await?.pop().ok_or(Refusal::UserNotFound)?;
            let mut user = before.clone();
            if let Some(display_name) = &changes.display_name {
                user.display_name = display_name.clone();
            }
            if let Some(bio) = &changes.bio {
                user.bio.clone_from(bio);
            }
            if let Some(avatar_url) = &changes.avatar_url {
                user.avatar_url.clone_from(avatar_url);
            }
            let shown_changed = user != before;
            user.dm_policy = changes.dm_policy.unwrap_or(user.dm_policy);
            user.presence_policy = changes.presence_policy.unwrap_or(user.presence_policy);
            user.findable_by_email = changes.findable_by_email.unwrap_or(user.findable_by_email);
            if user == before {
                return change.done(user);
            }
            if user.dm_policy != before.dm_policy {
                // A send depends on the policy and locks its conversation.
                let direct = change.conversations().find_direct_conversation_ids(viewer).await?;
                change.conversations().lock_conversations(&direct).await?;
            }
            user.updated_at = change.now();
            change.users().update_user(&before, &user).await?;
            let audience = if shown_changed { Audience::Acquaintances(viewer) } else { Audience::User(viewer) };
            change.record(viewer, audience, Fact::UserUpdated { user_id: viewer });
            change.done(user)
        })
        .await
    }

    /// A user as the viewer sees them.
    pub async fn profile(&self, viewer: UserId, user: UserId) -> Result<Profile> {
        let mut snapshot = self.read().await?;
        let found = find_user(snapshot.users(), user).await?;
        let Some(pair) = UserPair::try_new(viewer, user) else {
            return Ok(Profile { user: found, relationship: Relationship::None, mutual_friend_count: 0 });
        };
        let states = snapshot.friendships().find_pairs(&[pair]).await?;
        let relationship = states.first().map_or(Relationship::None, |state| state.relationship(viewer));
        let mutual_friend_count = snapshot.friendships().count_mutual_friends(viewer, user).await?;
        Ok(Profile { user: found, relationship, mutual_friend_count })
    }

    /// The users of up to [`MAX_IDS`] ids, in the order asked; unknown ones are
    /// left out.
    pub async fn find_users(&self, ids: &[UserId]) -> Result<Vec<User>> {
        if ids.len() > MAX_IDS {
            return Err(InvalidValue::new(format!("must have at most {MAX_IDS} ids")).at("ids").into());
        }
        let users = self.read_latest().await?.users().find_users(ids).await?;
        let mut asked: Vec<UserId> = Vec::with_capacity(ids.len());
        for id in ids {
            if !asked.contains(id) {
                asked.push(*id);
            }
        }
        Ok(asked.iter().filter_map(|id| users.iter().find(|user| user.id == *id).cloned()).collect())
    }

    /// Users by a part of username or display name, or by the exact email of
    /// those who allow it; best match first.
    pub async fn search_users(&self, viewer: UserId, query: &UserQuery, page: PageRequest) -> Result<Page<User>> {
        let scope = ListScope::new("users", &[viewer.as_uuid().as_bytes(), query.folded().as_bytes()]);
        let slice = scope.slice(&page)?;
        let rows = self.read_latest().await?.users().search_users(query, slice).await?;
        Ok(scope.page(rows, |user| user))
    }

    /// Friends that the viewer shares with another user; the viewer's latest
    /// first.
    pub async fn list_mutual_friends(&self, viewer: UserId, user: UserId, page: PageRequest) -> Result<Page<User>> {
        let scope = ListScope::new("mutual_friends", &[viewer.as_uuid().as_bytes(), user.as_uuid().as_bytes()]);
        let slice = scope.slice(&page)?;
        let mut snapshot = self.read().await?;
        find_user(snapshot.users(), user).await?;
        let rows = snapshot.friendships().list_mutual_friends(viewer, user, slice).await?;
        Ok(scope.page(rows, |friend| friend.user))
    }
}

impl User {
    /// A new account that has nothing but its name.
    pub(crate) fn joining(id: UserId, username: Username, at: crate::clock::Timestamp) -> Self {
        let display_name = DisplayName::from_stored(username.to_string());
        Self {
            id,
            username,
            email: None,
            display_name,
            bio: None,
            avatar_url: None,
            dm_policy: DmPolicy::Friends,
            presence_policy: PresencePolicy::Shared,
            findable_by_email: false,
            created_at: at,
            updated_at: at,
        }
    }

    pub(crate) fn with_names(mut self, display_name: Option<DisplayName>, email: Option<Email>) -> Self {
        self.display_name = display_name.unwrap_or(self.display_name);
        self.email = email;
        self
    }
}

pub(crate) async fn find_user(users: &mut dyn UserQueries, id: UserId) -> Result<User> {
    Ok(users.find_users(&[id]).await?.pop().ok_or(Refusal::UserNotFound)?)
}

/// Says which of a new user's names is taken.
pub(crate) fn name_taken(error: Error) -> Error {
    match error {
        Error::Store(StoreError::Unique(UniqueKey::Username)) => Refusal::UsernameTaken.into(),
        Error::Store(StoreError::Unique(UniqueKey::Email)) => Refusal::EmailTaken.into(),
        error => error,
    }
}
