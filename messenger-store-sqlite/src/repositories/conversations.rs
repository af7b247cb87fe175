use std::collections::BTreeSet;

use async_trait::async_trait;
use messenger_core::conversation::{Conversation, ConversationKind, Membership, Role};
use messenger_core::event::Position;
use messenger_core::friendship::UserPair;
use messenger_core::id::{ConversationId, UserId};
use messenger_core::message::ClientId;
use messenger_core::page::{Rows, Slice, TimeKey};
use messenger_core::store::{
    AudienceMember, BatchRows, ConversationQueries, ConversationRepository, ConversationStream, StoreResult,
};
use messenger_core::user::User;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::by_ids::select_by_ids;
use crate::error::SqlResult;
use crate::handle::Handle;
use crate::places::with_latest;
use crate::rows::{
    CONVERSATION_COLUMNS, USER_COLUMNS, ascending, conversation, conversation_columns, descending, membership,
    membership_columns, one_more, user, user_columns,
};

#[async_trait]
impl ConversationQueries for Handle {
    async fn find_conversations(&mut self, ids: &[ConversationId]) -> StoreResult<Vec<Conversation>> {
        let ids = ids.to_vec();
        self.call(move |connection| conversations_by_id(connection, &ids)).await
    }

    async fn find_direct_conversation(&mut self, pair: UserPair) -> StoreResult<Option<Conversation>> {
        self.call(move |connection| {
            let mut select = connection.prepare_cached(concat!(
                "SELECT ",
                conversation_columns!("c"),
                " FROM conversations c WHERE c.direct_low = ?1 AND c.direct_high = ?2"
            ))?;
            let ids = params![pair.low().as_uuid(), pair.high().as_uuid()];
            Ok(select.query_row(ids, conversation).optional()?)
        })
        .await
    }

    async fn find_group_by_client_id(
        &mut self,
        creator: UserId,
        client_id: &ClientId,
    ) -> StoreResult<Option<Conversation>> {
        let client_id = client_id.clone();
        self.call(move |connection| {
            let mut select = connection.prepare_cached(concat!(
                "SELECT ",
                conversation_columns!("c"),
                " FROM conversations c WHERE c.created_by = ?1 AND c.client_id = ?2"
            ))?;
            Ok(select.query_row(params![creator.as_uuid(), client_id.as_str()], conversation).optional()?)
        })
        .await
    }

