//! Messages. The list over all of a user's conversations is in `recent`.

use async_trait::async_trait;
use messenger_core::cursor::Place;
use messenger_core::event::{Partition, Position};
use messenger_core::id::{ConversationId, MessageId, UserId};
use messenger_core::message::{ClientId, Message, MessageBody, MessageRange, PayloadHash, SentMessage, Seq};
use messenger_core::page::{Rows, Slice, TimeKey};
use messenger_core::store::{MessageQueries, MessageRepository, OwnMessages, StoreResult};
use uuid::Uuid;

use crate::conversations::read_client_id;
use crate::link::Link;
use crate::sql::{CHUNK, Columns, Sql, last_of_each, read_number, sorted_ids};

/// The columns that [`read_message`] reads, of a table called `m`.
macro_rules! message_columns {
    () => {
        "m.id, m.conversation_id, m.seq, m.sender_id, m.body, m.client_id, m.reply_to, m.created_at, m.edited_at, \
         m.deleted_at"
    };
}
pub(crate) use message_columns;

/// Reads [`message_columns`].
pub(crate) fn read_message(row: &mut Columns<'_>) -> StoreResult<Message> {
    Ok(Message {
        id: MessageId::from_uuid(row.id()?),
        conversation_id: ConversationId::from_uuid(row.id()?),
        seq: Seq::from_stored(row.take()?),
        sender_id: UserId::from_uuid(row.id()?),
        body: row.take::<Option<String>>()?.map(MessageBody::from_stored),
        client_id: read_client_id(row)?,
        reply_to: row.optional_id()?.map(MessageId::from_uuid),
        created_at: row.time()?,
        edited_at: row.optional_time()?,
        deleted_at: row.optional_time()?,
    })
}

/// Reads what [`find_sent`] finds.
pub(crate) fn read_sent(row: &mut Columns<'_>) -> StoreResult<SentMessage> {
    Ok(SentMessage { payload_hash: PayloadHash::from_stored(row.hash()?), message: read_message(row)? })
}

/// The messages of these ids; there must be at least one.
pub(crate) fn find_messages(ids: &[Uuid]) -> Sql {
    let mut sql = Sql::new(concat!("SELECT ", message_columns!(), " FROM messages m WHERE m.id IN ("));
    sql.ids(ids).text(")");
    sql
}

/// What was sent under these keys; there must be at least one.
pub(crate) fn find_sent(keys: &[&(UserId, ConversationId, ClientId)]) -> Sql {
    // MariaDB would rather read all that a sender has said there.
    let mut sql = Sql::new(concat!(
        "SELECT m.payload_hash, ",
        message_columns!(),
        " FROM messages m FORCE INDEX (messages_client_id) WHERE "
    ));
    sql.any_of(keys, |sql, (sender, conversation, client_id)| {
        sql.text("m.sender_id = ").id(sender.as_uuid());
        sql.text(" AND m.conversation_id = ").id(conversation.as_uuid());
        sql.then(" AND m.client_id = ", client_id.as_str().as_bytes());
    });
    sql
}

/// Where one's own conversation stands: `c` with one's membership `s` of it, and
/// `e`, the last event that it was told. The servers read all three before
/// anything else, each by its primary key.
fn from_own_place(sql: &mut Sql, partition: Partition) {
    sql.text(
        " FROM memberships s JOIN conversations c ON c.id = s.conversation_id \
         LEFT JOIN events e ON e.position = c.last_position AND e.partition_id = ",
    );
    sql.bind(partition.get());
}

fn where_own(sql: &mut Sql, conversation: ConversationId, member: UserId) {
    sql.text(" WHERE s.conversation_id = ").id(conversation.as_uuid()).text(" AND s.user_id = ").id(member.as_uuid());
}

/// The columns that [`read_own_place`] reads.
macro_rules! own_place_columns {
    () => {
        "c.last_seq, c.last_position, e.tag"
    };
}

/// The number of the last message, and the place of the last event.
fn read_own_place(row: &mut Columns<'_>) -> StoreResult<(Seq, Place)> {
    let last_seq = Seq::from_stored(row.take()?);
    let position = Position::from_stored(row.take()?);
    Ok((last_seq, Place { position, tag: row.take::<Option<_>>()?.unwrap_or(0) }))
}

