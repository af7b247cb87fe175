//! Memberships, for `conversations`, which has the traits they come under.

use messenger_core::conversation::{Membership, Role};
use messenger_core::event::Position;
use messenger_core::id::{ConversationId, UserId};
use messenger_core::message::Seq;
use messenger_core::page::{Rows, Slice, TimeKey};
use messenger_core::store::{AudienceMember, ConversationStream, StoreResult, UniqueKey};
use messenger_core::user::User;

use crate::link::Link;
use crate::sql::{CHUNK, Columns, Script, Sql, last_of_each, sorted_ids, unreadable};
use crate::users::{read_user, user_columns};

/// The columns that [`read_membership`] reads, of a table called `m`.
macro_rules! membership_columns {
    () => {
        "m.conversation_id, m.user_id, m.role, m.joined_at, m.read_seq, m.own_after_read, m.joined_position"
    };
}
pub(crate) use membership_columns;

/// Reads [`membership_columns`].
pub(crate) fn read_membership(row: &mut Columns<'_>) -> StoreResult<Membership> {
    Ok(Membership {
        conversation_id: ConversationId::from_uuid(row.id()?),
        user_id: UserId::from_uuid(row.id()?),
        role: Role::parse(row.take()?).map_err(|_| unreadable("role")())?,
        joined_at: row.time()?,
        read_seq: Seq::from_stored(row.take()?),
        own_after_read: row.take()?,
        joined_position: Position::from_stored(row.take()?),
    })
}

fn push_key(sql: &mut Sql, conversation: ConversationId, user: UserId) {
    sql.text("m.conversation_id = ").id(conversation.as_uuid());
    sql.text(" AND m.user_id = ").id(user.as_uuid());
}

impl Link {
    /// Those that exist.
    pub(crate) async fn memberships_of(&mut self, keys: &[(ConversationId, UserId)]) -> StoreResult<Vec<Membership>> {
        let keys = last_of_each(keys, |key| *key);
        let mut memberships = Vec::new();
        for keys in keys.chunks(CHUNK) {
            memberships.extend(self.all(find_memberships(keys), read_membership).await?);
        }
        Ok(memberships)
    }

    /// Where each of a user's conversations stands in the log.
    pub(crate) async fn streams_of(&mut self, user: UserId) -> StoreResult<Vec<ConversationStream>> {
        let mut sql = Sql::new(
            "SELECT m.conversation_id, m.joined_position, c.last_position \
             FROM memberships m JOIN conversations c ON c.id = m.conversation_id WHERE m.user_id = ",
        );
        sql.id(user.as_uuid());
        self.all(sql, |row| {
            Ok(ConversationStream {
                conversation_id: ConversationId::from_uuid(row.id()?),
                joined_position: Position::from_stored(row.take()?),
                last_position: Position::from_stored(row.take()?),
            })
        })
        .await
    }

    /// All members of these conversations.
    pub(crate) async fn audiences_of(&mut self, ids: &[ConversationId]) -> StoreResult<Vec<AudienceMember>> {
        let ids = sorted_ids(ids.iter().map(|id| id.as_uuid()));
        let mut members = Vec::new();
        for ids in ids.chunks(CHUNK) {
            let mut sql = Sql::new(
                "SELECT conversation_id, user_id, joined_position FROM memberships WHERE conversation_id IN (",
            );
            sql.ids(ids).text(")");
            let found = self.all(sql, |row| {
                Ok(AudienceMember {
                    conversation_id: ConversationId::from_uuid(row.id()?),
                    user_id: UserId::from_uuid(row.id()?),
                    joined_position: Position::from_stored(row.take()?),
                })
            });
            members.extend(found.await?);
        }
        Ok(members)
    }

    /// A page of a conversation's members.
    pub(crate) async fn members_of(
        &mut self,
        conversation: ConversationId,
        slice: Slice<TimeKey>,
    ) -> StoreResult<Rows<(User, Membership), TimeKey>> {
        let mut sql = Sql::new(concat!(
            "SELECT ",
            user_columns!(),
            ", ",
            membership_columns!(),
            " FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.conversation_id = "
        ));
        sql.id(conversation.as_uuid())
            .beyond(slice.after, "m.joined_at", "m.user_id")
            .text(" ORDER BY m.joined_at, m.user_id")
            .limit_for_page(slice.limit);
        let members = self.all(sql, |row| Ok((read_user(row)?, read_membership(row)?))).await?;
        Ok(Rows::cut(members, slice.limit, |(_, membership)| TimeKey {
            at: membership.joined_at,
            id: membership.user_id.as_uuid(),
        }))
    }

    /// Who of this role joined first.
    pub(crate) async fn longest_standing(
        &mut self,
        conversation: ConversationId,
        role: Role,
        except: UserId,
    ) -> StoreResult<Option<Membership>> {
        let mut sql =
            Sql::new(concat!("SELECT ", membership_columns!(), " FROM memberships m WHERE m.conversation_id = "));
        sql.id(conversation.as_uuid())
            .then(" AND m.role = ", role.as_str())
            .text(" AND m.user_id <> ")
            .id(except.as_uuid())
            .text(" ORDER BY m.joined_at, m.user_id LIMIT 1");
        self.optional(sql, read_membership).await
    }

    /// Stores memberships.
    pub(crate) async fn add_memberships(&mut self, memberships: &[Membership]) -> StoreResult<()> {
        for some in memberships.chunks(CHUNK) {
            let mut sql = Sql::new(
                "INSERT INTO memberships (conversation_id, user_id, role, joined_at, read_seq, own_after_read, \
                 joined_position) VALUES ",
            );
            sql.rows(some, |sql, membership| {
                sql.id(membership.conversation_id.as_uuid())
                    .text(", ")
                    .id(membership.user_id.as_uuid())
                    .then(", ", membership.role.as_str())
                    .then(", ", membership.joined_at.as_millis())
                    .then(", ", membership.read_seq.get())
                    .then(", ", membership.own_after_read)
                    .then(", ", membership.joined_position.get());
            });
            self.run_later(Script::of(&sql), UniqueKey::Membership).await?;
        }
        Ok(())
    }

    /// Writes what may change of memberships.
    pub(crate) async fn change_memberships(&mut self, memberships: &[Membership]) -> StoreResult<()> {
        let all = last_of_each(memberships, |membership| (membership.conversation_id, membership.user_id));
        for some in all.chunks(CHUNK) {
            self.run_on(update_memberships(some), some.len(), "memberships").await?;
        }
        Ok(())
    }
}

/// Writes what may change of memberships; there must be at least one.
pub(crate) fn update_memberships(some: &[&Membership]) -> Sql {
    let mut sql = Sql::new("UPDATE memberships m FORCE INDEX (PRIMARY) SET ");
    let key = |sql: &mut Sql, membership: &&Membership| {
        push_key(sql, membership.conversation_id, membership.user_id);
    };
    sql.case("m.role", some, key, |membership| membership.role.as_str().into())
        .text(", ")
        .case("m.read_seq", some, key, |membership| membership.read_seq.get().into())
        .text(", ")
        .case("m.own_after_read", some, key, |membership| membership.own_after_read.into())
        .text(" WHERE ")
        .any_of(some, key);
    sql
}

/// Reads memberships; there must be at least one key.
pub(crate) fn find_memberships(keys: &[&(ConversationId, UserId)]) -> Sql {
    let mut sql =
        Sql::new(concat!("SELECT ", membership_columns!(), " FROM memberships m FORCE INDEX (PRIMARY) WHERE "));
    sql.any_of(keys, |sql, (conversation, user)| push_key(sql, *conversation, *user));
    sql
}
