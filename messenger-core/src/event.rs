//! The event log's writing side: what happened, who may learn of it, and where
//! in the log it stands.
//!
//! The log has partitions, each with a counter of its own. In each, positions
//! are 1, 2, 3 … in commit order (I3). A conversation and a user each belong to
//! one partition for good, so order holds within a conversation and within a
//! user's own stream.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::id::{ConversationId, MessageId, SessionId, UserId};

/// An event's dense number in its partition. 0 stands before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(i64);

impl Position {
    /// Before the first event.
    pub const ZERO: Self = Self(0);

    /// Takes a number that a store kept.
    pub const fn from_stored(position: i64) -> Self {
        Self(position)
    }

    /// The number itself.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The number after this one.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// One of the log's partitions, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(u16);

impl Partition {
    /// Takes a number that a store kept.
    pub const fn from_stored(partition: u16) -> Self {
        Self(partition)
    }

    /// The number itself.
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// How many partitions a log has: fixed when its database is made, at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionCount(u16);

impl PartitionCount {
    /// Takes a number of at least 1.
    pub const fn try_new(count: u16) -> Option<Self> {
        if count > 0 { Some(Self(count)) } else { None }
    }

    /// The number itself.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Where what happens to the thing of this id is logged. FNV-1a over the
    /// id's 16 bytes: stable for ever, and spreads ids whose random part is
    /// poor, as an embedder's own may be.
    pub fn partition_of(self, id: Uuid) -> Partition {
        let hash = id.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        // The low bits of FNV are the weak ones: fold the high half in.
        let folded = (hash >> 32) ^ (hash & 0xffff_ffff);
        Partition(u16::try_from(folded % u64::from(self.0)).unwrap_or(0))
    }
}

/// Who may learn of an event. Decided in full at delivery: membership is what
/// it is then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Audience {
    /// The conversation's members who joined no later than the event.
    Conversation(ConversationId),
    /// All devices of one user.
    User(UserId),
    /// Those who know the user: whoever is shown them in a list of their own,
    /// such as friends and fellow members; and the user.
    Acquaintances(UserId),
}

impl Audience {
    /// The id by which the event's partition is chosen.
    pub const fn anchor(self) -> Uuid {
        match self {
            Self::Conversation(id) => id.as_uuid(),
            Self::User(id) | Self::Acquaintances(id) => id.as_uuid(),
        }
    }

    /// The word for the kind of audience in stores.
    pub const fn kind_str(self) -> &'static str {
        match self {
            Self::Conversation(_) => "conversation",
            Self::User(_) => "user",
            Self::Acquaintances(_) => "acquaintances",
        }
    }

    /// The audience that a store kept as a word and an id.
    pub fn from_stored(kind: &str, anchor: Uuid) -> Option<Self> {
        match kind {
            "conversation" => Some(Self::Conversation(ConversationId::from_uuid(anchor))),
            "user" => Some(Self::User(UserId::from_uuid(anchor))),
            "acquaintances" => Some(Self::Acquaintances(UserId::from_uuid(anchor))),
            _ => None,
        }
    }
}

macro_rules! facts {
    ($($(#[$doc:meta])* $name:ident { $($field:ident : $type:ty => $column:ident),+ } $kind:literal),+ $(,)?) => {
        /// What happened, by the ids of what it happened to. The present state
        /// is read at delivery, so an edited or erased thing is never replayed
        /// in its old form.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Fact {
            $($(#[$doc])* #[allow(missing_docs, reason = "the ids say what they name")] $name { $($field: $type),+ },)+
        }

        impl Fact {
            /// The event's kind, as stores and clients know it.
            pub const fn kind(self) -> &'static str {
                match self {
                    $(Self::$name { .. } => $kind,)+
                }
            }

            /// The columns in which a store keeps the ids.
            pub fn to_columns(self) -> FactColumns {
                match self {
                    $(Self::$name { $($field),+ } => FactColumns {
                        $($column: Some($field.as_uuid()),)+
                        ..FactColumns::NONE
                    },)+
                }
            }

            /// The fact that a store kept; `None` when it is of a kind that
            /// this version does not know, or misses an id.
            pub fn from_columns(kind: &str, columns: FactColumns) -> Option<Self> {
                match kind {
                    $($kind => Some(Self::$name { $($field: <$type>::from_uuid(columns.$column?)),+ }),)+
                    _ => None,
                }
            }

            /// Every kind there is.
            pub const KINDS: &'static [&'static str] = &[$($kind),+];
        }
    };
}

/// The ids of a [`Fact`], as columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactColumns {
    /// The conversation it happened in.
    pub conversation_id: Option<Uuid>,
    /// What it happened to: a message, a user, a session, a requester.
    pub subject_id: Option<Uuid>,
    /// The second user where there are two: an addressee.
    pub other_id: Option<Uuid>,
}

