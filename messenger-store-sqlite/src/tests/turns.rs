//! Turns to write that send messages, and a model of what must be found of them.

use std::collections::{HashMap, HashSet};

use messenger_core::conversation::Role;
use messenger_core::event::{Audience, Event, Fact, NewEvent, Partition, Position};
use messenger_core::id::{ConversationId, UserId};
use messenger_core::message::{ClientId, Message, MessageRange, SentMessage, Seq};
use messenger_core::page::Slice;
use messenger_core::store::{BatchKeys, BatchRows, MessageQueries, Snapshot, Store as _, StoreError, UniqueKey};
use proptest::prelude::*;

use super::fixtures::*;
use crate::SqliteStore;

/// Two conversations, each indexed after 96 messages.
pub(super) const CONVERSATIONS: [u128; 2] = [256, 512];
/// So many messages at most are not.
const MOST_LATEST: i64 = 95;

pub(super) type Key = (UserId, ConversationId, ClientId);

/// What one who has the turn does.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    /// Looks up the keys first.
    pub(super) asks: bool,
    /// Does as a lane does.
    pub(super) is_lane: bool,
    /// Where, who, and under which client id.
    pub(super) sends: Vec<(usize, u128, u16)>,
    pub(super) end: End,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    Commit,
    RollBack,
    Drop,
    /// Commits, and the store is closed and opened anew.
    Reopen,
}

pub(super) fn turns() -> impl Strategy<Value = Vec<Turn>> {
    // Mostly new ones: what is refused ends its turn.
    let number = prop_oneof![60 => any::<u16>(), 1 => 0..40_u16];
    let send = (0..CONVERSATIONS.len(), 1..=2_u128, number);
    let end =
        prop_oneof![6 => Just(End::Commit), 2 => Just(End::RollBack), 1 => Just(End::Drop), 1 => Just(End::Reopen)];
    let turn = (any::<bool>(), any::<bool>(), prop::collection::vec(send, 1..60), end);
    let turn = turn.prop_map(|(asks, is_lane, sends, end)| Turn { asks, is_lane, sends, end });
    prop::collection::vec(turn, 8..16)
}

pub(super) fn key((at, sender, number): (usize, u128, u16)) -> Key {
    (user_id(sender), conversation_id(CONVERSATIONS[at]), client_id(&format!("{number:x}")))
}

/// What is stored: the number of each key's message.
type Model = HashMap<Key, i64>;

fn expected(model: &Model, keys: &[Key]) -> HashSet<(Key, i64)> {
    keys.iter().filter_map(|key| Some((key.clone(), *model.get(key)?))).collect()
}

pub(super) async fn found(queries: &mut dyn MessageQueries, keys: &[Key]) -> HashSet<(Key, i64)> {
    told(queries.find_sent(keys).await.expect("reads"))
}

fn told(sent: Vec<SentMessage>) -> HashSet<(Key, i64)> {
    let told = sent.into_iter().map(|SentMessage { message, .. }| {
        let client_id = message.client_id.expect("has one");
        ((message.sender_id, message.conversation_id, client_id), message.seq.get())
    });
    told.collect()
}

/// What the log tells of a message.
fn told_of(message: &Message) -> NewEvent {
    let (conversation_id, message_id) = (message.conversation_id, message.id);
    event(Audience::Conversation(conversation_id), Fact::MessageSent { conversation_id, message_id })
}

pub(super) struct Stored {
    pub(super) test: TestStore,
    pub(super) model: Model,
    /// In the order in which they were sent, which is that of their numbers over
    /// both conversations.
    messages: Vec<Message>,
    events: Vec<Event>,
    pub(super) sent: i64,
    /// No id is used twice, also not after it was rolled back.
    next_id: u128,
}

