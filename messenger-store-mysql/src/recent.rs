//! The latest messages over all of a user's conversations.

use messenger_core::id::UserId;
use messenger_core::message::Message;
use messenger_core::page::{Rows, Slice, TimeKey};
use messenger_core::store::StoreResult;
use uuid::Uuid;

use crate::link::Link;
use crate::messages::{message_columns, read_message};
use crate::sql::{Sql, read_id};

impl Link {
    /// In two steps, so that the cost depends on the page and on how many
    /// conversations the user has, not on how much was said in them:
    ///
    /// 1. each conversation's newest message before the key, by index; only
    ///    those conversations whose newest is among the newest can have a
    ///    place on the page (MySQL sorts all of a conversation here unless the
    ///    order names the whole index, *measured* on 9.7);
    /// 2. the newest of each of these, by index, merged.
    pub(crate) async fn recent_messages(
        &mut self,
        user: UserId,
        slice: Slice<TimeKey>,
    ) -> StoreResult<Rows<Message, TimeKey>> {
        let mut sql = Sql::new(
            "SELECT n.conversation_id FROM (SELECT (SELECT x.id FROM messages x FORCE INDEX (messages_by_time) \
             WHERE x.conversation_id = p.conversation_id",
        );
        sql.before(slice.after, "x.created_at", "x.id")
            .text(" ORDER BY x.conversation_id DESC, x.created_at DESC, x.id DESC LIMIT 1) AS id FROM memberships p WHERE p.user_id = ")
            .id(user.as_uuid())
            .text(") latest JOIN messages n ON n.id = latest.id ORDER BY n.created_at DESC, n.id DESC")
            .limit_for_page(slice.limit);
        let conversations = self.all(sql, read_id).await?;
        if conversations.is_empty() {
            return Ok(Rows { items: Vec::new(), next: None });
        }
        let mut sql = Sql::new(concat!("SELECT ", message_columns!(), " FROM ("));
        push_newest(&mut sql, &conversations, slice);
        sql.text(") newest JOIN messages m ON m.id = newest.id ORDER BY m.created_at DESC, m.id DESC")
            .limit_for_page(slice.limit);
        let messages = self.all(sql, read_message).await?;
        Ok(Rows::cut(messages, slice.limit, |message| TimeKey { at: message.created_at, id: message.id.as_uuid() }))
    }
}

/// `(SELECT id … LIMIT ?) UNION ALL …`, one for each conversation.
fn push_newest(sql: &mut Sql, conversations: &[Uuid], slice: Slice<TimeKey>) {
    sql.list(conversations, " UNION ALL ", |sql, conversation| {
        sql.text("(SELECT x.id FROM messages x WHERE x.conversation_id = ").id(*conversation);
        sql.before(slice.after, "x.created_at", "x.id");
        sql.text(" ORDER BY x.created_at DESC, x.id DESC").limit_for_page(slice.limit).text(")");
    });
}
