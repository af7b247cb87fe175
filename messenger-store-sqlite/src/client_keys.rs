//! Under which client ids messages were sent (I5).
//!
//! Client ids come in no order, so an index of all of them is the dearest part
//! of a send: 84 of the 207 pages that a batch of ninety changed. So the keys of
//! a conversation's messages are written to `message_keys` many at once, which
//! share its pages. Up to which number that was done is `conversations.keyed_seq`;
//! the messages after it are few, and looked through. The writer remembers their
//! keys, so that it need not do so each time.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use messenger_core::id::{ConversationId, UserId};
use messenger_core::message::{ClientId, Message, PayloadHash, SentMessage};
use messenger_core::store::{StoreError, UniqueKey};
use rusqlite::{Connection, OptionalExtension as _, params};
use uuid::Uuid;

use crate::error::SqlResult;
use crate::rows::{MESSAGE_COLUMNS, message, message_columns};

/// A sender, where, and the client id.
pub(crate) type Key = (UserId, ConversationId, ClientId);

/// After how many messages of a conversation their keys are written: so many,
/// and up to [`SPREAD`] more, for not all conversations to have it done at once.
const WRITE_AFTER: usize = 96;
const SPREAD: usize = 64;

/// Of how many conversations at most keys are written together, each of which
/// takes some tenths of a millisecond. The others have their turn when the next
/// message is stored.
const AT_ONCE: usize = 16;

/// How many messages found without their keys are worth writing them at once.
/// They were not remembered, and may not be the next time.
const WORTH_WRITING: usize = 8;

/// Of how many conversations the latest keys are remembered: at most some 20 MB.
const REMEMBERED: usize = 16_384;

/// What the writer remembers. It is for whoever has the turn to write: the lock
/// is never waited for.
#[derive(Default)]
pub(crate) struct ClientKeys {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    latest: HashMap<Uuid, Latest>,
    /// Keys that were looked up in this turn and not found.
    absent: HashSet<Key>,
    /// Of which conversations something was learnt in this turn that may never
    /// be committed.
    learnt: HashSet<Uuid>,
    hasher: RandomState,
}

/// The messages of a conversation whose keys are not in the table.
struct Latest {
    keyed_seq: i64,
    messages: usize,
    /// A hash of each key: too little to say that it is here, enough to say that
    /// it is not.
    hashes: Vec<u32>,
}

impl ClientKeys {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Call it when a turn begins. What the last one learnt and did not confirm
    /// is forgotten.
    pub(crate) fn begin(&self) {
        let state = &mut *self.lock();
        state.absent.clear();
        for conversation in state.learnt.drain() {
            state.latest.remove(&conversation);
        }
    }

    /// Call it when what was learnt is committed.
    pub(crate) fn confirm(&self) {
        self.lock().learnt.clear();
    }

    /// Call it when another process has written.
    pub(crate) fn forget_all(&self) {
        self.lock().latest.clear();
    }

    /// Call it when a conversation is deleted.
    pub(crate) fn forget(&self, conversation: ConversationId) {
        self.lock().latest.remove(&conversation.as_uuid());
    }

    /// What was sent under these keys; for who has the turn.
    pub(crate) fn find_sent(&self, connection: &Connection, keys: HashSet<Key>) -> SqlResult<Vec<SentMessage>> {
        let mut state = self.lock();
        let mut found = Vec::new();
        for key in keys {
            match state.find(connection, &key)? {
                Some(sent) => found.push(sent),
                None => drop(state.absent.insert(key)),
            }
        }
        Ok(found)
    }

    /// Takes the keys of messages, each of which `insert` then stores.
    pub(crate) fn take_each(
        &self,
        connection: &Connection,
        messages: &[SentMessage],
        mut insert: impl FnMut(&SentMessage) -> SqlResult<()>,
    ) -> SqlResult<()> {
        let mut state = self.lock();
        let mut due = HashSet::new();
        for sent in messages {
            if state.take(connection, &sent.message)? {
                due.insert(sent.message.conversation_id.as_uuid());
            }
            insert(sent)?;
        }
        due.into_iter().take(AT_ONCE).try_for_each(|conversation| state.write_keys(connection, conversation))
    }
}

