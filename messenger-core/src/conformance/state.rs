//! Everything that a store holds of a few users, and what a difference of two
//! states must be told as.

use std::collections::BTreeMap;

use super::rows::first;
use super::world::World;
use crate::clock::Timestamp;
use crate::conversation::{Conversation, ConversationKind, MAX_MEMBERS_FOR_READ_RECEIPTS, Membership};
use crate::error::Result;
use crate::event::{Audience, Fact};
use crate::friendship::{Bond, PairState, PendingRequest, UserPair, Visibility};
use crate::id::{ConversationId, MessageId, SessionId, UserId};
use crate::message::{Message, MessageRange, Seq};
use crate::session::Session;
use crate::user::User;

/// Everything that a store holds of a few users.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct State {
    users: BTreeMap<UserId, User>,
    pairs: BTreeMap<UserPair, PairState>,
    conversations: BTreeMap<ConversationId, Conversation>,
    members: BTreeMap<(ConversationId, UserId), Membership>,
    messages: BTreeMap<MessageId, Message>,
    sessions: BTreeMap<SessionId, Session>,
}

impl State {
    pub(super) async fn read(w: &World, cast: &[UserId]) -> Result<Self> {
        let mut state = Self::default();
        let mut snapshot = w.read().await?;
        let pairs: Vec<_> = cast
            .iter()
            .flat_map(|one| cast.iter().filter_map(|other| UserPair::try_new(*one, *other)))
            .filter(|pair| cast.contains(&pair.low()))
            .collect();
        state.users = snapshot.users().find_users(cast).await?.into_iter().map(|user| (user.id, user)).collect();
        for pair in snapshot.friendships().find_pairs(&pairs).await? {
            state.pairs.insert(pair.pair, pair);
        }
        for user in cast {
            for (conversation, member) in snapshot.conversations().list_conversations(*user, first(1_000)).await?.items
            {
                state.conversations.insert(conversation.id, conversation);
                state.members.insert((member.conversation_id, member.user_id), member);
            }
            let ever = Timestamp::from_millis(0);
            for session in snapshot.sessions().list_sessions(*user, ever, first(1_000)).await?.items {
                state.sessions.insert(session.id, session);
            }
        }
        for id in state.conversations.keys() {
            let messages = snapshot.messages().list_messages(*id, MessageRange::After(Seq::ZERO), 10_000).await?;
            state.messages.extend(messages.into_iter().map(|message| (message.id, message)));
        }
        Ok(state)
    }
}

/// What must be told when `before` becomes `after`.
pub(super) fn tidings(before: &State, after: &State) -> Vec<(Audience, Fact)> {
    let mut told = vec![];
    for (id, new) in &after.users {
        told.extend(before.users.get(id).and_then(|old| profile(old, new)));
    }
    for (pair, new) in &after.pairs {
        told.extend(before.pairs.get(pair).into_iter().flat_map(|old| friendship(old, new)));
    }
    conversations(before, after, &mut told);
    members(before, after, &mut told);
    messages(before, after, &mut told);
    for (id, session) in &before.sessions {
        if !after.sessions.contains_key(id) {
            told.push((Audience::User(session.user_id), Fact::SessionEnded { session_id: *id }));
        }
    }
    told
}

fn profile(old: &User, new: &User) -> Option<(Audience, Fact)> {
    let shown = |user: &User| (user.display_name.clone(), user.bio.clone(), user.avatar_url.clone());
    let own = |user: &User| (user.dm_policy, user.presence_policy, user.findable_by_email);
    let fact = Fact::UserUpdated { user_id: new.id };
    if shown(old) == shown(new) {
        (own(old) != own(new)).then_some((Audience::User(new.id), fact))
    } else {
        Some((Audience::Acquaintances(new.id), fact))
    }
}