impl FactColumns {
    const NONE: Self = Self { conversation_id: None, subject_id: None, other_id: None };
}

facts! {
    /// A message was stored.
    MessageSent { conversation_id: ConversationId => conversation_id, message_id: MessageId => subject_id } "message.sent",
    /// A message's body changed.
    MessageEdited { conversation_id: ConversationId => conversation_id, message_id: MessageId => subject_id } "message.edited",
    /// A message became a tombstone.
    MessageDeleted { conversation_id: ConversationId => conversation_id, message_id: MessageId => subject_id } "message.deleted",
    /// A conversation was made, with its first members.
    ConversationCreated { conversation_id: ConversationId => conversation_id } "conversation.created",
    /// A conversation's title or number of members changed.
    ConversationUpdated { conversation_id: ConversationId => conversation_id } "conversation.updated",
    /// A user joined.
    MemberAdded { conversation_id: ConversationId => conversation_id, user_id: UserId => subject_id } "member.added",
    /// A member's role changed.
    MemberUpdated { conversation_id: ConversationId => conversation_id, user_id: UserId => subject_id } "member.updated",
    /// A member left or was removed.
    MemberRemoved { conversation_id: ConversationId => conversation_id, user_id: UserId => subject_id } "member.removed",
    /// A member's read marker moved.
    ReadAdvanced { conversation_id: ConversationId => conversation_id, user_id: UserId => subject_id } "read.advanced",
    /// To the addressee: someone asks for a friendship.
    FriendRequestReceived { requester_id: UserId => subject_id, addressee_id: UserId => other_id } "friend_request.received",
    /// To the requester's devices: the request is out.
    FriendRequestSent { requester_id: UserId => subject_id, addressee_id: UserId => other_id } "friend_request.sent",
    /// The request is no longer there: accepted, declined or taken back.
    FriendRequestClosed { requester_id: UserId => subject_id, addressee_id: UserId => other_id } "friend_request.closed",
    /// To each of the two: friends with the other one now.
    FriendshipStarted { user_id: UserId => subject_id } "friendship.started",
    /// To each of the two: no longer friends with the other one.
    FriendshipEnded { user_id: UserId => subject_id } "friendship.ended",
    /// To the blocker only.
    BlockAdded { user_id: UserId => subject_id } "block.added",
    /// To the blocker only.
    BlockRemoved { user_id: UserId => subject_id } "block.removed",
    /// A profile changed.
    UserUpdated { user_id: UserId => subject_id } "user.updated",
    /// A session was ended.
    SessionEnded { session_id: SessionId => subject_id } "session.ended",
}

impl Fact {
    /// Whether it lets someone into a conversation whose `joined_position` the
    /// commit has to fill in.
    pub const fn admits_members(self) -> bool {
        matches!(self, Self::ConversationCreated { .. } | Self::MemberAdded { .. })
    }
}

/// An event that a transaction is about to commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewEvent {
    /// Who may learn of it.
    pub audience: Audience,
    /// What happened.
    pub fact: Fact,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub actor_id: UserId,
    /// Random: a cursor carries the tag of the event it stands on, so that a
    /// log with another history at the same position is noticed.
    pub tag: u32,
}

/// An event of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Its partition.
    pub partition: Partition,
    /// Its number there.
    pub position: Position,
    /// The event itself.
    pub event: NewEvent,
}

/// What a commit writes to the log: where each event stands, and what follows
/// for conversations. Stores compute it once the partitions' counters are
/// locked, and write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allotment {
    /// The events with their places, in the order in which they were recorded.
    pub events: Vec<Event>,
    /// The last position of every partition that was written to.
    pub heads: BTreeMap<Partition, Position>,
    /// What is to be written to each conversation that events are addressed to.
    pub conversations: BTreeMap<ConversationId, ConversationPositions>,
}

