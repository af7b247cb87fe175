//! Which groups may have become large, or small again.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::conversation::{Conversation, MAX_MEMBERS_FOR_PRESENCE};
use crate::id::ConversationId;

/// How long a change of members counts. What is read of a group may be ahead of
/// what was read of the log: by no more than the log is behind.
const COUNTED: Duration = Duration::from_mins(1);

/// How many groups it keeps count of: about a megabyte.
const MOST_COUNTED: usize = 10_000;

/// Counts by how much groups may have changed. A change of its members touches
/// all members of a group only when it makes the group large or small. How many
/// members it had before is not known: at most so many fewer than now as there
/// were changes, of which some may be told later than they are seen.
#[derive(Default)]
pub(super) struct Crossings {
    changes: HashMap<ConversationId, Changes>,
}

struct Changes {
    count: i64,
    last: Instant,
}

impl Crossings {
    /// The members of a conversation changed so many times.
    pub(super) fn note(&mut self, conversation: ConversationId, count: i64, now: Instant) {
        if self.changes.len() >= MOST_COUNTED {
            self.changes.retain(|_, changes| now.duration_since(changes.last) < COUNTED);
        }
        if self.changes.len() >= MOST_COUNTED {
            self.changes.clear();
        }
        let changes = self.changes.entry(conversation).or_insert(Changes { count: 0, last: now });
        changes.count = if now.duration_since(changes.last) < COUNTED { changes.count + count } else { count };
        changes.last = now;
    }

    /// Whether a group that was noted is small, or may have been a moment ago:
    /// then its members are to be looked at.
    pub(super) fn may_have_crossed(&mut self, conversation: &Conversation) -> bool {
        let count = self.changes.get(&conversation.id).map_or(0, |changes| changes.count);
        let is_near = conversation.is_group() && conversation.members_count <= MAX_MEMBERS_FOR_PRESENCE + count;
        if is_near {
            self.changes.remove(&conversation.id);
        }
        is_near
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::clock::Timestamp;
    use crate::conversation::{ConversationKind, Group, Title};
    use crate::id::UserId;
    use crate::message::Seq;

    const LARGE: i64 = MAX_MEMBERS_FOR_PRESENCE;

    fn group(members_count: i64) -> Conversation {
        let title = Title::parse("Crew").expect("valid");
        let at = Timestamp::from_millis(0);
        Conversation {
            id: ConversationId::from_uuid(Uuid::from_u128(1)),
            kind: ConversationKind::Group(Group { title, created_by: UserId::from_uuid(Uuid::nil()), creation: None }),
            members_count,
            last_seq: Seq::ZERO,
            created_at: at,
            updated_at: at,
        }
    }

    fn is_near(crossings: &mut Crossings, changes: i64, members_count: i64, now: Instant) -> bool {
        let group = group(members_count);
        crossings.note(group.id, changes, now);
        crossings.may_have_crossed(&group)
    }

    #[tokio::test]
    async fn a_group_is_near_when_so_many_changes_ago_it_was_small() {
        let now = Instant::now();
        for (changes, members, expected) in [
            (1, LARGE - 9, true),
            (1, LARGE, true),
            (1, LARGE + 1, true),
            (1, LARGE + 2, false),
            (3, LARGE + 3, true),
            (3, LARGE + 4, false),
        ] {
            assert_eq!(is_near(&mut Crossings::default(), changes, members, now), expected, "{changes} to {members}");
        }
    }

    #[tokio::test]
    async fn what_is_seen_before_it_is_told_counts() {
        let (mut crossings, now) = (Crossings::default(), Instant::now());
        // From 50 to 53, all of it seen with the first.
        assert_eq!([(); 3].map(|()| is_near(&mut crossings, 1, LARGE + 3, now)), [false, false, true]);
        // It is large now, and was looked at.
        assert!(!is_near(&mut crossings, 1, LARGE + 4, now));
    }

    #[tokio::test]
    async fn what_was_long_ago_does_not() {
        let (mut crossings, now) = (Crossings::default(), Instant::now());
        assert!(!is_near(&mut crossings, 1, LARGE + 2, now));
        assert!(!is_near(&mut crossings, 1, LARGE + 2, now + COUNTED));
        assert!(is_near(&mut crossings, 1, LARGE + 2, now + COUNTED + COUNTED / 2));
    }

    #[tokio::test]
    async fn a_bounded_number_is_kept() {
        let (mut crossings, now) = (Crossings::default(), Instant::now());
        for n in 0..=MOST_COUNTED {
            crossings.note(ConversationId::from_uuid(Uuid::from_u128(n as u128)), 1, now);
        }
        assert_eq!(crossings.changes.len(), 1);
    }
}
