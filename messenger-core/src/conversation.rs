//! Conversations: direct ones of exactly two users, and groups with roles.

use crate::clock::Timestamp;
use crate::error::InvalidValue;
use crate::event::Position;
use crate::friendship::UserPair;
use crate::id::{ConversationId, UserId};
use crate::message::{ClientId, PayloadHash, Seq};
use crate::text::{check_length, check_one_line, check_visible, text_type};

/// The most members that a group may have.
pub const MAX_GROUP_MEMBERS: i64 = 5_000;

/// Up to this many members, everyone learns how far each has read; above it,
/// only the reader's own devices do.
pub const MAX_MEMBERS_FOR_READ_RECEIPTS: i64 = 50;

/// Up to this many members of a group learn of each other whether they are
/// online.
pub const MAX_MEMBERS_FOR_PRESENCE: i64 = MAX_MEMBERS_FOR_READ_RECEIPTS;

/// Where messages live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Names the conversation for good.
    pub id: ConversationId,
    /// Direct or group, with what only that kind has.
    pub kind: ConversationKind,
    /// How many members there are.
    pub members_count: i64,
    /// The number of the newest message; zero while there is none.
    pub last_seq: Seq,
    /// When it was made.
    pub created_at: Timestamp,
    /// When something last happened in it: a send, a change of title or of
    /// members. Lists of conversations are ordered by it.
    pub updated_at: Timestamp,
}

impl Conversation {
    /// Whether it is a group.
    pub fn is_group(&self) -> bool {
        matches!(self.kind, ConversationKind::Group(_))
    }
}

/// Direct or group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConversationKind {
    /// Between two users, of whom each pair has at most one.
    Direct(UserPair),
    /// Of any number of users.
    Group(Group),
}

/// What only a group has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What members call it.
    pub title: Title,
    /// Who made it.
    pub created_by: UserId,
    /// What makes a repeated creation the same creation.
    pub creation: Option<(ClientId, PayloadHash)>,
}

text_type!(
    /// A group's title: 1 to 100 characters of one line, trimmed, of which one at
    /// least shows something.
    Title
);

impl Title {
    /// Trims and checks the rule.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let trimmed = text.trim();
        check_length(trimmed, 1, 100)?;
        check_one_line(trimmed)?;
        check_visible(trimmed)?;
        Ok(Self(trimmed.to_owned()))
    }
}

/// What a member may do. Ordered: a later role may do all that an earlier may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads and sends. Both sides of a direct conversation are members.
    Member,
    /// Also adds and removes members, renames, deletes others' messages.
    Admin,
    /// Also appoints. A group has exactly one.
    Owner,
}

impl Role {
    /// The word for it in stores and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// The role that `word` names.
    pub fn parse(word: &str) -> Result<Self, InvalidValue> {
        match word {
            "member" => Ok(Self::Member),
            "admin" => Ok(Self::Admin),
            "owner" => Ok(Self::Owner),
            _ => Err(InvalidValue::new("must be \"owner\", \"admin\" or \"member\"")),
        }
    }

    /// Whether this role adds members and renames the group.
    pub fn may_manage(self) -> bool {
        self >= Self::Admin
    }

    /// Whether this role removes a member of the role `other`. The owner
    /// removes anyone; an admin removes members, not admins.
    pub fn may_remove(self, other: Self) -> bool {
        match self {
            Self::Owner => other != Self::Owner,
            Self::Admin => other == Self::Member,
            Self::Member => false,
        }
    }

    /// Whether this role appoints others, and hands over.
    pub fn may_appoint(self) -> bool {
        self == Self::Owner
    }

    /// Whether this role deletes messages that others sent.
    pub fn may_delete_others_messages(self) -> bool {
        self >= Self::Admin
    }
}

/// One user's place in one conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Where.
    pub conversation_id: ConversationId,
    /// Who.
    pub user_id: UserId,
    /// What they may do.
    pub role: Role,
    /// Since when.
    pub joined_at: Timestamp,
    /// How far they have read. Never moves back (I6).
    pub read_seq: Seq,
    /// How many of their own messages stand after the marker, tombstones
    /// included. The only count that is stored (I6).
    pub own_after_read: i64,
    /// The conversation's position in the log from which on they see events.
    /// [`Position::ZERO`] until the transaction that adds them commits: the
    /// store fills it in (see [`Allotment`](crate::event::Allotment)).
    pub joined_position: Position,
}

impl Membership {
    /// A new member, who has read everything there is.
    pub fn joining(conversation: &Conversation, user_id: UserId, role: Role, at: Timestamp) -> Self {
        Self {
            conversation_id: conversation.id,
            user_id,
            role,
            joined_at: at,
            read_seq: conversation.last_seq,
            own_after_read: 0,
            joined_position: Position::ZERO,
        }
    }

    /// How many messages of others stand after the marker (I6).
    pub fn unread_count(&self, last_seq: Seq) -> i64 {
        last_seq.get() - self.read_seq.get() - self.own_after_read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_removes_an_admin_and_nobody_removes_the_owner() {
        let roles = [Role::Member, Role::Admin, Role::Owner];
        for actor in roles {
            for target in roles {
                let expected =
                    matches!((actor, target), (Role::Owner, Role::Admin | Role::Member) | (Role::Admin, Role::Member));
                assert_eq!(actor.may_remove(target), expected, "{actor:?} removes {target:?}");
            }
        }
    }

    #[test]
    fn a_title_is_one_trimmed_line() {
        assert_eq!(Title::parse(" Crew ").map(|t| t.to_string()), Ok("Crew".into()));
        assert!(Title::parse("\u{200b}").is_err());
        for breaks in ["\u{7}", "a\nb", "a\u{2028}b", "a\u{2029}b"] {
            assert!(Title::parse(breaks).is_err(), "{breaks:?}");
        }
        assert!(Title::parse("").is_err());
    }
}
