//! A client as it ought to be: it takes a snapshot, then follows the events,
//! and shows at any time what a new snapshot would show.

use std::collections::BTreeMap;

use super::failure::Failure;
use crate::Messenger;
use crate::clock::Timestamp;
use crate::conversation::{ConversationKind, Role};
use crate::cursor::Cursor;
use crate::delivery::{Delivery, EventData};
use crate::error::{Error, Refusal};
use crate::event::Fact;
use crate::id::{ConversationId, UserId};
use crate::message::{Message, Seq};
use crate::page::Limit;
use crate::service::ConversationView;
use crate::service::history::HistoryAt;
use crate::service::snapshot::ClientSnapshot;
use crate::store::FriendRequest;
use crate::user::{DmPolicy, PresencePolicy, User};

/// What one user's client shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    me: User,
    friends: BTreeMap<UserId, (User, Timestamp)>,
    incoming: BTreeMap<UserId, FriendRequest>,
    outgoing: BTreeMap<UserId, FriendRequest>,
    blocks: BTreeMap<UserId, (User, Timestamp)>,
    conversations: BTreeMap<ConversationId, ShownConversation>,
}

/// What a client shows of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ShownConversation {
    kind: ConversationKind,
    role: Role,
    members_count: i64,
    peer: Option<User>,
    read_seq: Seq,
    unread_count: i64,
    updated_at: Timestamp,
    history: BTreeMap<Seq, Message>,
}

impl Shown {
    fn each_user(&mut self, mut change: impl FnMut(&mut User)) {
        change(&mut self.me);
        self.friends.values_mut().chain(self.blocks.values_mut()).for_each(|(user, _)| change(user));
        for request in self.incoming.values_mut().chain(self.outgoing.values_mut()) {
            change(&mut request.requester);
            change(&mut request.addressee);
        }
        self.conversations.values_mut().filter_map(|shown| shown.peer.as_mut()).for_each(change);
    }
}

/// A client that follows the events.
pub(super) struct Replica {
    messenger: Messenger,
    viewer: UserId,
    pub(super) cursor: Cursor,
    shown: Shown,
}

impl Replica {
    /// Takes a snapshot and the histories of all its conversations.
    pub(super) async fn new(messenger: &Messenger, viewer: UserId) -> Result<Self, Failure> {
        let ClientSnapshot {
            cursor,
            me,
            friends,
            incoming_friend_requests,
            outgoing_friend_requests,
            blocks,
            conversations,
        } = messenger.client_snapshot(viewer).await?;
        let mut shown = Shown {
            me,
            friends: friends.items.into_iter().map(|friend| (friend.user.id, (friend.user, friend.since))).collect(),
            incoming: incoming_friend_requests.items.into_iter().map(|item| (item.requester.id, item)).collect(),
            outgoing: outgoing_friend_requests.items.into_iter().map(|item| (item.addressee.id, item)).collect(),
            blocks: blocks.items.into_iter().map(|block| (block.user.id, (block.user, block.since))).collect(),
            conversations: BTreeMap::new(),
        };
        for view in conversations.items {
            let id = view.conversation.id;
            if let Some(conversation) = fetch_history(messenger, viewer, view).await? {
                shown.conversations.insert(id, conversation);
            }
        }
        Ok(Self { messenger: messenger.clone(), viewer, cursor, shown })
    }

