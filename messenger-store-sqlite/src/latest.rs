//! What the writer remembers of the latest messages of conversations: those
//! that are not in the tables of places and keys yet.
//!
//! So it knows where the last message is, and which keys are new, without
//! looking.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use messenger_core::id::{ConversationId, UserId};
use messenger_core::message::{ClientId, Message, SentMessage};
use messenger_core::store::{StoreError, UniqueKey};
use rusqlite::{Connection, OptionalExtension as _, params};
use uuid::Uuid;

use crate::client_keys::{Key, among_indexed, among_latest};
use crate::error::{SqlResult, not_stored};
use crate::places::with_latest;

/// How many of a conversation's messages are the latest at most: so many, and up
/// to [`SPREAD`] more, for not all conversations to be indexed at once.
const INDEX_AFTER: usize = 96;
const SPREAD: usize = 64;

/// How many conversations at most are indexed together, each of which takes some
/// tenths of a millisecond. The others have their turn when their next message
/// is stored.
const AT_ONCE: usize = 16;

/// How many latest messages found where nothing was remembered are worth being
/// indexed at once. They may not be remembered the next time either.
const WORTH_INDEXING: usize = 8;

/// Of how many conversations the latest messages are remembered, and those of
/// one turn more: at most some 20 MB.
const REMEMBERED: usize = 16_384;

/// It is for whoever has the turn to write: the lock is never waited for.
#[derive(Default)]
pub(crate) struct Latest {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    of: HashMap<Uuid, Tail>,
    /// Keys that were looked up in this turn and not found.
    absent: HashSet<Key>,
    /// Of which conversations something was learnt in this turn that may never
    /// be committed.
    learnt: HashSet<Uuid>,
    hasher: RandomState,
}

/// The latest messages of a conversation.
struct Tail {
    /// The number and the place of the last message, 0 if there is none.
    last_seq: i64,
    last_place: i64,
    messages: usize,
    /// A hash of each key: too little to say that it is here, enough to say that
    /// it is not.
    hashes: Vec<u32>,
}

/// Where the last message of a conversation was and is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LastPlace {
    pub(crate) before: i64,
    pub(crate) after: i64,
}

/// What is still to be written of messages that were stored.
#[must_use]
#[derive(Default)]
pub(crate) struct Stored {
    pub(crate) last_places: HashMap<ConversationId, LastPlace>,
    /// Which conversations are to be indexed.
    due: HashSet<Uuid>,
}

impl Latest {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Call it when a turn begins. What the last one learnt and did not confirm
    /// is forgotten.
    pub(crate) fn begin(&self) {
        let state = &mut *self.lock();
        state.absent.clear();
        for conversation in state.learnt.drain() {
            state.of.remove(&conversation);
        }
        // Not within a turn: what it has stored is known here alone until the
        // last places are written.
        if state.of.len() >= REMEMBERED {
            state.of.clear();
        }
    }

    /// Call it when what was learnt is committed.
    pub(crate) fn confirm(&self) {
        self.lock().learnt.clear();
    }

    /// Call it when another process has written.
    pub(crate) fn forget_all(&self) {
        self.lock().of.clear();
    }

    /// Call it when a conversation is deleted.
    pub(crate) fn forget(&self, conversation: ConversationId) {
        self.lock().of.remove(&conversation.as_uuid());
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

    /// Stores each message by `insert`, which is told the place of the one before
    /// it. Then write the last places, and [`index`](Self::index).
    pub(crate) fn store_each(
        &self,
        connection: &Connection,
        messages: &[SentMessage],
        mut insert: impl FnMut(&SentMessage, i64) -> SqlResult<()>,
    ) -> SqlResult<Stored> {
        let mut state = self.lock();
        let mut stored = Stored::default();
        for sent in messages {
            let conversation = sent.message.conversation_id;
            let hash = state.take_key(connection, &sent.message)?;
            let tail = state.tail(connection, conversation)?.ok_or_else(|| not_stored("the conversation"))?;
            if sent.message.seq.get() <= tail.last_seq {
                return Err(StoreError::Unique(UniqueKey::MessageSeq).into());
            }
            insert(sent, tail.last_place)?;
            let after = connection.last_insert_rowid();
            let last = stored.last_places.entry(conversation);
            last.or_insert(LastPlace { before: tail.last_place, after }).after = after;
            (tail.last_seq, tail.last_place) = (sent.message.seq.get(), after);
            tail.messages += 1;
            tail.hashes.extend(hash);
            if tail.messages >= INDEX_AFTER + usize::from(conversation.as_uuid().as_bytes()[15]) % SPREAD {
                stored.due.insert(conversation.as_uuid());
            }
        }
        Ok(stored)
    }

    /// Writes places and keys where they are due.
    pub(crate) fn index(&self, connection: &Connection, stored: &Stored) -> SqlResult<()> {
        let mut state = self.lock();
        stored.due.iter().take(AT_ONCE).try_for_each(|conversation| state.index(connection, *conversation))
    }
}

impl State {
    fn hash(&self, sender: UserId, client_id: &ClientId) -> u32 {
        #[allow(clippy::cast_possible_truncation, reason = "as many bits as are kept")]
        let hash = self.hasher.hash_one((sender, client_id.as_str())) as u32;
        hash
    }

