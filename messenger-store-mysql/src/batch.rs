//! What a lane asks and writes for a batch, each in one round trip.

use messenger_core::store::{BatchKeys, BatchRows, BatchState, StoreResult, UniqueKey};

use crate::conversations::{lock_conversations, read_conversation, update_conversations};
use crate::directs::{find_directs, read_direct};
use crate::link::Link;
use crate::memberships::{find_memberships, read_membership, update_memberships};
use crate::messages::{find_messages, find_sent, insert_messages, read_message, read_sent, update_messages};
use crate::questions::Questions;
use crate::sql::{CHUNK, Script, last_of_each, sorted_ids};

impl Link {
    /// Locks the conversations, then reads the rest.
    pub(crate) async fn read_state(&mut self, keys: BatchKeys<'_>) -> StoreResult<BatchState> {
        let mut questions = Questions::default();
        questions.about(&sorted_ids(keys.places.iter().map(|(id, _)| id.as_uuid())), lock_conversations);
        questions.about(&last_of_each(keys.places, |place| *place), find_memberships);
        questions.about(
            &last_of_each(keys.sent, |(sender, place, id)| (*sender, *place, id.as_str().to_owned())),
            find_sent,
        );
        questions.about(&sorted_ids(keys.messages.iter().map(|id| id.as_uuid())), find_messages);
        questions.about(&sorted_ids(keys.spoken_in.iter().map(|id| id.as_uuid())), find_directs);
        let mut answers = self.ask(questions).await?;
        let mut state = BatchState {
            conversations: answers.next(read_conversation)?,
            memberships: answers.next(read_membership)?,
            sent: answers.next(read_sent)?,
            messages: answers.next(read_message)?,
            ..BatchState::default()
        };
        for (pair, both) in answers.next(read_direct)? {
            state.pairs.push(pair);
            state.users.extend(both);
        }
        Ok(state)
    }

    /// Writes all rows of a batch, together with what comes next, which is the
    /// lock of the log's counter most often.
    pub(crate) async fn write_rows(&mut self, rows: BatchRows<'_>) -> StoreResult<()> {
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
        self.run_later(script, UniqueKey::Other).await
    }
}