/// [`ClientKeys::find_sent`] for anyone.
pub(crate) fn find_sent(connection: &Connection, keys: &HashSet<Key>) -> SqlResult<Vec<SentMessage>> {
    let mut found = Vec::new();
    for key in keys {
        found.extend(find(connection, key, true)?);
    }
    Ok(found)
}

impl State {
    fn hash(&self, sender: UserId, client_id: &ClientId) -> u32 {
        #[allow(clippy::cast_possible_truncation, reason = "as many bits as are kept")]
        let hash = self.hasher.hash_one((sender, client_id.as_str())) as u32;
        hash
    }

    /// What is remembered of a conversation, read if nothing is; `None` when
    /// there is no such conversation.
    fn latest(&mut self, connection: &Connection, conversation: ConversationId) -> SqlResult<Option<&mut Latest>> {
        let id = conversation.as_uuid();
        if !self.latest.contains_key(&id) {
            let Some(read) = self.read(connection, id)? else { return Ok(None) };
            if self.latest.len() >= REMEMBERED {
                self.latest.clear();
            }
            self.latest.insert(id, read);
        }
        self.learnt.insert(id);
        Ok(self.latest.get_mut(&id))
    }

    fn read(&self, connection: &Connection, conversation: Uuid) -> SqlResult<Option<Latest>> {
        let mut select = connection.prepare_cached(
            "SELECT c.keyed_seq, m.seq, m.sender_id, m.client_id
             FROM conversations c LEFT JOIN messages m ON m.conversation_id = c.id AND m.seq > c.keyed_seq
             WHERE c.id = ?1",
        )?;
        let mut rows = select.query([conversation])?;
        let mut latest = None;
        while let Some(row) = rows.next()? {
            let keyed_seq = row.get(0)?;
            let latest = latest.get_or_insert(Latest { keyed_seq, messages: 0, hashes: vec![] });
            if row.get::<_, Option<i64>>(1)?.is_some() {
                latest.messages += 1;
                let client_id = row.get::<_, Option<String>>(3)?.map(ClientId::from_stored);
                let sender = UserId::from_uuid(row.get(2)?);
                latest.hashes.extend(client_id.map(|client_id| self.hash(sender, &client_id)));
            }
        }
        if let Some(latest) = &mut latest
            && latest.messages >= WORTH_WRITING
        {
            latest.messages = latest.messages.max(WRITE_AFTER + SPREAD);
        }
        Ok(latest)
    }

    fn find(&mut self, connection: &Connection, key: &Key) -> SqlResult<Option<SentMessage>> {
        let hash = self.hash(key.0, &key.2);
        let may_be_latest = self.latest(connection, key.1)?.is_some_and(|latest| latest.hashes.contains(&hash));
        find(connection, key, may_be_latest)
    }

    /// Takes the key of a message that is about to be stored. True when the
    /// conversation's keys are to be written.
    fn take(&mut self, connection: &Connection, message: &Message) -> SqlResult<bool> {
        let conversation = message.conversation_id;
        let key = message.client_id.clone().map(|client_id| (message.sender_id, conversation, client_id));
        if let Some(key) = &key
            && !self.absent.remove(key)
            && self.find(connection, key)?.is_some()
        {
            return Err(StoreError::Unique(UniqueKey::MessageClientId).into());
        }
        let hash = key.as_ref().map(|(sender, _, client_id)| self.hash(*sender, client_id));
        // Without a conversation the message is refused when it is stored.
        let Some(latest) = self.latest(connection, conversation)? else { return Ok(false) };
        if message.seq.get() <= latest.keyed_seq {
            if let Some(key) = &key {
                insert_key(connection, key, message.seq.get())?;
            }
            return Ok(false);
        }
        latest.hashes.extend(hash);
        latest.messages += 1;
        Ok(latest.messages >= WRITE_AFTER + usize::from(conversation.as_uuid().as_bytes()[15]) % SPREAD)
    }