    /// What is remembered of a conversation, read if nothing is; `None` when
    /// there is no such conversation.
    fn tail(&mut self, connection: &Connection, conversation: ConversationId) -> SqlResult<Option<&mut Tail>> {
        let id = conversation.as_uuid();
        if !self.of.contains_key(&id) {
            let Some(read) = self.read(connection, id)? else { return Ok(None) };
            self.of.insert(id, read);
        }
        self.learnt.insert(id);
        Ok(self.of.get_mut(&id))
    }

    fn read(&self, connection: &Connection, conversation: Uuid) -> SqlResult<Option<Tail>> {
        let mut last = connection.prepare_cached(
            "SELECT m.seq, c.last_place, coalesce(m.seq > c.indexed_seq, 0)
             FROM conversations c LEFT JOIN messages m ON m.place = c.last_place WHERE c.id = ?1",
        )?;
        let last = last
            .query_row([conversation], |row| Ok((row.get::<_, Option<i64>>(0)?, row.get(1)?, row.get::<_, bool>(2)?)));
        let Some((last_seq, last_place, has_latest)) = last.optional()? else { return Ok(None) };
        if last_seq.is_none() && last_place > 0 {
            return Err(not_stored("the last message of a conversation"));
        }
        let mut tail = Tail { last_seq: last_seq.unwrap_or(0), last_place, messages: 0, hashes: vec![] };
        if !has_latest {
            return Ok(Some(tail));
        }
        let mut select = connection.prepare_cached(concat!(
            with_latest!(),
            "SELECT m.sender_id, m.client_id FROM latest CROSS JOIN messages m ON m.place = latest.place"
        ))?;
        let mut rows = select.query([conversation])?;
        while let Some(row) = rows.next()? {
            tail.messages += 1;
            let client_id = row.get::<_, Option<String>>(1)?.map(ClientId::from_stored);
            let sender = UserId::from_uuid(row.get(0)?);
            tail.hashes.extend(client_id.map(|client_id| self.hash(sender, &client_id)));
        }
        if tail.messages >= WORTH_INDEXING {
            tail.messages = tail.messages.max(INDEX_AFTER + SPREAD);
        }
        Ok(Some(tail))
    }

    fn find(&mut self, connection: &Connection, key: &Key) -> SqlResult<Option<SentMessage>> {
        let hash = self.hash(key.0, &key.2);
        let tail = self.tail(connection, key.1)?;
        let last_place = tail.filter(|tail| tail.hashes.contains(&hash)).map(|tail| tail.last_place);
        match among_indexed(connection, key)? {
            None if last_place.is_some() => among_latest(connection, key, last_place),
            sent => Ok(sent),
        }
    }

    /// Takes the key of a message that is about to be stored. Its hash is to be
    /// remembered then.
    fn take_key(&mut self, connection: &Connection, message: &Message) -> SqlResult<Option<u32>> {
        let Some(client_id) = message.client_id.clone() else { return Ok(None) };
        let hash = self.hash(message.sender_id, &client_id);
        let key = (message.sender_id, message.conversation_id, client_id);
        if !self.absent.remove(&key) && self.find(connection, &key)?.is_some() {
            return Err(StoreError::Unique(UniqueKey::MessageClientId).into());
        }
        Ok(Some(hash))
    }

    /// Writes places and keys of all messages that a conversation has by now.
    /// Should another process have stored a key twice, the first message keeps it.
    fn index(&mut self, connection: &Connection, conversation: Uuid) -> SqlResult<()> {
        let Some(tail) = self.of.get_mut(&conversation) else { return Ok(()) };
        connection
            .prepare_cached(concat!(
                with_latest!(),
                "INSERT INTO message_places (conversation_id, seq, place) SELECT ?1, seq, place FROM latest ORDER BY seq"
            ))?
            .execute([conversation])?;
        let keys = connection
            .prepare_cached(
                "INSERT INTO message_keys (conversation_id, client_id, sender_id, seq)
                 SELECT m.conversation_id, m.client_id, m.sender_id, m.seq
                 FROM conversations c
                 CROSS JOIN message_places i ON i.conversation_id = c.id AND i.seq > c.indexed_seq
                 CROSS JOIN messages m ON m.place = i.place
                 WHERE c.id = ?1 AND m.client_id IS NOT NULL ORDER BY m.client_id, m.sender_id, m.seq
                 ON CONFLICT DO NOTHING",
            )?
            .execute([conversation])?;
        if tail.hashes.len() > keys {
            tracing::error!(%conversation, "two messages of a sender have the same client id");
        }
        connection
            .prepare_cached("UPDATE conversations SET indexed_seq = ?2 WHERE id = ?1")?
            .execute(params![conversation, tail.last_seq])?;
        (tail.messages, tail.hashes) = (0, vec![]);
        Ok(())
    }
}