impl Link {
    /// The messages with where their conversation stands, by one statement; `None`
    /// where there are none.
    async fn list_own(
        &mut self,
        partition: Partition,
        conversation: ConversationId,
        member: UserId,
        range: MessageRange,
        limit: u32,
    ) -> StoreResult<Option<OwnMessages>> {
        // The messages are not left-joined, for which MySQL would sort them all.
        let mut sql = Sql::new(concat!("SELECT ", own_place_columns!(), ", ", message_columns!()));
        from_own_place(&mut sql, partition);
        sql.text(" JOIN messages m FORCE INDEX (messages_seq) ON m.conversation_id = s.conversation_id");
        where_own(&mut sql, conversation, member);
        push_range(&mut sql, range, limit);
        let rows = self.all(sql, |row| Ok((read_own_place(row)?, read_message(row)?))).await?;
        let Some(&((last_seq, place), _)) = rows.first() else { return Ok(None) };
        let messages = ascending(rows.into_iter().map(|(_, message)| message).collect(), range);
        Ok(Some(OwnMessages { messages, last_seq, place }))
    }

    async fn own_place(
        &mut self,
        partition: Partition,
        conversation: ConversationId,
        member: UserId,
    ) -> StoreResult<Option<(Seq, Place)>> {
        let mut sql = Sql::new(concat!("SELECT ", own_place_columns!()));
        from_own_place(&mut sql, partition);
        where_own(&mut sql, conversation, member);
        self.optional(sql, read_own_place).await
    }
}

/// The end of a statement about the messages of one conversation.
fn push_range(sql: &mut Sql, range: MessageRange, limit: u32) {
    match range {
        MessageRange::Latest => sql.text(" ORDER BY m.seq DESC"),
        MessageRange::Before(seq) => sql.then(" AND m.seq < ", seq.get()).text(" ORDER BY m.seq DESC"),
        MessageRange::After(seq) => sql.then(" AND m.seq > ", seq.get()).text(" ORDER BY m.seq"),
    }
    .then(" LIMIT ", i64::from(limit));
}

/// What such a statement found, in ascending seq.
fn ascending(mut messages: Vec<Message>, range: MessageRange) -> Vec<Message> {
    if !matches!(range, MessageRange::After(_)) {
        messages.reverse();
    }
    messages
}

#[async_trait]
impl MessageQueries for Link {
    async fn find_messages(&mut self, ids: &[MessageId]) -> StoreResult<Vec<Message>> {
        let mut messages = Vec::new();
        for ids in sorted_ids(ids.iter().map(|id| id.as_uuid())).chunks(CHUNK) {
            messages.extend(self.all(find_messages(ids), read_message).await?);
        }
        Ok(messages)
    }

    async fn find_messages_at(&mut self, places: &[(ConversationId, Seq)]) -> StoreResult<Vec<Message>> {
        let places = last_of_each(places, |place| *place);
        let mut messages = Vec::new();
        for places in places.chunks(CHUNK) {
            let mut sql = Sql::new(concat!("SELECT ", message_columns!(), " FROM messages m WHERE "));
            sql.any_of(places, |sql, (conversation, seq)| {
                sql.text("m.conversation_id = ").id(conversation.as_uuid()).then(" AND m.seq = ", seq.get());
            });
            messages.extend(self.all(sql, read_message).await?);
        }
        Ok(messages)
    }

    async fn find_sent(&mut self, keys: &[(UserId, ConversationId, ClientId)]) -> StoreResult<Vec<SentMessage>> {
        let keys = last_of_each(keys, |(sender, conversation, id)| (*sender, *conversation, id.as_str().to_owned()));
        let mut sent = Vec::new();
        for keys in keys.chunks(CHUNK) {
            sent.extend(self.all(find_sent(keys), read_sent).await?);
        }
        Ok(sent)
    }

    async fn list_messages(
        &mut self,
        conversation: ConversationId,
        range: MessageRange,
        limit: u32,
    ) -> StoreResult<Vec<Message>> {
        // In a short conversation the server would rather sort all messages.
        let mut sql = Sql::new(concat!(
            "SELECT ",
            message_columns!(),
            " FROM messages m FORCE INDEX (messages_seq) WHERE m.conversation_id = "
        ));
        sql.id(conversation.as_uuid());
        push_range(&mut sql, range, limit);
        Ok(ascending(self.all(sql, read_message).await?, range))
    }

    async fn list_own_messages(
        &mut self,
        partition: Partition,
        conversation: ConversationId,
        member: UserId,
        range: MessageRange,
        limit: u32,
    ) -> StoreResult<Option<OwnMessages>> {
        let listed = self.list_own(partition, conversation, member, range, limit).await?;
        if listed.is_some() {
            return Ok(listed);
        }
        // No messages there; or no member.
        let Some((last_seq, place)) = self.own_place(partition, conversation, member).await? else { return Ok(None) };
        if limit == 0 || range.is_empty_up_to(last_seq) {
            return Ok(Some(OwnMessages { messages: Vec::new(), last_seq, place }));
        }
        // The first ones there have come since.
        self.list_own(partition, conversation, member, range, limit).await
    }