    async fn find_direct_conversation_ids(&mut self, user: UserId) -> StoreResult<Vec<ConversationId>> {
        self.call(move |connection| {
            let mut select = connection.prepare_cached(
                "SELECT id FROM conversations WHERE direct_low = ?1
                 UNION ALL SELECT id FROM conversations WHERE direct_high = ?1
                 ORDER BY id",
            )?;
            let ids = select.query_map([user.as_uuid()], |row| row.get(0).map(ConversationId::from_uuid))?;
            Ok(ids.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn find_memberships(&mut self, keys: &[(ConversationId, UserId)]) -> StoreResult<Vec<Membership>> {
        let keys: BTreeSet<_> = keys.iter().copied().collect();
        self.call(move |connection| memberships_by_key(connection, &keys)).await
    }

    async fn find_own_conversation(
        &mut self,
        id: ConversationId,
        user: UserId,
    ) -> StoreResult<Option<(Conversation, Membership)>> {
        self.call(move |connection| {
            let mut select = connection.prepare_cached(concat!(
                "SELECT ",
                conversation_columns!("c"),
                ", ",
                membership_columns!("m"),
                " FROM memberships m JOIN conversations c ON c.id = m.conversation_id
                 WHERE m.conversation_id = ?1 AND m.user_id = ?2"
            ))?;
            let own = select.query_row(params![id.as_uuid(), user.as_uuid()], |row| {
                Ok((conversation(row)?, membership(row, CONVERSATION_COLUMNS)?))
            });
            Ok(own.optional()?)
        })
        .await
    }

    async fn list_conversations(
        &mut self,
        user: UserId,
        slice: Slice<TimeKey>,
    ) -> StoreResult<Rows<(Conversation, Membership), TimeKey>> {
        self.call(move |connection| {
            // All of the user's conversations are sorted, so by no more than it
            // takes; the rest of a row is looked up for the page alone.
            let mut select = connection.prepare_cached(concat!(
                "WITH page AS MATERIALIZED (
                     SELECT c.id, c.updated_at FROM memberships m JOIN conversations c ON c.id = m.conversation_id
                     WHERE m.user_id = ?1 AND (c.updated_at, c.id) < (?2, ?3)
                     ORDER BY c.updated_at DESC, c.id DESC LIMIT ?4
                 )
                 SELECT ",
                conversation_columns!("c"),
                ", ",
                membership_columns!("m"),
                " FROM page p CROSS JOIN conversations c ON c.id = p.id
                 CROSS JOIN memberships m ON m.conversation_id = p.id AND m.user_id = ?1
                 ORDER BY p.updated_at DESC, p.id DESC"
            ))?;
            let (at, id) = descending(slice.after);
            let conversations = select
                .query_map(params![user.as_uuid(), at, id, one_more(slice.limit)], |row| {
                    Ok((conversation(row)?, membership(row, CONVERSATION_COLUMNS)?))
                })?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            Ok(Rows::cut(conversations, slice.limit, |(conversation, _)| TimeKey {
                at: conversation.updated_at,
                id: conversation.id.as_uuid(),
            }))
        })
        .await
    }

    async fn list_members(
        &mut self,
        conversation: ConversationId,
        slice: Slice<TimeKey>,
    ) -> StoreResult<Rows<(User, Membership), TimeKey>> {
        self.call(move |connection| {
            let mut select = connection.prepare_cached(concat!(
                "SELECT ",
                user_columns!("u"),
                ", ",
                membership_columns!("m"),
                " FROM memberships m JOIN users u ON u.id = m.user_id
                 WHERE m.conversation_id = ?1 AND (m.joined_at, m.user_id) > (?2, ?3)
                 ORDER BY m.joined_at, m.user_id LIMIT ?4"
            ))?;
            let (at, id) = ascending(slice.after);
            let members = select
                .query_map(params![conversation.as_uuid(), at, id, one_more(slice.limit)], |row| {
                    Ok((user(row, 0)?, membership(row, USER_COLUMNS)?))
                })?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            Ok(Rows::cut(members, slice.limit, |(_, membership)| TimeKey {
                at: membership.joined_at,
                id: membership.user_id.as_uuid(),
            }))
        })
        .await
    }

    async fn find_streams(&mut self, user: UserId) -> StoreResult<Vec<ConversationStream>> {
        self.call(move |connection| {
            let mut select = connection.prepare_cached(
                "SELECT m.conversation_id, m.joined_position, c.last_position
                 FROM memberships m JOIN conversations c ON c.id = m.conversation_id WHERE m.user_id = ?1",
            )?;
            let streams = select.query_map([user.as_uuid()], |row| {
                Ok(ConversationStream {
                    conversation_id: ConversationId::from_uuid(row.get(0)?),
                    joined_position: Position::from_stored(row.get(1)?),
                    last_position: Position::from_stored(row.get(2)?),
                })
            })?;
            Ok(streams.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn find_audiences(&mut self, ids: &[ConversationId]) -> StoreResult<Vec<AudienceMember>> {
        let ids = ids.to_vec();
        self.call(move |connection| {
            let sql = "SELECT conversation_id, user_id, joined_position FROM memberships
                       WHERE conversation_id IN (SELECT value FROM rarray(?1))";
            select_by_ids(connection, sql, ids.iter().map(|id| id.as_uuid()), |row| {
                Ok(AudienceMember {
                    conversation_id: ConversationId::from_uuid(row.get(0)?),
                    user_id: UserId::from_uuid(row.get(1)?),
                    joined_position: Position::from_stored(row.get(2)?),
                })
            })
        })
        .await
    }

    async fn find_longest_standing(
        &mut self,
        conversation: ConversationId,
        role: Role,
        except: UserId,
    ) -> StoreResult<Option<Membership>> {
        self.call(move |connection| {
            let mut select = connection.prepare_cached(concat!(
                "SELECT ",
                membership_columns!("m"),
                " FROM memberships m
                 WHERE m.conversation_id = ?1 AND m.role = ?2 AND m.user_id <> ?3
                 ORDER BY m.joined_at, m.user_id LIMIT 1"
            ))?;
            let parameters = params![conversation.as_uuid(), role.as_str(), except.as_uuid()];
            Ok(select.query_row(parameters, |row| membership(row, 0)).optional()?)
        })
        .await
    }
}

#[async_trait]
impl ConversationRepository for Handle {
    async fn lock_conversations(&mut self, ids: &[ConversationId]) -> StoreResult<Vec<Conversation>> {
        // A plain read: the one writer is the lock; see `lock_users`.
        let ids = ids.to_vec();
        self.call(move |connection| conversations_by_id(connection, &ids)).await
    }

    async fn insert_conversation(&mut self, conversation: &Conversation) -> StoreResult<()> {
        let conversation = conversation.clone();
        self.change(move |connection| {
            let mut insert = connection.prepare_cached(
                "INSERT INTO conversations (id, kind, direct_low, direct_high, title, created_by, client_id,
                                            creation_hash, members_count, last_seq, created_at, updated_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?;
            let (word, pair, group) = match &conversation.kind {
                ConversationKind::Direct(pair) => ("direct", Some(pair), None),
                ConversationKind::Group(group) => ("group", None, Some(group)),
            };
            let creation = group.and_then(|group| group.creation.as_ref());
            insert.execute(params![
                conversation.id.as_uuid(),
                word,
                pair.map(|pair| pair.low().as_uuid()),
                pair.map(|pair| pair.high().as_uuid()),
                group.map(|group| group.title.as_str()),
                group.map(|group| group.created_by.as_uuid()),
                creation.map(|(client_id, _)| client_id.as_str()),
                creation.map(|(_, hash)| hash.as_bytes()),
                conversation.members_count,
                conversation.last_seq.get(),
                conversation.created_at.as_millis(),
                conversation.updated_at.as_millis(),
            ])?;
            Ok(())
        })
        .await
    }

    async fn update_conversations(&mut self, conversations: &[Conversation]) -> StoreResult<()> {
        self.write_now(&BatchRows { conversations, ..BatchRows::NOTHING }).await
    }

    async fn delete_conversation(&mut self, id: ConversationId) -> StoreResult<()> {
        let latest = self.latest().cloned().unwrap_or_default();
        self.change(move |connection| {
            connection
                .prepare_cached(concat!(
                    with_latest!(),
                    "DELETE FROM messages WHERE place IN (
                         SELECT place FROM latest
                         UNION ALL SELECT place FROM message_places WHERE conversation_id = ?1)"
                ))?
                .execute([id.as_uuid()])?;
            // All else that is its own goes with it, by foreign keys.
            connection.prepare_cached("DELETE FROM conversations WHERE id = ?1")?.execute([id.as_uuid()])?;
            latest.forget(id);
            Ok(())
        })
        .await
    }

    async fn insert_memberships(&mut self, memberships: &[Membership]) -> StoreResult<()> {
        let memberships = memberships.to_vec();
        self.change(move |connection| {
            let mut insert = connection.prepare_cached(
                "INSERT INTO memberships (conversation_id, user_id, role, joined_at, read_seq, own_after_read,
                                          joined_position)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?;
            for membership in memberships {
                insert.execute(params![
                    membership.conversation_id.as_uuid(),
                    membership.user_id.as_uuid(),
                    membership.role.as_str(),
                    membership.joined_at.as_millis(),
                    membership.read_seq.get(),
                    membership.own_after_read,
                    membership.joined_position.get(),
                ])?;
            }
            Ok(())
        })
        .await
    }

    async fn update_memberships(&mut self, memberships: &[Membership]) -> StoreResult<()> {
        self.write_now(&BatchRows { memberships, ..BatchRows::NOTHING }).await
    }

    async fn delete_membership(&mut self, conversation: ConversationId, user: UserId) -> StoreResult<()> {
        self.change(move |connection| {
            let mut delete =
                connection.prepare_cached("DELETE FROM memberships WHERE conversation_id = ?1 AND user_id = ?2")?;
            delete.execute(params![conversation.as_uuid(), user.as_uuid()])?;
            Ok(())
        })
        .await
    }
}

pub(crate) fn conversations_by_id(connection: &Connection, ids: &[ConversationId]) -> SqlResult<Vec<Conversation>> {
    let sql = concat!(
        "SELECT ",
        conversation_columns!("c"),
        " FROM conversations c WHERE c.id IN (SELECT value FROM rarray(?1)) ORDER BY c.id"
    );
    select_by_ids(connection, sql, ids.iter().map(|id| id.as_uuid()), conversation)
}

pub(crate) fn memberships_by_key(
    connection: &Connection,
    keys: &BTreeSet<(ConversationId, UserId)>,
) -> SqlResult<Vec<Membership>> {
    let mut select = connection.prepare_cached(concat!(
        "SELECT ",
        membership_columns!("m"),
        " FROM memberships m WHERE m.conversation_id = ?1 AND m.user_id = ?2"
    ))?;
    let mut found = Vec::new();
    for (conversation, user) in keys {
        let key = params![conversation.as_uuid(), user.as_uuid()];
        found.extend(select.query_row(key, |row| membership(row, 0)).optional()?);
    }
    Ok(found)
}
