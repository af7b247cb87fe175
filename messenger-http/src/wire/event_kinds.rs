//! Every kind of event that a live connection carries, with the type of its
//! data: what `asyncapi.json` is made of. A new kind is one line here.

use messenger_core::event::{Fact, FactColumns};
use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use uuid::Uuid;

use super::{
    ClosedFriendRequest, EndedSession, Friend, FriendRequest, Member, MemberReadState, Message, OtherUser, Presence,
    RemovedMember, SharedConversation, Typing, User,
};

/// What is told of a kind.
pub(crate) struct EventKind {
    /// The word, as in `kind`.
    pub(crate) kind: &'static str,
    /// What happened, and to whom it is told where that is not obvious.
    pub(crate) summary: &'static str,
    /// Registers the type of the data and refers to it.
    pub(crate) data: fn(&mut Registry) -> MetaSchemaRef,
}

const fn kind<T: Type>(kind: &'static str, summary: &'static str) -> EventKind {
    EventKind { kind, summary, data: registered::<T> }
}

fn registered<T: Type>(registry: &mut Registry) -> MetaSchemaRef {
    T::register(registry);
    T::schema_ref()
}

/// All kinds. What is none of core's facts is ephemeral: it has neither an id
/// nor a cursor, and may be dropped.
pub(crate) const EVENT_KINDS: &[EventKind] = &[
    kind::<Message>("message.sent", "A message was sent."),
    kind::<Message>("message.edited", "A message's body changed."),
    kind::<Message>("message.deleted", "A message became a tombstone: its body is null, its `seq` stays."),
    kind::<SharedConversation>("conversation.created", "A conversation was made, with its first members."),
    kind::<SharedConversation>("conversation.updated", "A conversation's title or number of members changed."),
    kind::<Member>("member.added", "A user joined."),
    kind::<Member>("member.updated", "A member's role changed."),
    kind::<RemovedMember>(
        "member.removed",
        "A member left or was removed. To the removed member it is the last event of the conversation.",
    ),
    kind::<MemberReadState>(
        "read.advanced",
        "A member's read marker moved. Told to the member's own devices; to others in direct conversations and small \
         groups.",
    ),
    kind::<FriendRequest>("friend_request.received", "Someone asks the receiver for a friendship."),
    kind::<FriendRequest>("friend_request.sent", "The receiver asked someone for a friendship, from any device."),
    kind::<ClosedFriendRequest>("friend_request.closed", "A request was accepted, declined or taken back."),
    kind::<Friend>("friendship.started", "The receiver and the user are friends now."),
    kind::<OtherUser>("friendship.ended", "The receiver and the user are no longer friends."),
    kind::<OtherUser>("block.added", "The receiver blocks the user. Told to the blocker only."),
    kind::<OtherUser>("block.removed", "The receiver no longer blocks the user. Told to the blocker only."),
    kind::<User>("user.updated", "The profile of someone whom the receiver knows changed, or their own."),
    kind::<EndedSession>("session.ended", "One of the receiver's sessions was ended; its own connections close."),
    kind::<Typing>("typing", "Someone types in a conversation. Show it for six seconds."),
    kind::<Presence>(
        "presence",
        "A friend or fellow member is online, or is no longer. Whoever is not told of is offline.",
    ),
];

/// Where events of a kind happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a conversation, always.
    Conversation,
    /// Never in one.
    Elsewhere,
    /// An ephemeral event: its data tells.
    Unlogged,
}

impl EventKind {
    pub(crate) fn place(&self) -> Place {
        let id = Some(Uuid::nil());
        let all = FactColumns { conversation_id: id, subject_id: id, other_id: id };
        match Fact::from_columns(self.kind, all).map(Fact::to_columns) {
            Some(FactColumns { conversation_id: Some(_), .. }) => Place::Conversation,
            Some(_) => Place::Elsewhere,
            None => Place::Unlogged,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_of_the_log_is_a_kind_that_is_told() {
        let told: Vec<_> = EVENT_KINDS.iter().map(|kind| kind.kind).collect();
        for kind in Fact::KINDS {
            assert!(told.contains(kind), "{kind} is not in the table");
        }
        let mut once = told.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), told.len(), "a kind stands twice: {told:?}");
    }
}