    /// Shows what an event says.
    pub(super) async fn apply(&mut self, delivery: &Delivery) -> Result<(), Failure> {
        let fact = delivery.event.event.fact;
        let Some(data) = &delivery.data else { return Ok(()) };
        match data {
            EventData::Message(message) => self.show_message(message, fact, delivery.at()),
            EventData::Conversation(conversation) => match self.shown.conversations.get_mut(&conversation.id) {
                Some(shown) => {
                    shown.kind = conversation.kind.clone();
                    shown.members_count = conversation.members_count;
                    shown.updated_at = shown.updated_at.max(delivery.at());
                }
                None => self.fetch(conversation.id).await?,
            },
            EventData::Member(member) if member.user.id == self.viewer => {
                if let Some(id) = delivery.conversation_id() {
                    match self.shown.conversations.get_mut(&id) {
                        Some(shown) if matches!(fact, Fact::MemberUpdated { .. }) => shown.role = member.role,
                        _ => self.fetch(id).await?,
                    }
                }
            }
            EventData::RemovedMember(user) => {
                if user.id == self.viewer
                    && let Some(id) = delivery.conversation_id()
                {
                    self.shown.conversations.remove(&id);
                }
            }
            EventData::Read { user_id, read_seq } => {
                if *user_id == self.viewer
                    && let Some(shown) = delivery.conversation_id().and_then(|id| self.shown.conversations.get_mut(&id))
                {
                    shown.read_seq = *read_seq;
                    shown.count_unread(self.viewer);
                }
            }
            EventData::FriendRequest(request) if request.requester.id == self.viewer => {
                self.shown.outgoing.insert(request.addressee.id, request.clone());
            }
            EventData::FriendRequest(request) => {
                self.shown.incoming.insert(request.requester.id, request.clone());
            }
            EventData::ClosedRequest { requester_id, addressee_id } => {
                if *requester_id == self.viewer {
                    self.shown.outgoing.remove(addressee_id);
                } else {
                    self.shown.incoming.remove(requester_id);
                }
            }
            EventData::Friendship { user, since } => {
                self.shown.friends.insert(user.id, (user.clone(), *since));
            }
            EventData::OtherUser(other) => match fact {
                Fact::BlockAdded { .. } => {
                    let user = self.messenger.profile(self.viewer, *other).await?.user;
                    self.shown.blocks.insert(*other, (user, delivery.at()));
                }
                Fact::BlockRemoved { .. } => {
                    self.shown.blocks.remove(other);
                }
                _ => {
                    self.shown.friends.remove(other);
                }
            },
            EventData::User(user) => self.show_user(user),
            // Other members' comings and goings change the count, which comes as
            // `conversation.updated`.
            EventData::Member(_) | EventData::Session(_) => {}
        }
        Ok(())
    }

    fn show_message(&mut self, message: &Message, fact: Fact, at: Timestamp) {
        // One of a conversation that is not shown yet comes with its history.
        let Some(shown) = self.shown.conversations.get_mut(&message.conversation_id) else { return };
        shown.history.insert(message.seq, message.clone());
        if matches!(fact, Fact::MessageSent { .. }) {
            shown.updated_at = shown.updated_at.max(at);
        }
        shown.count_unread(self.viewer);
    }

    fn show_user(&mut self, user: &User) {
        self.shown.each_user(|shown| {
            if shown.id == user.id {
                shown.clone_from(user);
            }
        });
    }

    /// What is to be seen. Of others' own settings nobody is told, nor when
    /// they changed.
    pub(super) fn seen(&self) -> Shown {
        let mut seen = self.shown.clone();
        seen.each_user(|user| {
            if user.id != self.viewer {
                user.email = None;
                user.dm_policy = DmPolicy::Friends;
                user.presence_policy = PresencePolicy::Shared;
                user.findable_by_email = false;
                user.updated_at = user.created_at;
            }
        });
        seen
    }

    /// Shows a conversation that is new to the viewer.
    async fn fetch(&mut self, id: ConversationId) -> Result<(), Failure> {
        let view = match self.messenger.conversation(self.viewer, id).await {
            // Gone or left meanwhile, as a later event says.
            Err(Error::Refused(Refusal::ConversationNotFound)) => return Ok(()),
            view => view?,
        };
        if let Some(shown) = fetch_history(&self.messenger, self.viewer, view).await? {
            self.shown.conversations.insert(id, shown);
        }
        Ok(())
    }
}

impl ShownConversation {
    /// By the rule of I6, from what the client itself has.
    fn count_unread(&mut self, viewer: UserId) {
        let unread = self.history.values().filter(|message| message.seq > self.read_seq && message.sender_id != viewer);
        self.unread_count = i64::try_from(unread.count()).unwrap_or(i64::MAX);
    }
}

async fn fetch_history(
    messenger: &Messenger,
    viewer: UserId,
    view: ConversationView,
) -> Result<Option<ShownConversation>, Failure> {
    let mut history = BTreeMap::new();
    let mut last = Seq::ZERO;
    loop {
        let at = HistoryAt::After(last);
        let page =
            match messenger.list_messages(viewer, view.conversation.id, at, Limit::parse(Limit::MAX.into())?).await {
                Err(Error::Refused(Refusal::ConversationNotFound)) => return Ok(None),
                page => page?,
            };
        last = page.items.last().map_or(last, |message| message.seq);
        history.extend(page.items.into_iter().map(|message| (message.seq, message)));
        if !page.has_after {
            break;
        }
    }
    Ok(Some(ShownConversation {
        kind: view.conversation.kind,
        role: view.role,
        members_count: view.conversation.members_count,
        peer: view.peer,
        read_seq: view.read_seq,
        unread_count: view.unread_count,
        updated_at: view.conversation.updated_at,
        history,
    }))
}