fn friendship(old: &PairState, new: &PairState) -> Vec<(Audience, Fact)> {
    let mut told = vec![];
    let pair = new.pair;
    let mut tell = |user, fact| told.push((Audience::User(user), fact));
    let both = pair.both().map(|user| (user, pair.other(user)));
    let requests = [old, new].map(|state| match state.bond {
        Bond::Requested(request) => Some(request),
        Bond::None | Bond::Friends { .. } => None,
    });
    let same = |one: PendingRequest, other: PendingRequest| {
        one.requester == other.requester && one.created_at == other.created_at
    };
    if let [Some(was), now] = requests {
        let (requester_id, addressee_id) = (was.requester, pair.other(was.requester));
        let fact = Fact::FriendRequestClosed { requester_id, addressee_id };
        let stays = now.is_some_and(|now| same(was, now));
        if !stays {
            tell(requester_id, fact);
        }
        let hidden = now.is_some_and(|now| now.visibility == Visibility::Hidden);
        if was.visibility == Visibility::Shown && (!stays || hidden) {
            tell(addressee_id, fact);
        }
    }
    if let [was, Some(now)] = requests
        && !was.is_some_and(|was| same(was, now))
    {
        let (requester_id, addressee_id) = (now.requester, pair.other(now.requester));
        tell(requester_id, Fact::FriendRequestSent { requester_id, addressee_id });
        if now.visibility == Visibility::Shown {
            tell(addressee_id, Fact::FriendRequestReceived { requester_id, addressee_id });
        }
    }
    for (user, user_id) in both {
        match (old.friends_since(), new.friends_since()) {
            (None, Some(_)) => tell(user, Fact::FriendshipStarted { user_id }),
            (Some(_), None) => tell(user, Fact::FriendshipEnded { user_id }),
            _ => {}
        }
        match (old.blocked_since(user), new.blocked_since(user)) {
            (None, Some(_)) => tell(user, Fact::BlockAdded { user_id }),
            (Some(_), None) => tell(user, Fact::BlockRemoved { user_id }),
            _ => {}
        }
    }
    told
}

fn conversations(before: &State, after: &State, told: &mut Vec<(Audience, Fact)>) {
    let title = |conversation: &Conversation| match &conversation.kind {
        ConversationKind::Group(group) => Some(group.title.clone()),
        ConversationKind::Direct(_) => None,
    };
    for (&conversation_id, new) in &after.conversations {
        let audience = Audience::Conversation(conversation_id);
        match before.conversations.get(&conversation_id) {
            None => told.push((audience, Fact::ConversationCreated { conversation_id })),
            Some(old) if title(old) != title(new) || old.members_count != new.members_count => {
                told.push((audience, Fact::ConversationUpdated { conversation_id }));
            }
            Some(_) => {}
        }
    }
}

fn members(before: &State, after: &State, told: &mut Vec<(Audience, Fact)>) {
    for (&(conversation_id, user_id), new) in &after.members {
        let audience = Audience::Conversation(conversation_id);
        let Some(conversation) = before.conversations.get(&conversation_id) else { continue };
        let Some(old) = before.members.get(&(conversation_id, user_id)) else {
            told.push((audience, Fact::MemberAdded { conversation_id, user_id }));
            continue;
        };
        if old.role != new.role {
            told.push((audience, Fact::MemberUpdated { conversation_id, user_id }));
        }
        if old.read_seq != new.read_seq {
            let small = conversation.members_count <= MAX_MEMBERS_FOR_READ_RECEIPTS;
            let audience = if small { audience } else { Audience::User(user_id) };
            told.push((audience, Fact::ReadAdvanced { conversation_id, user_id }));
        }
    }
    for &(conversation_id, user_id) in before.members.keys() {
        if !after.members.contains_key(&(conversation_id, user_id)) {
            let fact = Fact::MemberRemoved { conversation_id, user_id };
            told.push((Audience::User(user_id), fact));
            if after.conversations.contains_key(&conversation_id) {
                told.push((Audience::Conversation(conversation_id), fact));
            }
        }
    }
}

fn messages(before: &State, after: &State, told: &mut Vec<(Audience, Fact)>) {
    for (&message_id, new) in &after.messages {
        let conversation_id = new.conversation_id;
        let fact = match before.messages.get(&message_id) {
            None => Fact::MessageSent { conversation_id, message_id },
            Some(old) if old.deleted_at != new.deleted_at => Fact::MessageDeleted { conversation_id, message_id },
            Some(old) if old != new => Fact::MessageEdited { conversation_id, message_id },
            Some(_) => continue,
        };
        told.push((Audience::Conversation(conversation_id), fact));
    }
}
