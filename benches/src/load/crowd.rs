//! Many users without passwords, made through core, which takes a hundredth of
//! what hashing a password for each would. Nodes that sign with the same key
//! know them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use messenger_core::Messenger;
use messenger_core::clock::{Clock as _, SystemClock};
use messenger_core::conversation::Title;
use messenger_core::id::{ConversationId, IdGenerator as _, SessionId, SystemIds, UserId};
use messenger_core::service::conversations::NewGroup;
use messenger_core::service::users::NewUser;
use messenger_core::session::{RefreshToken, Session, StoredRefreshToken};
use messenger_core::store::Store;
use messenger_core::token::SigningKeys;
use messenger_core::user::Username;

use super::node::SIGNING_KEY;
use super::world::User;
use crate::Outcome;

/// How many changes are made at once.
const AT_ONCE: usize = 32;

/// How many members a group may begin with, besides its owner.
const MAX_INITIAL_MEMBERS: usize = 100;

/// A member of the crowd.
#[derive(Debug, Clone)]
pub struct Person {
    /// In core.
    pub id: UserId,
    /// Over HTTP.
    pub user: User,
}

/// Makes users and groups on a store.
pub struct Crowd {
    /// Over the store.
    pub messenger: Messenger,
    store: Arc<dyn Store>,
}

impl Crowd {
    /// On this store.
    pub fn on(store: Arc<dyn Store>) -> Outcome<Self> {
        let messenger = Messenger::builder(store.clone()).signing_keys(SigningKeys::parse(SIGNING_KEY)?).build();
        Ok(Self { messenger, store })
    }

    /// So many users, each signed in once.
    pub async fn people(&self, count: usize) -> Outcome<Vec<Person>> {
        stream::iter(0..count).map(|number| self.person(number)).buffered(AT_ONCE).try_collect().await
    }

    async fn person(&self, number: usize) -> Outcome<Person> {
        let username = format!("crowd.{number}");
        let id = self.messenger.ensure_user(NewUser::new(Username::parse(&username)?)).await?.id;
        let now = SystemClock.now();
        let session = Session {
            id: SessionId::from_uuid(SystemIds.new_uuid(now)),
            user_id: id,
            device_name: None,
            created_at: now,
            refreshed_at: now,
            expires_at: now.after(Duration::from_hours(24)),
            spent_generation: 0,
        };
        let token = RefreshToken::presented(&session.id.as_uuid().to_string());
        let stored = StoredRefreshToken { hash: token.hash(), session_id: session.id, generation: 1 };
        let mut transaction = self.store.begin().await?;
        transaction.sessions().insert_session(&session).await?;
        transaction.sessions().insert_refresh_token(&stored).await?;
        transaction.commit(&[]).await?;
        let tokens = self.messenger.refresh(&token).await?;
        let authorization = format!("Bearer {}", tokens.access_token).into();
        Ok(Person { id, user: User { id: id.as_uuid().to_string(), username, authorization } })
    }

    /// A group of the first one's, with all the others.
    pub async fn group(&self, people: &[Person]) -> Outcome<ConversationId> {
        let (owner, others) = people.split_first().ok_or("a group needs an owner")?;
        stream::iter(others).map(|other| self.befriend(owner.id, other.id)).buffered(1).try_collect::<()>().await?;
        let (first, rest) = others.split_at(others.len().min(MAX_INITIAL_MEMBERS));
        let member_ids = first.iter().map(|person| person.id).collect();
        let new = NewGroup { title: Title::parse("A crowd")?, member_ids, client_id: None };
        let group = self.messenger.create_group(owner.id, new).await?.into_view().conversation.id;
        for other in rest {
            self.messenger.add_member(owner.id, group, other.id).await?;
        }
        Ok(group)
    }

    /// Makes two users friends, unless they are.
    pub async fn befriend(&self, one: UserId, other: UserId) -> Outcome<()> {
        use messenger_core::friendship::Relationship;
        if self.messenger.profile(one, other).await?.relationship != Relationship::Friends {
            self.messenger.request_friendship(one, other).await?;
            self.messenger.accept_friend_request(other, one).await?;
        }
        Ok(())
    }
}
