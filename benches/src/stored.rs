//! Users and conversations in a store, without HTTP.

use std::sync::Arc;

use futures_util::future::try_join_all;
use messenger_core::Messenger;
use messenger_core::conversation::Title;
use messenger_core::id::{ConversationId, UserId};
use messenger_core::message::{ClientId, MessageBody};
use messenger_core::service::conversations::NewGroup;
use messenger_core::service::messages::Draft;
use messenger_core::service::users::NewUser;
use messenger_core::user::Username;

use crate::Outcome;

/// How many senders wait at once.
pub const SENDERS: usize = 128;

/// The body of every message: 100 bytes.
pub const BODY: &str =
    "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm";

/// One user, and groups in which the user is alone: what is measured is the
/// store, and no rule asks for a second member.
#[derive(Clone)]
pub struct Stored {
    /// Over the store.
    pub messenger: Messenger,
    /// Who sends and reads.
    pub user: UserId,
    /// The user's groups.
    pub groups: Arc<Vec<ConversationId>>,
}

impl Stored {
    /// A user of this name with so many groups.
    pub async fn make(messenger: &Messenger, username: &str, groups: usize) -> Outcome<Self> {
        let user = messenger.ensure_user(NewUser::new(Username::parse(username)?)).await?.id;
        let mut ids = Vec::with_capacity(groups);
        for number in 0..groups {
            let title = Title::parse(&format!("Group {number}"))?;
            let new = NewGroup { title, member_ids: vec![], client_id: None };
            ids.push(messenger.create_group(user, new).await?.into_view().conversation.id);
        }
        Ok(Self { messenger: messenger.clone(), user, groups: Arc::new(ids) })
    }

    /// Sends the message with this number, under a client id made of it.
    pub async fn send(&self, number: u64) -> Outcome<()> {
        let group = self.groups[usize::try_from(number)? % self.groups.len()];
        let client_id = Some(ClientId::parse(&number.to_string())?);
        let draft = Draft { client_id, ..Draft::new(MessageBody::parse(BODY)?) };
        self.messenger.send_message(self.user, group, draft).await?;
        Ok(())
    }

    /// Sends `each` messages from each of [`SENDERS`] senders at once, with
    /// numbers from `first` on.
    pub async fn send_at_once(&self, first: u64, each: u64) -> Outcome<()> {
        let senders = (0..SENDERS as u64).map(|sender| {
            let stored = self.clone();
            tokio::spawn(async move {
                for turn in 0..each {
                    stored.send(first + turn * SENDERS as u64 + sender).await?;
                }
                Outcome::Ok(())
            })
        });
        for sent in try_join_all(senders).await? {
            sent?;
        }
        Ok(())
    }
}
