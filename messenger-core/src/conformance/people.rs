//! What people do, in a word each, so that a case reads aloud.

use std::fmt::Debug;

use super::rows::{body, client_id, title};
use super::world::World;
use crate::error::{Error, Refusal, Result};
use crate::event::{Audience, Fact};
use crate::friendship::Relationship;
use crate::id::{ConversationId, UserId};
use crate::message::{Message, MessageRange};
use crate::page::{Limit, PageRequest};
use crate::service::ConversationView;
use crate::service::conversations::{NewGroup, Opened};
use crate::service::messages::{Draft, Sent};
use crate::service::users::NewUser;
use crate::user::Username;

/// Why the rules said no.
#[track_caller]
pub(super) fn refusal<T: Debug>(result: Result<T>) -> Refusal {
    match result {
        Err(Error::Refused(refusal)) => refusal,
        other => panic!("it was to be refused, but: {other:?}"),
    }
}

/// The fields whose values were refused.
#[track_caller]
pub(super) fn invalid_fields<T: Debug>(result: Result<T>) -> Vec<String> {
    match result {
        Err(Error::Invalid(errors)) => errors.iter().map(|error| error.field.clone()).collect(),
        other => panic!("it was to be invalid, but: {other:?}"),
    }
}

pub(super) fn page() -> PageRequest {
    PageRequest::default()
}

pub(super) fn page_of(limit: i64, cursor: Option<String>) -> PageRequest {
    PageRequest { cursor, limit: Limit::parse(limit).expect("a limit") }
}

pub(super) fn username(text: &str) -> Username {
    Username::parse(text).expect("a username")
}

pub(super) fn draft(text: &str) -> Draft {
    Draft::new(body(text))
}

/// A draft under a client id.
pub(super) fn draft_under(key: &str, text: &str) -> Draft {
    Draft { client_id: Some(client_id(key)), ..draft(text) }
}

/// The conversation, however it came about.
pub(super) fn view(opened: Opened) -> ConversationView {
    match opened {
        Opened::Created(view) | Opened::Existing(view) => view,
    }
}

impl World {
    pub(super) async fn user(&self, name: &str) -> Result<UserId> {
        let new = NewUser { id: None, username: username(name), display_name: None, email: None };
        Ok(self.messenger.ensure_user(new).await?.id)
    }

    /// Strangers to each other.
    pub(super) async fn users<const N: usize>(&self, names: [&str; N]) -> Result<[UserId; N]> {
        let mut users = vec![];
        for name in names {
            users.push(self.user(name).await?);
        }
        Ok(users.try_into().expect("as many as names"))
    }

    /// Each of them a friend of each other.
    pub(super) async fn friends<const N: usize>(&self, names: [&str; N]) -> Result<[UserId; N]> {
        let users = self.users(names).await?;
        for (index, one) in users.iter().enumerate() {
            for other in &users[..index] {
                self.befriend(*other, *one).await?;
            }
        }
        Ok(users)
    }

    pub(super) async fn befriend(&self, one: UserId, other: UserId) -> Result<()> {
        self.messenger.request_friendship(one, other).await?;
        self.messenger.accept_friend_request(other, one).await?;
        Ok(())
    }

    pub(super) async fn direct(&self, one: UserId, other: UserId) -> Result<ConversationId> {
        Ok(view(self.messenger.open_direct_conversation(one, other).await?).conversation.id)
    }

    /// A group of friends of its owner.
    pub(super) async fn group(&self, owner: UserId, members: &[UserId]) -> Result<ConversationId> {
        let new = NewGroup { title: title("Crew"), member_ids: members.to_vec(), client_id: None };
        Ok(view(self.messenger.create_group(owner, new).await?).conversation.id)
    }

    pub(super) async fn say(&self, who: UserId, place: ConversationId, text: &str) -> Result<Message> {
        Ok(self.messenger.send_message(who, place, draft(text)).await?.into_message())
    }

    pub(super) async fn send(&self, who: UserId, place: ConversationId, draft: Draft) -> Result<Sent> {
        self.messenger.send_message(who, place, draft).await
    }

    pub(super) async fn unread(&self, who: UserId, place: ConversationId) -> Result<i64> {
        Ok(self.messenger.conversation(who, place).await?.unread_count)
    }

    pub(super) async fn relationship(&self, viewer: UserId, other: UserId) -> Result<Relationship> {
        Ok(self.messenger.profile(viewer, other).await?.relationship)
    }

    /// What was told to an audience, in order.
    pub(super) async fn told(&self, audience: Audience) -> Result<Vec<Fact>> {
        Ok(self.log_of(audience).await?.iter().map(|event| event.event.fact).collect())
    }

    /// How many events there are.
    pub(super) async fn log_length(&self) -> Result<usize> {
        Ok(self.log().await?.len())
    }

    /// All messages of a conversation, past the rules.
    pub(super) async fn transcript(&self, place: ConversationId) -> Result<Vec<Message>> {
        Ok(self.read().await?.messages().list_messages(place, MessageRange::Latest, 10_000).await?)
    }
}
