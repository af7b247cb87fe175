//! What a lane asks and writes for a batch, each in one round trip.

use messenger_core::conversation::{Conversation, Membership};
use messenger_core::id::{ConversationId, UserId};
use messenger_core::store::{BatchRows, StoreResult};

use crate::conversations::{lock_conversations, read_conversation, update_conversations};
use crate::link::Link;
use crate::memberships::{find_memberships, read_membership, update_memberships};
use crate::messages::{insert_messages, update_messages};
use crate::sql::{CHUNK, Script, last_of_each, read_all, sorted_ids};

impl Link {
    /// Locks the conversations, then reads the memberships: each statement sees
    /// what was committed before it, so those that follow see no less than the
    /// lock.
    pub(crate) async fn locked_places(
        &mut self,
        places: &[(ConversationId, UserId)],
    ) -> StoreResult<(Vec<Conversation>, Vec<Membership>)> {
        let ids = sorted_ids(places.iter().map(|(id, _)| id.as_uuid()));
        let keys = last_of_each(places, |place| *place);
        let mut script = Script::new();
        for ids in ids.chunks(CHUNK) {
            script.push(&lock_conversations(ids));
        }
        let locking = script.len();
        for keys in keys.chunks(CHUNK) {
            script.push(&find_memberships(keys));
        }
        let mut found = self.answers(script).await?;
        let read = found.split_off(locking.min(found.len()));
        Ok((read_all(&found, read_conversation)?, read_all(&read, read_membership)?))
    }

    /// Writes all rows of a batch, together with what comes next, which is the
    /// lock of the log's counter most often.
    pub(crate) fn write_rows(&mut self, rows: BatchRows<'_>) {
        let messages = last_of_each(rows.messages, |message| message.id);
        let conversations = last_of_each(rows.conversations, |conversation| conversation.id);
        let memberships = last_of_each(rows.memberships, |row| (row.conversation_id, row.user_id));
        let mut script = Script::new();
        for some in rows.sent.chunks(CHUNK) {
            script.push(&insert_messages(some));
        }
        for some in messages.chunks(CHUNK) {
            script.push_on(&update_messages(some), some.len(), "messages");
        }
        for some in conversations.chunks(CHUNK) {
            script.push_on(&update_conversations(some), some.len(), "conversations");
        }
        for some in memberships.chunks(CHUNK) {
            script.push_on(&update_memberships(some), some.len(), "memberships");
        }
        self.run_later(script);
    }
}