impl Stored {
    pub(super) async fn new() -> Self {
        let test = TestStore::open().await.with_users(2).await;
        let mut tx = test.begin().await;
        for conversation in CONVERSATIONS.map(|n| group(n, user_id(1))) {
            tx.conversations().insert_conversation(&conversation).await.expect("inserts");
            let member = membership(&conversation, user_id(1), Role::Owner);
            tx.conversations().insert_memberships(&[member]).await.expect("inserts");
        }
        tx.commit(&[]).await.expect("commits");
        Self { test, model: Model::new(), messages: vec![], events: vec![], sent: 0, next_id: 10_000 }
    }

    pub(super) async fn take(&mut self, turn: Turn) {
        let keys: Vec<_> = turn.sends.iter().copied().map(key).collect();
        let mut tx = self.test.begin().await;
        if turn.asks && turn.is_lane {
            // Of more than a few places, so that it is asked of the writer.
            let places: Vec<_> = (1..=9).map(|n| (conversation_id(CONVERSATIONS[0]), user_id(n))).collect();
            let keys = BatchKeys { places: &places, sent: &keys, ..BatchKeys::NOTHING };
            let sent = tx.read_batch(keys).await.expect("reads").sent;
            assert_eq!(told(sent), expected(&self.model, keys.sent));
        } else if turn.asks {
            assert_eq!(found(tx.messages(), &keys).await, expected(&self.model, &keys));
        }
        let (mut model, mut sent) = (self.model.clone(), self.sent);
        let (mut is_refused, mut stored) = (false, vec![]);
        let at_once = if turn.is_lane { keys.len() } else { 7 };
        for some in keys.chunks(at_once) {
            let mut messages = vec![];
            for (sender, conversation, client_id) in some {
                (sent, self.next_id) = (sent + 1, self.next_id + 1);
                let mut message = message(self.next_id, *conversation, sent, *sender);
                message.message.client_id = Some(client_id.clone());
                messages.push(message);
                let key = (*sender, *conversation, client_id.clone());
                is_refused |= model.insert(key, sent).is_some();
            }
            stored.extend(messages.iter().map(|sent| sent.message.clone()));
            if turn.is_lane {
                let rows = BatchRows { sent: &messages, messages: &[], conversations: &[], memberships: &[] };
                tx.write_batch(rows).await.expect("is put off");
                break;
            }
            match tx.messages().insert_messages(&messages).await {
                Ok(()) => assert!(!is_refused, "a key was taken twice"),
                Err(StoreError::Unique(UniqueKey::MessageClientId)) => assert!(is_refused, "no key was taken"),
                Err(other) => panic!("{other}"),
            }
            if is_refused {
                return;
            }
            assert_eq!(found(tx.messages(), &keys).await, expected(&model, &keys), "of what it wrote itself");
        }
        match turn.end {
            End::RollBack => return tx.rollback().await.expect("rolls back"),
            End::Drop => return,
            End::Commit | End::Reopen => match tx.commit(&stored.iter().map(told_of).collect::<Vec<_>>()).await {
                Ok(events) => {
                    assert!(!is_refused, "a key was taken twice");
                    self.events.extend(events);
                }
                Err(StoreError::Unique(UniqueKey::MessageClientId)) if is_refused => return,
                Err(other) => panic!("{other}"),
            },
        }
        (self.model, self.sent) = (model, sent);
        self.messages.extend(stored);
        if matches!(turn.end, End::Reopen) {
            self.reopen().await;
        }
    }

    pub(super) async fn reopen(&mut self) {
        let path = self.test.path();
        let other = SqliteStore::open(self.test.directory.path().join("other.db")).await.expect("opens");
        drop(std::mem::replace(&mut self.test.store, other));
        self.test.store = SqliteStore::open(path).await.expect("opens");
    }

