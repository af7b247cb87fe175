//! How rows and values turn into each other. Every `SELECT` names its columns
//! through the macros here, so that a mapper and its columns stay together.

use messenger_core::clock::Timestamp;
use messenger_core::conversation::{Conversation, ConversationKind, Group, Membership, Role, Title};
use messenger_core::event::{Audience, Event, Fact, FactColumns, NewEvent, Partition, Position};
use messenger_core::friendship::UserPair;
use messenger_core::id::{ConversationId, MessageId, SessionId, UserId};
use messenger_core::message::{ClientId, Message, MessageBody, PayloadHash, Seq};
use messenger_core::page::TimeKey;
use messenger_core::session::{DeviceName, Session};
use messenger_core::user::{AvatarUrl, Bio, DisplayName, DmPolicy, Email, PresencePolicy, User, Username};
use rusqlite::types::Type;
use rusqlite::{Row, RowIndex};
use uuid::Uuid;

/// The columns of [`user`], of the table alias `$t`.
macro_rules! user_columns {
    ($t:literal) => {
        concat!(
            $t,
            ".id, ",
            $t,
            ".username, ",
            $t,
            ".email, ",
            $t,
            ".display_name, ",
            $t,
            ".bio, ",
            $t,
            ".avatar_url, ",
            $t,
            ".dm_policy, ",
            $t,
            ".presence_policy, ",
            $t,
            ".findable_by_email, ",
            $t,
            ".created_at, ",
            $t,
            ".updated_at"
        )
    };
}
pub(crate) use user_columns;

/// How many columns [`user_columns`] names.
pub(crate) const USER_COLUMNS: usize = 11;

/// The user whose columns begin at `at`.
pub(crate) fn user(row: &Row<'_>, at: usize) -> rusqlite::Result<User> {
    let dm_policy: String = row.get(at + 6)?;
    Ok(User {
        id: UserId::from_uuid(row.get(at)?),
        username: Username::from_stored(row.get(at + 1)?),
        email: row.get::<_, Option<_>>(at + 2)?.map(Email::from_stored),
        display_name: DisplayName::from_stored(row.get(at + 3)?),
        bio: row.get::<_, Option<_>>(at + 4)?.map(Bio::from_stored),
        avatar_url: row.get::<_, Option<_>>(at + 5)?.map(AvatarUrl::from_stored),
        dm_policy: DmPolicy::parse(&dm_policy).map_err(|error| misread(at + 6, error))?,
        presence_policy: presence_policy(row, at + 7)?,
        findable_by_email: row.get(at + 8)?,
        created_at: time(row, at + 9)?,
        updated_at: time(row, at + 10)?,
    })
}

pub(crate) fn presence_policy(row: &Row<'_>, at: usize) -> rusqlite::Result<PresencePolicy> {
    let policy: String = row.get(at)?;
    PresencePolicy::parse(&policy).map_err(|error| misread(at, error))
}

/// The columns of [`session`].
macro_rules! session_columns {
    () => {
        "id, user_id, device_name, created_at, refreshed_at, expires_at, spent_generation"
    };
}
pub(crate) use session_columns;

pub(crate) fn session(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: SessionId::from_uuid(row.get(0)?),
        user_id: UserId::from_uuid(row.get(1)?),
        device_name: row.get::<_, Option<_>>(2)?.map(DeviceName::from_stored),
        created_at: time(row, 3)?,
        refreshed_at: time(row, 4)?,
        expires_at: time(row, 5)?,
        spent_generation: row.get(6)?,
    })
}

/// The columns of [`conversation`], of the table alias `$t`.
macro_rules! conversation_columns {
    ($t:literal) => {
        concat!(
            $t,
            ".id, ",
            $t,
            ".direct_low, ",
            $t,
            ".direct_high, ",
            $t,
            ".title, ",
            $t,
            ".created_by, ",
            $t,
            ".client_id, ",
            $t,
            ".creation_hash, ",
            $t,
            ".members_count, ",
            $t,
            ".last_seq, ",
            $t,
            ".created_at, ",
            $t,
            ".updated_at"
        )
    };
}
pub(crate) use conversation_columns;

/// How many columns [`conversation_columns`] names.
pub(crate) const CONVERSATION_COLUMNS: usize = 11;

/// The conversation whose columns begin at 0.
pub(crate) fn conversation(row: &Row<'_>) -> rusqlite::Result<Conversation> {
    let pair: (Option<Uuid>, Option<Uuid>) = (row.get(1)?, row.get(2)?);
    let kind = match pair {
        (Some(low), Some(high)) => ConversationKind::Direct(
            UserPair::try_new(UserId::from_uuid(low), UserId::from_uuid(high))
                .ok_or_else(|| misread(1, "a direct conversation of one user"))?,
        ),
        _ => ConversationKind::Group(Group {
            title: Title::from_stored(row.get(3)?),
            created_by: UserId::from_uuid(row.get(4)?),
            creation: match (row.get::<_, Option<_>>(5)?, row.get::<_, Option<_>>(6)?) {
                (Some(client_id), Some(hash)) => {
                    Some((ClientId::from_stored(client_id), PayloadHash::from_stored(hash)))
                }
                _ => None,
            },
        }),
    };
    Ok(Conversation {
        id: ConversationId::from_uuid(row.get(0)?),
        kind,
        members_count: row.get(7)?,
        last_seq: Seq::from_stored(row.get(8)?),
        created_at: time(row, 9)?,
        updated_at: time(row, 10)?,
    })
}