    /// Writes the keys of all messages that a conversation has by now. Should
    /// another process have stored one twice, the first message keeps the key.
    fn write_keys(&mut self, connection: &Connection, conversation: Uuid) -> SqlResult<()> {
        let written = connection
            .prepare_cached(
                "INSERT INTO message_keys (conversation_id, client_id, sender_id, seq)
                 SELECT m.conversation_id, m.client_id, m.sender_id, m.seq
                 FROM conversations c CROSS JOIN messages m ON m.conversation_id = c.id AND m.seq > c.keyed_seq
                 WHERE c.id = ?1 AND m.client_id IS NOT NULL ORDER BY m.seq
                 ON CONFLICT DO NOTHING",
            )?
            .execute([conversation])?;
        if self.latest.get(&conversation).is_some_and(|latest| latest.hashes.len() > written) {
            tracing::error!(%conversation, "two messages of a sender have the same client id");
        }
        let keyed_seq = connection
            .prepare_cached(
                "UPDATE conversations SET keyed_seq = (SELECT max(seq) FROM messages WHERE conversation_id = ?1)
                 WHERE id = ?1 RETURNING keyed_seq",
            )?
            .query_row([conversation], |row| row.get(0))?;
        self.latest.insert(conversation, Latest { keyed_seq, messages: 0, hashes: vec![] });
        Ok(())
    }
}

/// The message of a key, looked for among the latest only if it may be there.
fn find(connection: &Connection, key: &Key, may_be_latest: bool) -> SqlResult<Option<SentMessage>> {
    match among_keyed(connection, key)? {
        None if may_be_latest => among_latest(connection, key),
        sent => Ok(sent),
    }
}

/// The message of a key that is in the table.
fn among_keyed(connection: &Connection, (sender, conversation, client_id): &Key) -> SqlResult<Option<SentMessage>> {
    let mut select = connection.prepare_cached(concat!(
        "SELECT ",
        message_columns!("m"),
        ", m.payload_hash
         FROM message_keys k CROSS JOIN messages m ON m.conversation_id = k.conversation_id AND m.seq = k.seq
         WHERE k.conversation_id = ?1 AND k.client_id = ?2 AND k.sender_id = ?3"
    ))?;
    let key = params![conversation.as_uuid(), client_id.as_str(), sender.as_uuid()];
    Ok(select.query_row(key, sent_message).optional()?)
}

/// That of a key that is not, among the messages after those whose keys are.
fn among_latest(connection: &Connection, (sender, conversation, client_id): &Key) -> SqlResult<Option<SentMessage>> {
    let mut select = connection.prepare_cached(concat!(
        "SELECT ",
        message_columns!("m"),
        ", m.payload_hash
         FROM conversations c CROSS JOIN messages m ON m.conversation_id = c.id AND m.seq > c.keyed_seq
         WHERE c.id = ?1 AND m.client_id = ?2 AND m.sender_id = ?3"
    ))?;
    let key = params![conversation.as_uuid(), client_id.as_str(), sender.as_uuid()];
    Ok(select.query_row(key, sent_message).optional()?)
}

fn insert_key(connection: &Connection, (sender, conversation, client_id): &Key, seq: i64) -> SqlResult<()> {
    connection
        .prepare_cached(
            "INSERT INTO message_keys (conversation_id, client_id, sender_id, seq) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![conversation.as_uuid(), client_id.as_str(), sender.as_uuid(), seq])?;
    Ok(())
}

fn sent_message(row: &rusqlite::Row<'_>) -> rusqlite::Result<SentMessage> {
    let payload_hash = PayloadHash::from_stored(row.get(MESSAGE_COLUMNS)?);
    Ok(SentMessage { message: message(row)?, payload_hash })
}