    /// All is found by all that asks for messages.
    pub(super) async fn assert_found(&self) {
        self.assert_keys_found().await;
        let mut snapshot = self.test.store.read().await.expect("reads");
        self.assert_histories(snapshot.messages()).await;
        self.assert_recent(snapshot.messages()).await;
        self.assert_events(snapshot.as_mut()).await;
        let connection = rusqlite::Connection::open(self.test.path()).expect("opens");
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("counts");
        let latest = "SELECT coalesce(max(latest), 0) FROM (
                          SELECT count(*) AS latest FROM messages m JOIN conversations c ON c.id = m.conversation_id
                          WHERE m.seq > c.indexed_seq GROUP BY c.id)";
        assert!(count(latest) <= MOST_LATEST);
    }

    pub(super) async fn assert_keys_found(&self) {
        let some = (0..CONVERSATIONS.len()).flat_map(|at| (0..40).map(move |number| key((at, 1, number))));
        let keys: Vec<_> = self.model.keys().cloned().chain(some).collect();
        let mut snapshot = self.test.store.read().await.expect("reads");
        assert_eq!(found(snapshot.messages(), &keys).await, expected(&self.model, &keys));
        drop(snapshot);
        assert_eq!(found(self.test.begin().await.messages(), &keys).await, expected(&self.model, &keys));
    }

    async fn assert_histories(&self, queries: &mut dyn MessageQueries) {
        for conversation in CONVERSATIONS.map(conversation_id) {
            let all: Vec<_> = self.messages.iter().filter(|sent| sent.conversation_id == conversation).collect();
            let places: Vec<_> = (0..=self.sent + 1).map(|seq| (conversation, Seq::from_stored(seq))).collect();
            let found = queries.find_messages_at(&places).await.expect("reads");
            assert_eq!(found.iter().collect::<Vec<_>>(), all);
            for seq in (0..=self.sent + 1).step_by(13).map(Seq::from_stored) {
                let (until, after) = all.split_at(all.partition_point(|message| message.seq <= seq));
                let before = &all[..all.partition_point(|message| message.seq < seq)];
                for limit in [1, 20] {
                    for (range, expected) in [
                        (MessageRange::Latest, last(&all, limit)),
                        (MessageRange::Before(seq), last(before, limit)),
                        (MessageRange::After(seq), &after[..limit.min(after.len())]),
                    ] {
                        let limit = u32::try_from(limit).expect("small");
                        let listed = queries.list_messages(conversation, range, limit).await.expect("reads");
                        assert_eq!(listed.iter().collect::<Vec<_>>(), expected, "{limit} of {range:?}");
                    }
                }
                for sender in [1, 2].map(user_id) {
                    let count = queries.count_sent_after(conversation, sender, seq).await.expect("counts");
                    let is_counted = |message: &&&Message| message.sender_id == sender;
                    assert_eq!(usize::try_from(count), Ok(after.iter().filter(is_counted).count()), "{until:?}");
                }
            }
        }
    }

    async fn assert_recent(&self, queries: &mut dyn MessageQueries) {
        let (mut listed, mut after) = (vec![], None);
        loop {
            let slice = Slice { after, limit: 37 };
            let page = queries.list_recent_messages(user_id(1), slice).await.expect("reads");
            listed.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(listed.iter().rev().collect::<Vec<_>>(), self.messages.iter().collect::<Vec<_>>());
    }

    async fn assert_events(&self, snapshot: &mut dyn Snapshot) {
        let end = Position::from_stored(i64::MAX);
        for after in (0..=self.sent).step_by(13).map(Position::from_stored) {
            let anchors = CONVERSATIONS.map(|n| (conversation_id(n).as_uuid(), after));
            let listed = snapshot.events().list_events_to(Partition::from_stored(0), &anchors, end, 50).await;
            let expected = self.events.iter().filter(|event| event.position > after).take(50).copied();
            assert_eq!(listed.expect("reads"), expected.collect::<Vec<_>>(), "after {after:?}");
        }
    }
}

fn last<T>(of: &[T], limit: usize) -> &[T] {
    &of[of.len() - limit.min(of.len())..]
}