/// The columns of [`membership`], of the table alias `$t`.
macro_rules! membership_columns {
    ($t:literal) => {
        concat!(
            $t,
            ".conversation_id, ",
            $t,
            ".user_id, ",
            $t,
            ".role, ",
            $t,
            ".joined_at, ",
            $t,
            ".read_seq, ",
            $t,
            ".own_after_read, ",
            $t,
            ".joined_position"
        )
    };
}
pub(crate) use membership_columns;

/// The membership whose columns begin at `at`.
pub(crate) fn membership(row: &Row<'_>, at: usize) -> rusqlite::Result<Membership> {
    let role: String = row.get(at + 2)?;
    Ok(Membership {
        conversation_id: ConversationId::from_uuid(row.get(at)?),
        user_id: UserId::from_uuid(row.get(at + 1)?),
        role: Role::parse(&role).map_err(|error| misread(at + 2, error))?,
        joined_at: time(row, at + 3)?,
        read_seq: Seq::from_stored(row.get(at + 4)?),
        own_after_read: row.get(at + 5)?,
        joined_position: Position::from_stored(row.get(at + 6)?),
    })
}

/// The columns of [`message`], of the table alias `$t`.
macro_rules! message_columns {
    ($t:literal) => {
        concat!(
            $t,
            ".id, ",
            $t,
            ".conversation_id, ",
            $t,
            ".seq, ",
            $t,
            ".sender_id, ",
            $t,
            ".body, ",
            $t,
            ".client_id, ",
            $t,
            ".reply_to, ",
            $t,
            ".created_at, ",
            $t,
            ".edited_at, ",
            $t,
            ".deleted_at"
        )
    };
}
pub(crate) use message_columns;

/// How many columns [`message_columns`] names.
pub(crate) const MESSAGE_COLUMNS: usize = 10;

/// The message whose columns begin at 0.
pub(crate) fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    Ok(Message {
        id: MessageId::from_uuid(row.get(0)?),
        conversation_id: ConversationId::from_uuid(row.get(1)?),
        seq: Seq::from_stored(row.get(2)?),
        sender_id: UserId::from_uuid(row.get(3)?),
        body: row.get::<_, Option<_>>(4)?.map(MessageBody::from_stored),
        client_id: row.get::<_, Option<_>>(5)?.map(ClientId::from_stored),
        reply_to: row.get::<_, Option<_>>(6)?.map(MessageId::from_uuid),
        created_at: time(row, 7)?,
        edited_at: optional_time(row, 8)?,
        deleted_at: optional_time(row, 9)?,
    })
}

/// The columns of [`event`].
macro_rules! event_columns {
    () => {
        "partition_id, position, audience_kind, audience_id, kind, conversation_id, subject_id, other_id, at, \
         actor_id, tag"
    };
}
pub(crate) use event_columns;

pub(crate) fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    let audience: String = row.get(2)?;
    let kind: String = row.get(4)?;
    let columns = FactColumns { conversation_id: row.get(5)?, subject_id: row.get(6)?, other_id: row.get(7)? };
    Ok(Event {
        partition: Partition::from_stored(row.get(0)?),
        position: Position::from_stored(row.get(1)?),
        event: NewEvent {
            audience: Audience::from_stored(&audience, row.get(3)?)
                .ok_or_else(|| misread(2, format!("unknown audience {audience:?}")))?,
            fact: Fact::from_columns(&kind, columns)
                .ok_or_else(|| misread(4, format!("an event of the kind {kind:?} that makes no sense")))?,
            at: time(row, 8)?,
            actor_id: UserId::from_uuid(row.get(9)?),
            tag: row.get(10)?,
        },
    })
}

pub(crate) fn time(row: &Row<'_>, at: impl RowIndex) -> rusqlite::Result<Timestamp> {
    row.get(at).map(Timestamp::from_millis)
}

pub(crate) fn optional_time(row: &Row<'_>, at: impl RowIndex) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<_>>(at)?.map(Timestamp::from_millis))
}

/// What is stored cannot be understood.
fn misread(at: usize, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(at, Type::Text, why.into())
}

/// The bounds of a list in descending order: what comes before the returned
/// instant and id. Without a key, all does: 17 bytes are more than any id.
pub(crate) fn descending(after: Option<TimeKey>) -> (i64, Vec<u8>) {
    after.map_or_else(|| (i64::MAX, vec![0xff; 17]), |key| (key.at.as_millis(), key.id.into_bytes().to_vec()))
}

/// The bounds of a list in ascending order: what comes after the returned
/// instant and id. Without a key, all does: no bytes are less than any id.
pub(crate) fn ascending(after: Option<TimeKey>) -> (i64, Vec<u8>) {
    after.map_or_else(|| (i64::MIN, Vec::new()), |key| (key.at.as_millis(), key.id.into_bytes().to_vec()))
}

/// One row more than a page has, which tells whether there are more.
pub(crate) fn one_more(limit: u32) -> i64 {
    i64::from(limit) + 1
}
