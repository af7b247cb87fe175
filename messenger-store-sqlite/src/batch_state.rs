//! What a batch depends on, read at once.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use messenger_core::id::{ConversationId, MessageId, UserId};
use messenger_core::store::{BatchKeys, BatchState, StoreResult, direct_pairs};
use rusqlite::Connection;

use crate::client_keys::Key;
use crate::error::SqlResult;
use crate::handle::Handle;
use crate::latest::Latest;
use crate::repositories::conversations::{conversations_by_id, memberships_by_key};
use crate::repositories::friendships::pairs_by_key;
use crate::repositories::messages::messages_by_id;
use crate::repositories::users::users_by_id;

/// Where to wake the writer's thread takes time, up to so many memberships are
/// read without. More are read where the batch is written, with the file's lock:
/// the pages are at hand there, which every commit takes from all other
/// connections.
const FEW: usize = 8;

impl Handle {
    /// See [`Transaction::read_batch`](messenger_core::store::Transaction::read_batch).
    pub(crate) async fn read_batch(&mut self, keys: BatchKeys<'_>) -> StoreResult<BatchState> {
        let latest = self.latest().cloned().unwrap_or_default();
        let is_unchanged = !self.is_writing();
        if keys.places.len() > FEW || self.writes_here() {
            self.begin_writing()?;
        }
        let (keys, remembered) = (Keys::of(keys), Arc::clone(&latest));
        let state = self.call(move |connection| keys.read(connection, &remembered)).await?;
        if is_unchanged {
            // It was learnt from what is committed, whatever follows from it: all
            // of the batch may be refused.
            latest.confirm();
        }
        Ok(state)
    }
}

/// [`BatchKeys`] that may go to another thread.
struct Keys {
    ids: Vec<ConversationId>,
    places: BTreeSet<(ConversationId, UserId)>,
    sent: HashSet<Key>,
    messages: Vec<MessageId>,
    spoken_in: Vec<ConversationId>,
}

impl Keys {
    fn of(keys: BatchKeys<'_>) -> Self {
        let ids: BTreeSet<_> = keys.places.iter().map(|(id, _)| *id).collect();
        Self {
            ids: ids.into_iter().collect(),
            places: keys.places.iter().copied().collect(),
            sent: keys.sent.iter().cloned().collect(),
            messages: keys.messages.to_vec(),
            spoken_in: keys.spoken_in.to_vec(),
        }
    }

    fn read(self, connection: &Connection, latest: &Latest) -> SqlResult<BatchState> {
        let conversations = conversations_by_id(connection, &self.ids)?;
        let mut state = BatchState {
            memberships: memberships_by_key(connection, &self.places)?,
            sent: latest.find_sent(connection, self.sent)?,
            ..BatchState::default()
        };
        if !self.messages.is_empty() {
            state.messages = messages_by_id(connection, &self.messages)?;
        }
        let pairs = direct_pairs(&conversations, &self.spoken_in);
        if !pairs.is_empty() {
            let both: Vec<_> = pairs.iter().flat_map(|pair| pair.both()).collect();
            state.pairs = pairs_by_key(connection, &pairs)?;
            state.users = users_by_id(connection, &both)?;
        }
        Ok(BatchState { conversations, ..state })
    }
}