/// What a commit writes to a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConversationPositions {
    /// To `conversations.last_position`.
    pub last: Position,
    /// When this commit lets members in: to `joined_position` of the
    /// conversation's memberships where it is still zero. It is the position
    /// of the conversation's first event of this commit, so that who joins
    /// sees their own joining.
    pub joined: Option<Position>,
}

impl Allotment {
    /// The partitions that `events` are written to, in the order in which
    /// their counters must be locked.
    pub fn partitions(events: &[NewEvent], count: PartitionCount) -> Vec<Partition> {
        let mut partitions: Vec<_> = events.iter().map(|event| count.partition_of(event.audience.anchor())).collect();
        partitions.sort_unstable();
        partitions.dedup();
        partitions
    }

    /// Gives every event the next position of its partition. `heads` holds the
    /// locked counters of all of [`Allotment::partitions`].
    pub fn of(events: &[NewEvent], count: PartitionCount, mut heads: BTreeMap<Partition, Position>) -> Self {
        let mut placed = Vec::with_capacity(events.len());
        let mut conversations: BTreeMap<ConversationId, ConversationPositions> = BTreeMap::new();
        let mut firsts: BTreeMap<ConversationId, Position> = BTreeMap::new();
        for event in events {
            let partition = count.partition_of(event.audience.anchor());
            let head = heads.entry(partition).or_insert(Position::ZERO);
            *head = head.next();
            let position = *head;
            placed.push(Event { partition, position, event: *event });
            if let Audience::Conversation(id) = event.audience {
                let first = *firsts.entry(id).or_insert(position);
                let entry = conversations.entry(id).or_insert(ConversationPositions { last: position, joined: None });
                entry.last = position;
                if event.fact.admits_members() {
                    entry.joined = Some(first);
                }
            }
        }
        Self { events: placed, heads, conversations }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(audience: Audience, fact: Fact) -> NewEvent {
        let actor_id = UserId::from_uuid(Uuid::from_u128(9));
        NewEvent { audience, fact, at: Timestamp::from_millis(1), actor_id, tag: 7 }
    }

    #[test]
    fn every_fact_reads_back_from_its_columns() {
        let (a, b, c) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        let columns = FactColumns { conversation_id: Some(a), subject_id: Some(b), other_id: Some(c) };
        for kind in Fact::KINDS {
            let fact = Fact::from_columns(kind, columns).expect("all ids are there");
            assert_eq!(fact.kind(), *kind);
            assert_eq!(Fact::from_columns(kind, fact.to_columns()), Some(fact));
        }
    }

    #[test]
    fn positions_are_dense_in_each_partition() {
        let count = PartitionCount::try_new(4).expect("not zero");
        let events: Vec<_> = (0..100)
            .map(|n| {
                let id = UserId::from_uuid(Uuid::from_u128(n));
                event(Audience::User(id), Fact::UserUpdated { user_id: id })
            })
            .collect();
        let allotment = Allotment::of(&events, count, BTreeMap::new());
        for partition in Allotment::partitions(&events, count) {
            let positions: Vec<_> = allotment
                .events
                .iter()
                .filter(|event| event.partition == partition)
                .map(|event| event.position.get())
                .collect();
            let last = i64::try_from(positions.len()).expect("few");
            assert_eq!(positions, (1..=last).collect::<Vec<_>>());
            assert_eq!(allotment.heads[&partition].get(), last);
        }
    }

    #[test]
    fn who_joins_sees_from_the_first_event_of_the_commit() {
        let count = PartitionCount::try_new(1).expect("not zero");
        let conversation_id = ConversationId::from_uuid(Uuid::from_u128(5));
        let user_id = UserId::from_uuid(Uuid::from_u128(6));
        let audience = Audience::Conversation(conversation_id);
        let events = [
            event(audience, Fact::ConversationUpdated { conversation_id }),
            event(audience, Fact::MemberAdded { conversation_id, user_id }),
        ];
        let heads = BTreeMap::from([(Partition::from_stored(0), Position::from_stored(10))]);
        let allotment = Allotment::of(&events, count, heads);
        let expected =
            ConversationPositions { last: Position::from_stored(12), joined: Some(Position::from_stored(11)) };
        assert_eq!(allotment.conversations[&conversation_id], expected);
    }
}