    async fn find_own_place(
        &mut self,
        partition: Partition,
        conversation: ConversationId,
        member: UserId,
    ) -> StoreResult<Option<Place>> {
        Ok(self.own_place(partition, conversation, member).await?.map(|(_, place)| place))
    }

    async fn list_recent_messages(
        &mut self,
        user: UserId,
        slice: Slice<TimeKey>,
    ) -> StoreResult<Rows<Message, TimeKey>> {
        self.recent_messages(user, slice).await
    }

    async fn count_sent_after(&mut self, conversation: ConversationId, sender: UserId, seq: Seq) -> StoreResult<i64> {
        let mut sql = Sql::new("SELECT COUNT(*) FROM messages WHERE conversation_id = ");
        sql.id(conversation.as_uuid()).text(" AND sender_id = ").id(sender.as_uuid()).then(" AND seq > ", seq.get());
        Ok(self.optional(sql, read_number).await?.unwrap_or(0))
    }

    async fn count_each_sent_after(&mut self, keys: &[(ConversationId, UserId, Seq)]) -> StoreResult<Vec<i64>> {
        let mut counts = Vec::with_capacity(keys.len());
        for keys in keys.chunks(CHUNK) {
            let numbered: Vec<_> = (0_i64..).zip(keys).collect();
            let mut sql = Sql::new("");
            // UNION ALL keeps no order by itself.
            sql.list(&numbered, " UNION ALL ", |sql, (number, (conversation, sender, seq))| {
                sql.then("SELECT ", *number).text(", COUNT(*) FROM messages WHERE conversation_id = ");
                sql.id(conversation.as_uuid()).text(" AND sender_id = ").id(sender.as_uuid());
                sql.then(" AND seq > ", seq.get());
            });
            let mut found = self.all(sql, |row| Ok((row.take::<i64>()?, row.take::<i64>()?))).await?;
            found.sort_unstable();
            counts.extend(found.into_iter().map(|(_, count)| count));
        }
        Ok(counts)
    }
}

#[async_trait]
impl MessageRepository for Link {
    async fn insert_messages(&mut self, messages: &[SentMessage]) -> StoreResult<()> {
        for some in messages.chunks(CHUNK) {
            self.run(insert_messages(some)).await?;
        }
        Ok(())
    }

    async fn update_messages(&mut self, messages: &[Message]) -> StoreResult<()> {
        let all = last_of_each(messages, |message| message.id);
        for some in all.chunks(CHUNK) {
            self.run_on(update_messages(some), some.len(), "messages").await?;
        }
        Ok(())
    }
}

/// Stores messages.
pub(crate) fn insert_messages(some: &[SentMessage]) -> Sql {
    let mut sql = Sql::new(
        "INSERT INTO messages (id, conversation_id, seq, sender_id, body, client_id, payload_hash, reply_to, \
         created_at, edited_at, deleted_at) VALUES ",
    );
    sql.rows(some, |sql, SentMessage { message, payload_hash }| {
        sql.id(message.id.as_uuid())
            .text(", ")
            .id(message.conversation_id.as_uuid())
            .then(", ", message.seq.get())
            .text(", ")
            .id(message.sender_id.as_uuid())
            .then(", ", message.body.as_ref().map(MessageBody::as_str))
            .then(", ", message.client_id.as_ref().map(|id| id.as_str().as_bytes()))
            .then(", ", payload_hash.as_bytes().as_slice())
            .text(", ")
            .optional_id(message.reply_to.map(MessageId::as_uuid))
            .text(", ")
            .time(message.created_at)
            .text(", ")
            .optional_time(message.edited_at)
            .text(", ")
            .optional_time(message.deleted_at);
    });
    sql
}

/// Writes what may change of messages; there must be at least one.
pub(crate) fn update_messages(some: &[&Message]) -> Sql {
    let mut sql = Sql::new("UPDATE messages FORCE INDEX (PRIMARY) SET ");
    let key = |sql: &mut Sql, message: &&Message| {
        sql.text("id = ").id(message.id.as_uuid());
    };
    sql.case("body", some, key, |message| message.body.as_ref().map(MessageBody::as_str).into())
        .text(", ")
        .case("edited_at", some, key, |message| message.edited_at.into())
        .text(", ")
        .case("deleted_at", some, key, |message| message.deleted_at.into());
    let ids: Vec<Uuid> = some.iter().map(|message| message.id.as_uuid()).collect();
    sql.text(" WHERE id IN (").ids(&ids).text(")");
    sql
}
