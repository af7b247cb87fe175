//! Random histories: a few people who do whatever one can do.

use super::people::{draft, draft_under};
use super::rows::{body, client_id, title};
use super::world::World;
use crate::conversation::Role;
use crate::error::{Error, Result};
use crate::id::{ConversationId, UserId};
use crate::message::{Message, Seq};
use crate::page::PageRequest;
use crate::service::conversations::{ConversationChanges, NewGroup};
use crate::service::messages::Draft;
use crate::service::users::UserChanges;
use crate::user::{Bio, DmPolicy, PresencePolicy};

/// The people of a history.
#[derive(Debug, Clone)]
pub(super) struct Cast(Vec<UserId>);

impl Cast {
    pub(super) async fn assemble(w: &World, names: &[&str]) -> Result<Self> {
        let mut users = vec![];
        for name in names {
            users.push(w.user(name).await?);
        }
        Ok(Self(users))
    }

    pub(super) fn users(&self) -> &[UserId] {
        &self.0
    }
}

/// One of several, by chance.
fn pick<T: Copy>(w: &World, of: &[T]) -> T {
    of[usize::try_from(w.ids.next_u64() % of.len() as u64).expect("few")]
}

/// Somebody does something, or is refused by the rules. Answers what it was.
pub(super) async fn act(w: &World, cast: &Cast) -> String {
    let (who, whom) = (pick(w, cast.users()), pick(w, cast.users()));
    // Talk is more frequent than everything else.
    let (what, done) = match w.ids.next_u64() % 10 {
        0..=2 => among_people(w, who, whom).await,
        3..=5 => in_groups(w, who, whom).await,
        _ => talk(w, who).await,
    };
    let names = [who, whom].map(|id| cast.users().iter().position(|user| *user == id).unwrap_or_default());
    match done {
        Ok(()) => format!("{what} by {} to {}", names[0], names[1]),
        Err(error @ (Error::Refused(_) | Error::Invalid(_))) => {
            format!("{what} by {} to {}, refused: {error}", names[0], names[1])
        }
        Err(error) => panic!("{what} by {} to {}: {error:?}", names[0], names[1]),
    }
}

async fn among_people(w: &World, who: UserId, whom: UserId) -> (&'static str, Result<()>) {
    let m = &w.messenger;
    match w.ids.next_u64() % 12 {
        0..=2 => ("request", m.request_friendship(who, whom).await.map(drop)),
        3..=5 => ("accept", m.accept_friend_request(who, whom).await.map(drop)),
        6 => ("decline", m.decline_friend_request(who, whom).await),
        7 => ("cancel", m.cancel_friend_request(who, whom).await),
        8 => ("unfriend", m.unfriend(who, whom).await),
        9 => ("block", m.block(who, whom).await),
        10 => ("unblock", m.unblock(who, whom).await),
        _ => {
            let changes = UserChanges {
                bio: pick(w, &[None, Some("one"), Some("two")]).map(|text| Bio::parse(text).ok()),
                dm_policy: pick(w, &[None, Some(DmPolicy::Friends), Some(DmPolicy::Everyone)]),
                presence_policy: pick(w, &[None, Some(PresencePolicy::Shared), Some(PresencePolicy::Hidden)]),
                ..UserChanges::default()
            };
            ("update", m.update_me(who, changes).await.map(drop))
        }
    }
}

async fn in_groups(w: &World, who: UserId, whom: UserId) -> (&'static str, Result<()>) {
    let m = &w.messenger;
    let dice = w.ids.next_u64() % 12;
    if dice < 2 {
        return ("open", m.open_direct_conversation(who, whom).await.map(drop));
    }
    if dice < 4 {
        let key = pick(w, &[None, None, Some("a"), Some("b")]).map(client_id);
        let new = NewGroup { title: title("Crew"), member_ids: vec![whom], client_id: key };
        return ("create", m.create_group(who, new).await.map(drop));
    }
    let Some(place) = somewhere(w, who).await else { return ("nowhere to go", Ok(())) };
    match dice {
        4 => {
            let changes = ConversationChanges { title: Some(title(pick(w, &["Crew", "Fleet"]))) };
            ("rename", m.update_conversation(who, place, changes).await.map(drop))
        }
        5 | 6 => ("add", m.add_member(who, place, whom).await.map(drop)),
        7 => ("remove", m.remove_member(who, place, whom).await),
        8 => ("leave", m.leave_conversation(who, place).await),
        _ => {
            let role = pick(w, &[Role::Owner, Role::Admin, Role::Member]);
            ("appoint", m.change_role(who, place, whom, role).await.map(drop))
        }
    }
}

async fn talk(w: &World, who: UserId) -> (&'static str, Result<()>) {
    let m = &w.messenger;
    let Some(place) = somewhere(w, who).await else { return ("nowhere to talk", Ok(())) };
    let said = w.transcript(place).await.unwrap_or_default();
    let message: Option<&Message> =
        if said.is_empty() { None } else { Some(pick(w, &said.iter().collect::<Vec<_>>())) };
    match (w.ids.next_u64() % 12, message) {
        (0 | 1, Some(message)) => {
            let text = body(pick(w, &["one", "two", "x"]));
            ("edit", m.edit_message(who, place, message.id, text).await.map(drop))
        }
        (2, Some(message)) => ("delete", m.delete_message(who, place, message.id).await),
        (3..=5, Some(message)) => ("read", m.mark_read(who, place, message.seq).await.map(drop)),
        (6, Some(message)) => {
            let draft = Draft { reply_to: Some(message.id), ..draft("x") };
            ("reply", m.send_message(who, place, draft).await.map(drop))
        }
        (7 | 8, _) => {
            let draft = draft_under(pick(w, &["a", "b", "c"]), pick(w, &["one", "two"]));
            ("send under a client id", m.send_message(who, place, draft).await.map(drop))
        }
        (9, None) => ("read", m.mark_read(who, place, Seq::ZERO).await.map(drop)),
        _ => ("send", m.send_message(who, place, draft("x")).await.map(drop)),
    }
}

/// One of the user's conversations.
async fn somewhere(w: &World, who: UserId) -> Option<ConversationId> {
    let page = w.messenger.list_conversations(who, PageRequest::default()).await.ok()?;
    let ids: Vec<_> = page.items.into_iter().map(|view| view.conversation.id).collect();
    if ids.is_empty() { None } else { Some(pick(w, &ids)) }
}
