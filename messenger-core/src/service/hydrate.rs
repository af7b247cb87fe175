//! Gives events the present state of what they name: a bounded number of reads
//! however many events there are.

use std::collections::HashMap;

use crate::change::Reads;
use crate::conversation::{Conversation, Membership};
use crate::delivery::{Delivery, EventData, Rendering};
use crate::error::Result;
use crate::event::{Audience, Event, Fact};
use crate::friendship::{Bond, PairState, UserPair, Visibility};
use crate::id::{ConversationId, MessageId, UserId};
use crate::message::Message;
use crate::service::members::Member;
use crate::store::FriendRequest;
use crate::user::User;

/// What the events name, by what it takes to look it up.
#[derive(Default)]
struct Wanted {
    messages: Vec<MessageId>,
    conversations: Vec<ConversationId>,
    memberships: Vec<(ConversationId, UserId)>,
    users: Vec<UserId>,
    pairs: Vec<UserPair>,
}

/// What was found of it.
struct Found {
    messages: HashMap<MessageId, Message>,
    conversations: HashMap<ConversationId, Conversation>,
    memberships: HashMap<(ConversationId, UserId), Membership>,
    users: HashMap<UserId, User>,
    pairs: HashMap<UserPair, PairState>,
}

/// Gives events the present state of what they name, in the order given.
pub(crate) async fn hydrate(reads: &mut dyn Reads, events: Vec<Event>) -> Result<Vec<Delivery>> {
    let mut wanted = Wanted::default();
    for event in &events {
        wanted.add(event);
    }
    let found = wanted.find(reads).await?;
    let deliver = |event| Delivery { data: found.data(&event), event, rendering: Rendering::default() };
    Ok(events.into_iter().map(deliver).collect())
}

impl Wanted {
    fn add(&mut self, event: &Event) {
        match event.event.fact {
            Fact::MessageSent { message_id, .. }
            | Fact::MessageEdited { message_id, .. }
            | Fact::MessageDeleted { message_id, .. } => self.messages.push(message_id),
            Fact::ConversationCreated { conversation_id } | Fact::ConversationUpdated { conversation_id } => {
                self.conversations.push(conversation_id);
            }
            Fact::MemberAdded { conversation_id, user_id } | Fact::MemberUpdated { conversation_id, user_id } => {
                self.memberships.push((conversation_id, user_id));
                self.users.push(user_id);
            }
            Fact::MemberRemoved { conversation_id, user_id } => {
                self.users.push(user_id);
                if is_own_removal(event) {
                    self.memberships.push((conversation_id, user_id));
                }
            }
            Fact::ReadAdvanced { conversation_id, user_id } => self.memberships.push((conversation_id, user_id)),
            Fact::UserUpdated { user_id } => self.users.push(user_id),
            Fact::FriendRequestReceived { requester_id, addressee_id }
            | Fact::FriendRequestSent { requester_id, addressee_id } => {
                self.pairs.extend(UserPair::try_new(requester_id, addressee_id));
                self.users.extend([requester_id, addressee_id]);
            }
            Fact::FriendshipStarted { user_id } => {
                self.pairs.extend(pair_of(event, user_id));
                self.users.push(user_id);
            }
            Fact::FriendRequestClosed { .. }
            | Fact::FriendshipEnded { .. }
            | Fact::BlockAdded { .. }
            | Fact::BlockRemoved { .. }
            | Fact::SessionEnded { .. } => {}
        }
    }

    async fn find(mut self, reads: &mut dyn Reads) -> Result<Found> {
        dedup(&mut self.messages);
        dedup(&mut self.conversations);
        dedup(&mut self.memberships);
        dedup(&mut self.users);
        dedup(&mut self.pairs);
        let messages = match self.messages.as_slice() {
            [] => Vec::new(),
            ids => reads.messages().find_messages(ids).await?,
        };
        let conversations = match self.conversations.as_slice() {
            [] => Vec::new(),
            ids => reads.conversations().find_conversations(ids).await?,
        };
        let memberships = match self.memberships.as_slice() {
            [] => Vec::new(),
            keys => reads.conversations().find_memberships(keys).await?,
        };
        let users = match self.users.as_slice() {
            [] => Vec::new(),
            ids => reads.users().find_users(ids).await?,
        };
        let pairs = match self.pairs.as_slice() {
            [] => Vec::new(),
            pairs => reads.friendships().find_pairs(pairs).await?,
        };
        Ok(Found {
            messages: messages.into_iter().map(|message| (message.id, message)).collect(),
            conversations: conversations.into_iter().map(|conversation| (conversation.id, conversation)).collect(),
            memberships: memberships
                .into_iter()
                .map(|membership| ((membership.conversation_id, membership.user_id), membership))
                .collect(),
            users: users.into_iter().map(|user| (user.id, user)).collect(),
            pairs: pairs.into_iter().map(|state| (state.pair, state)).collect(),
        })
    }
}

