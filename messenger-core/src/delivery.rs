//! Events as they reach a client: with the present state of what they name.

use std::fmt;
use std::sync::OnceLock;

use crate::clock::Timestamp;
use crate::conversation::Conversation;
use crate::cursor::Place;
use crate::event::{Event, Partition};
use crate::id::{ConversationId, SessionId, UserId};
use crate::message::{Message, Seq};
use crate::service::members::Member;
use crate::store::FriendRequest;
use crate::user::User;

/// An event for a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The event as it stands in the log.
    pub event: Event,
    /// The present state of what it names, the same for every receiver; `None`
    /// when that is gone. The kind still says what happened.
    pub data: Option<EventData>,
    pub(crate) rendering: Rendering,
}

/// What a transport made of a delivery, kept with it: an event that goes to a
/// thousand connections is written out once. It follows from the rest, so all
/// are equal.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rendering(OnceLock<Box<str>>);

impl PartialEq for Rendering {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Rendering {}

/// Names an event for good, in all logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventId {
    partition: Partition,
    place: Place,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{:08x}", self.partition.get(), self.place.position.get(), self.place.tag)
    }
}

impl Delivery {
    /// The event's name.
    pub fn id(&self) -> EventId {
        EventId { partition: self.event.partition, place: self.place() }
    }

    /// What happened, as a word.
    pub fn kind(&self) -> &'static str {
        self.event.event.fact.kind()
    }

    /// When it happened.
    pub fn at(&self) -> Timestamp {
        self.event.event.at
    }

    /// Who did it.
    pub fn actor_id(&self) -> UserId {
        self.event.event.actor_id
    }

    /// The conversation in which it happened.
    pub fn conversation_id(&self) -> Option<ConversationId> {
        self.event.event.fact.to_columns().conversation_id.map(ConversationId::from_uuid)
    }

    /// The delivery as a transport writes it, made once for all connections.
    /// The first rendering is kept, so all callers must make the same.
    pub fn rendered(&self, render: impl FnOnce(&Self) -> String) -> &str {
        self.rendering.0.get_or_init(|| render(self).into())
    }

    /// Where a client stands who has seen it.
    pub fn place(&self) -> Place {
        Place { position: self.event.position, tag: self.event.event.tag }
    }
}

/// The present state of what an event names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventData {
    /// `message.*`
    Message(Message),
    /// `conversation.*`
    Conversation(Conversation),
    /// `member.added`, `member.updated`
    Member(Member),
    /// `member.removed`
    RemovedMember(User),
    /// `read.advanced`
    Read {
        /// Whose marker.
        user_id: UserId,
        /// Where it stands.
        read_seq: Seq,
    },
    /// `friend_request.received`, `friend_request.sent`
    FriendRequest(FriendRequest),
    /// `friend_request.closed`
    ClosedRequest {
        /// Who asked.
        requester_id: UserId,
        /// Who was asked.
        addressee_id: UserId,
    },
    /// `friendship.started`
    Friendship {
        /// The other one.
        user: User,
        /// Since when.
        since: Timestamp,
    },
    /// `friendship.ended`, `block.*`: the other one.
    OtherUser(UserId),
    /// `user.updated`
    User(User),
    /// `session.ended`
    Session(SessionId),
}
