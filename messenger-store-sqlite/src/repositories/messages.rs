use std::collections::{BTreeSet, HashSet};

use async_trait::async_trait;
use messenger_core::clock::Timestamp;
use messenger_core::cursor::Place;
use messenger_core::event::{Partition, Position};
use messenger_core::id::{ConversationId, MessageId, UserId};
use messenger_core::message::{ClientId, Message, MessageBody, MessageRange, SentMessage, Seq};
use messenger_core::page::{Rows, Slice, TimeKey};
use messenger_core::store::{BatchRows, MessageQueries, MessageRepository, OwnMessages, StoreResult};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::recent::recent_messages;
use crate::batch::Positions;
use crate::by_ids::select_by_ids;
use crate::client_keys::find_sent;
use crate::error::{SqlResult, not_stored};
use crate::handle::Handle;
use crate::latest::{Latest, Stored};
use crate::places::with_latest;
use crate::rows::{message, message_columns};

#[async_trait]
impl MessageQueries for Handle {
    async fn find_messages(&mut self, ids: &[MessageId]) -> StoreResult<Vec<Message>> {
        let ids = ids.to_vec();
        self.call(move |connection| messages_by_id(connection, &ids)).await
    }

    async fn find_messages_at(&mut self, places: &[(ConversationId, Seq)]) -> StoreResult<Vec<Message>> {
        let places: BTreeSet<_> = places.iter().copied().collect();
        self.call(move |connection| {
            // Mostly they are the last ones.
            let mut select = connection.prepare_cached(concat!(
                with_latest!(),
                "SELECT ",
                message_columns!("m"),
                " FROM messages m WHERE m.place = coalesce(
                      (SELECT m.place FROM conversations c CROSS JOIN messages m ON m.place = c.last_place
                       WHERE c.id = ?1 AND m.seq = ?2),
                      (SELECT place FROM message_places WHERE conversation_id = ?1 AND seq = ?2),
                      (SELECT place FROM latest WHERE seq = ?2))"
            ))?;
            let mut found = Vec::new();
            for (conversation, seq) in places {
                found.extend(select.query_row(params![conversation.as_uuid(), seq.get()], message).optional()?);
            }
            Ok(found)
        })
        .await
    }

    async fn find_sent(&mut self, keys: &[(UserId, ConversationId, ClientId)]) -> StoreResult<Vec<SentMessage>> {
        let keys: HashSet<_> = keys.iter().cloned().collect();
        let remembered = self.latest().cloned();
        self.call(move |connection| match remembered {
            Some(remembered) => remembered.find_sent(connection, keys),
            None => find_sent(connection, &keys),
        })
        .await
    }

    async fn list_messages(
        &mut self,
        conversation: ConversationId,
        range: MessageRange,
        limit: u32,
    ) -> StoreResult<Vec<Message>> {
        self.call(move |connection| messages_in(connection, conversation, range, limit)).await
    }

    async fn list_own_messages(
        &mut self,
        partition: Partition,
        conversation: ConversationId,
        member: UserId,
        range: MessageRange,
        limit: u32,
    ) -> StoreResult<Option<OwnMessages>> {
        self.call(move |connection| {
            let own = own_place(connection, partition, conversation, member)?;
            let Some((last_seq, place)) = own else { return Ok(None) };
            let messages = messages_in(connection, conversation, range, limit)?;
            Ok(Some(OwnMessages { messages, last_seq, place }))
        })
        .await
    }

    async fn find_own_place(
        &mut self,
        partition: Partition,
        conversation: ConversationId,
        member: UserId,
    ) -> StoreResult<Option<Place>> {
        self.ask(move |connection| Ok(own_place(connection, partition, conversation, member)?.map(|(_, place)| place)))
            .await
    }

    async fn list_recent_messages(
        &mut self,
        user: UserId,
        slice: Slice<TimeKey>,
    ) -> StoreResult<Rows<Message, TimeKey>> {
        self.call(move |connection| recent_messages(connection, user, slice)).await
    }

    async fn count_sent_after(&mut self, conversation: ConversationId, sender: UserId, seq: Seq) -> StoreResult<i64> {
        let counts = self.count_each_sent_after(&[(conversation, sender, seq)]).await?;
        Ok(counts.into_iter().sum())
    }

    async fn count_each_sent_after(&mut self, keys: &[(ConversationId, UserId, Seq)]) -> StoreResult<Vec<i64>> {
        let keys = keys.to_vec();
        self.call(move |connection| {
            let mut count = connection.prepare_cached(concat!(
                with_latest!(),
                "SELECT (SELECT count(*) FROM latest CROSS JOIN messages m ON m.place = latest.place
                         WHERE latest.seq > ?2 AND m.sender_id = ?3)
                      + (SELECT count(*) FROM message_places i CROSS JOIN messages m ON m.place = i.place
                         WHERE i.conversation_id = ?1 AND i.seq > ?2 AND m.sender_id = ?3)"
            ))?;
            let counts = keys.iter().map(|(conversation, sender, seq)| {
                count.query_row(params![conversation.as_uuid(), seq.get(), sender.as_uuid()], |row| row.get(0))
            });
            Ok(counts.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }
}

#[async_trait]
impl MessageRepository for Handle {
    async fn insert_messages(&mut self, messages: &[SentMessage]) -> StoreResult<()> {
        self.write_now(&BatchRows { sent: messages, ..BatchRows::NOTHING }).await
    }

    async fn update_messages(&mut self, messages: &[Message]) -> StoreResult<()> {
        self.write_now(&BatchRows { messages, ..BatchRows::NOTHING }).await
    }
}

pub(crate) fn messages_by_id(connection: &Connection, ids: &[MessageId]) -> SqlResult<Vec<Message>> {
    let sql =
        concat!("SELECT ", message_columns!("m"), " FROM messages m WHERE m.id IN (SELECT value FROM rarray(?1))");
    select_by_ids(connection, sql, ids.iter().map(|id| id.as_uuid()), message)
}

/// The number of the last message, and the place of the last event.
fn own_place(
    connection: &Connection,
    partition: Partition,
    conversation: ConversationId,
    member: UserId,
) -> SqlResult<Option<(Seq, Place)>> {
    let mut select = connection.prepare_cached(
        "SELECT c.last_seq, c.last_position, coalesce(e.tag, 0)
         FROM memberships m JOIN conversations c ON c.id = m.conversation_id
         LEFT JOIN events e ON e.partition_id = ?3 AND e.position = c.last_position
         WHERE m.conversation_id = ?1 AND m.user_id = ?2",
    )?;
    let own = select.query_row(params![conversation.as_uuid(), member.as_uuid(), partition.get()], |row| {
        let place = Place { position: Position::from_stored(row.get(1)?), tag: row.get(2)? };
        Ok((Seq::from_stored(row.get(0)?), place))
    });
    Ok(own.optional()?)
}

fn messages_in(
    connection: &Connection,
    conversation: ConversationId,
    range: MessageRange,
    limit: u32,
) -> SqlResult<Vec<Message>> {
    macro_rules! of_both {
        ($limit:literal, $bound:literal, $order:literal) => {
            concat!(
                with_latest!("c.last_place", $limit),
                "SELECT ",
                message_columns!("m"),
                " FROM (SELECT seq, place FROM latest WHERE seq ",
                $bound,
                " UNION ALL SELECT seq, place FROM message_places WHERE conversation_id = ?1 AND seq ",
                $bound,
                " ORDER BY seq ",
                $order,
                " LIMIT ?3) w CROSS JOIN messages m ON m.place = w.place"
            )
        };
    }
    let (sql, bound) = match range {
        MessageRange::Latest => (of_both!("LIMIT ?3", "<= ?2", "DESC"), i64::MAX),
        MessageRange::Before(seq) => (of_both!("", "< ?2", "DESC"), seq.get()),
        MessageRange::After(seq) => (of_both!("", "> ?2", "ASC"), seq.get()),
    };
    let mut messages = connection
        .prepare_cached(sql)?
        .query_map(params![conversation.as_uuid(), bound, limit], message)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    messages.sort_unstable_by_key(|message| message.seq);
    Ok(messages)
}

/// Those whose position in the log is not known yet get it when it is.
pub(crate) fn insert_messages(
    connection: &Connection,
    latest: &Latest,
    messages: &[SentMessage],
    positions: &Positions,
) -> SqlResult<Stored> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO messages (previous, id, conversation_id, seq, sender_id, body, client_id, payload_hash, reply_to,
                               created_at, edited_at, deleted_at, sent_position)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    latest.store_each(connection, messages, |SentMessage { message, payload_hash }, previous| {
        insert.execute(params![
            previous,
            message.id.as_uuid(),
            message.conversation_id.as_uuid(),
            message.seq.get(),
            message.sender_id.as_uuid(),
            message.body.as_ref().map(MessageBody::as_str),
            message.client_id.as_ref().map(ClientId::as_str),
            payload_hash.as_bytes(),
            message.reply_to.map(MessageId::as_uuid),
            message.created_at.as_millis(),
            message.edited_at.map(Timestamp::as_millis),
            message.deleted_at.map(Timestamp::as_millis),
            positions.sent(message).map(Position::get),
        ])?;
        Ok(())
    })
}

pub(crate) fn update_messages(connection: &Connection, messages: &[Message]) -> SqlResult<()> {
    let mut update =
        connection.prepare_cached("UPDATE messages SET body = ?2, edited_at = ?3, deleted_at = ?4 WHERE id = ?1")?;
    for message in messages {
        let updated = update.execute(params![
            message.id.as_uuid(),
            message.body.as_ref().map(MessageBody::as_str),
            message.edited_at.map(Timestamp::as_millis),
            message.deleted_at.map(Timestamp::as_millis),
        ])?;
        if updated == 0 {
            return Err(not_stored("the message"));
        }
    }
    Ok(())
}