impl Found {
    fn data(&self, event: &Event) -> Option<EventData> {
        let user = |id: &UserId| self.users.get(id).cloned();
        match event.event.fact {
            Fact::MessageSent { message_id, .. }
            | Fact::MessageEdited { message_id, .. }
            | Fact::MessageDeleted { message_id, .. } => {
                self.messages.get(&message_id).cloned().map(EventData::Message)
            }
            Fact::ConversationCreated { conversation_id } | Fact::ConversationUpdated { conversation_id } => {
                self.conversations.get(&conversation_id).cloned().map(EventData::Conversation)
            }
            Fact::MemberAdded { conversation_id, user_id } | Fact::MemberUpdated { conversation_id, user_id } => {
                let membership = self.memberships.get(&(conversation_id, user_id))?;
                Some(EventData::Member(Member::of(user(&user_id)?, membership)))
            }
            // To the one removed this comes by another partition than the
            // conversation's events: after a return it no longer holds, and
            // may be seen after it.
            Fact::MemberRemoved { conversation_id, user_id }
                if is_own_removal(event) && self.memberships.contains_key(&(conversation_id, user_id)) =>
            {
                None
            }
            Fact::MemberRemoved { user_id, .. } => user(&user_id).map(EventData::RemovedMember),
            Fact::ReadAdvanced { conversation_id, user_id } => {
                let membership = self.memberships.get(&(conversation_id, user_id))?;
                Some(EventData::Read { user_id, read_seq: membership.read_seq })
            }
            Fact::FriendRequestReceived { requester_id, addressee_id }
            | Fact::FriendRequestSent { requester_id, addressee_id } => {
                let created_at = self.request_shown(event, requester_id, addressee_id)?;
                let (requester, addressee) = (user(&requester_id)?, user(&addressee_id)?);
                Some(EventData::FriendRequest(FriendRequest { requester, addressee, created_at }))
            }
            Fact::FriendRequestClosed { requester_id, addressee_id } => {
                Some(EventData::ClosedRequest { requester_id, addressee_id })
            }
            Fact::FriendshipStarted { user_id } => {
                let since = self.pairs.get(&pair_of(event, user_id)?)?.friends_since()?;
                Some(EventData::Friendship { user: user(&user_id)?, since })
            }
            Fact::FriendshipEnded { user_id } | Fact::BlockAdded { user_id } | Fact::BlockRemoved { user_id } => {
                Some(EventData::OtherUser(user_id))
            }
            Fact::UserUpdated { user_id } => user(&user_id).map(EventData::User),
            Fact::SessionEnded { session_id } => Some(EventData::Session(session_id)),
        }
    }

    /// When the request was made, if it still waits and its receiver may see
    /// it: one that was hidden since is gone for its addressee (I7).
    fn request_shown(
        &self,
        event: &Event,
        requester_id: UserId,
        addressee_id: UserId,
    ) -> Option<crate::clock::Timestamp> {
        let state = self.pairs.get(&UserPair::try_new(requester_id, addressee_id)?)?;
        let Bond::Requested(pending) = state.bond else { return None };
        let to_requester = event.event.audience == Audience::User(requester_id);
        let shown = to_requester || pending.visibility == Visibility::Shown;
        (pending.requester == requester_id && shown).then_some(pending.created_at)
    }
}

/// The receiver of an event to one user, and the other one it is about.
fn pair_of(event: &Event, other: UserId) -> Option<UserPair> {
    match event.event.audience {
        Audience::User(user) => UserPair::try_new(user, other),
        Audience::Conversation(_) | Audience::Acquaintances(_) => None,
    }
}

/// Whether the event tells a user of their own removal.
fn is_own_removal(event: &Event) -> bool {
    matches!(event.event.audience, Audience::User(_))
}

fn dedup<T: Ord>(items: &mut Vec<T>) {
    items.sort_unstable();
    items.dedup();
}
