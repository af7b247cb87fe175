//! Under which client ids messages were sent: what the writer remembers, what
//! the table has and what the messages say are one.

use std::collections::{HashMap, HashSet};

use messenger_core::conversation::Role;
use messenger_core::id::{ConversationId, UserId};
use messenger_core::message::{ClientId, SentMessage};
use messenger_core::store::{MessageQueries, Store as _, StoreError, UniqueKey};
use proptest::prelude::*;

use super::fixtures::*;
use crate::SqliteStore;

/// Two conversations, the keys of which are written after 96 messages each.
const CONVERSATIONS: [u128; 2] = [256, 512];
/// So many messages at most have their keys not written.
const MOST_LATEST: i64 = 160;

type Key = (UserId, ConversationId, ClientId);

/// What one who has the turn does.
#[derive(Debug, Clone)]
struct Turn {
    /// Looks up the keys first, as a lane does.
    asks: bool,
    /// Where, who, and under which client id.
    sends: Vec<(usize, u128, u16)>,
    end: End,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Commit,
    RollBack,
    Drop,
    /// Commits, and the store is closed and opened anew.
    Reopen,
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let send = (0..CONVERSATIONS.len(), 1..=2_u128, 0..600_u16);
    let end =
        prop_oneof![6 => Just(End::Commit), 2 => Just(End::RollBack), 1 => Just(End::Drop), 1 => Just(End::Reopen)];
    let turn = (any::<bool>(), prop::collection::vec(send, 1..60), end);
    prop::collection::vec(turn.prop_map(|(asks, sends, end)| Turn { asks, sends, end }), 8..16)
}

fn key((at, sender, number): (usize, u128, u16)) -> Key {
    (user_id(sender), conversation_id(CONVERSATIONS[at]), client_id(&format!("{number:x}")))
}

/// What is stored: the number of each key's message.
type Model = HashMap<Key, i64>;

fn expected(model: &Model, keys: &[Key]) -> HashSet<(Key, i64)> {
    keys.iter().filter_map(|key| Some((key.clone(), *model.get(key)?))).collect()
}

async fn found(queries: &mut dyn MessageQueries, keys: &[Key]) -> HashSet<(Key, i64)> {
    let sent = queries.find_sent(keys).await.expect("reads");
    let told = sent.into_iter().map(|SentMessage { message, .. }| {
        let client_id = message.client_id.expect("has one");
        ((message.sender_id, message.conversation_id, client_id), message.seq.get())
    });
    told.collect()
}

struct Stored {
    test: TestStore,
    model: Model,
    sent: i64,
    /// No id is used twice, also not after it was rolled back.
    next_id: u128,
}

impl Stored {
    async fn new() -> Self {
        let test = TestStore::open().await.with_users(2).await;
        let mut tx = test.begin().await;
        for conversation in CONVERSATIONS.map(|n| group(n, user_id(1))) {
            tx.conversations().insert_conversation(&conversation).await.expect("inserts");
            let member = membership(&conversation, user_id(1), Role::Owner);
            tx.conversations().insert_memberships(&[member]).await.expect("inserts");
        }
        tx.commit(&[]).await.expect("commits");
        Self { test, model: Model::new(), sent: 0, next_id: 10_000 }
    }

    async fn take(&mut self, turn: Turn) {
        let keys: Vec<_> = turn.sends.iter().copied().map(key).collect();
        let mut tx = self.test.begin().await;
        if turn.asks {
            assert_eq!(found(tx.messages(), &keys).await, expected(&self.model, &keys));
        }
        let (mut model, mut sent) = (self.model.clone(), self.sent);
        let mut is_refused = false;
        for some in keys.chunks(7) {
            let mut messages = vec![];
            for (sender, conversation, client_id) in some {
                (sent, self.next_id) = (sent + 1, self.next_id + 1);
                let mut message = message(self.next_id, *conversation, sent, *sender);
                message.message.client_id = Some(client_id.clone());
                messages.push(message);
                let key = (*sender, *conversation, client_id.clone());
                is_refused |= model.insert(key, sent).is_some();
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
            End::Commit | End::Reopen => drop(tx.commit(&[]).await.expect("commits")),
        }
        (self.model, self.sent) = (model, sent);
        if matches!(turn.end, End::Reopen) {
            self.reopen().await;
        }
    }

    async fn reopen(&mut self) {
        let path = self.test.path();
        let other = SqliteStore::open(self.test.directory.path().join("other.db")).await.expect("opens");
        drop(std::mem::replace(&mut self.test.store, other));
        self.test.store = SqliteStore::open(path).await.expect("opens");
    }

    async fn assert_found(&self) {
        let keys: Vec<_> = (0..CONVERSATIONS.len())
            .flat_map(|at| (1..=2).flat_map(move |sender| (0..600).map(move |number| key((at, sender, number)))))
            .collect();
        let mut snapshot = self.test.store.read().await.expect("reads");
        assert_eq!(found(snapshot.messages(), &keys).await, expected(&self.model, &keys));
        drop(snapshot);
        assert_eq!(found(self.test.begin().await.messages(), &keys).await, expected(&self.model, &keys));
        let connection = rusqlite::Connection::open(self.test.path()).expect("opens");
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("counts");
        let latest = "SELECT coalesce(max(latest), 0) FROM (
                          SELECT count(*) AS latest FROM messages m JOIN conversations c ON c.id = m.conversation_id
                          WHERE m.seq > c.keyed_seq GROUP BY c.id)";
        assert!(count(latest) < MOST_LATEST);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_key_is_found_wherever_it_is(turns in turns()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("builds");
        runtime.block_on(async {
            let mut stored = Stored::new().await;
            for turn in turns {
                stored.take(turn).await;
            }
            stored.assert_found().await;
        });
    }
}

#[tokio::test]
async fn keys_are_written_many_at_once() {
    let mut stored = Stored { sent: 1, ..Stored::new().await };
    let turn = |numbers: std::ops::Range<u16>| Turn {
        asks: true,
        sends: numbers.map(|number| (0, 1, number)).collect(),
        end: End::Commit,
    };
    let written = |stored: &Stored| {
        let connection = rusqlite::Connection::open(stored.test.path()).expect("opens");
        let count = "SELECT count(*) FROM message_keys";
        connection.query_row(count, [], |row| row.get::<_, i64>(0)).expect("counts")
    };
    stored.take(turn(0..95)).await;
    assert_eq!(written(&stored), 0);
    stored.take(turn(95..96)).await;
    assert_eq!(written(&stored), 96);
    stored.take(turn(96..191)).await;
    assert_eq!(written(&stored), 96);
    stored.assert_found().await;

    // Numbers come in order, but no store's user is made to.
    let late = key((0, 2, 1));
    let mut message = message(20_000, late.1, 1, late.0);
    message.message.client_id = Some(late.2.clone());
    let mut tx = stored.test.begin().await;
    tx.messages().insert_messages(&[message]).await.expect("inserts");
    tx.commit(&[]).await.expect("commits");
    stored.model.insert(late, 1);
    stored.reopen().await;
    stored.assert_found().await;

    let mut tx = stored.test.begin().await;
    tx.conversations().delete_conversation(conversation_id(CONVERSATIONS[0])).await.expect("deletes");
    tx.commit(&[]).await.expect("commits");
    assert_eq!(written(&stored), 0, "they go with their conversation");
}

#[tokio::test]
async fn what_another_process_wrote_is_noticed_before_a_key_is_used_again() {
    let mut stored = Stored::new().await;
    let sends = vec![(0, 1, 1)];
    // It has not written since it was opened, but read.
    stored.take(Turn { asks: true, sends: sends.clone(), end: End::Reopen }).await;
    stored.assert_found().await;
    let other_process = rusqlite::Connection::open(stored.test.path()).expect("opens");
    other_process
        .execute(
            "INSERT INTO messages (id, conversation_id, seq, sender_id, body, client_id, payload_hash, created_at)
             SELECT randomblob(16), conversation_id, 2, sender_id, body, 'other', payload_hash, created_at FROM messages",
            [],
        )
        .expect("inserts");
    let (sender, conversation, _) = key(sends[0]);
    let key = (sender, conversation, client_id("other"));
    let mut message = message(20_000, conversation, 3, sender);
    message.message.client_id = Some(key.2.clone());

    let mut tx = stored.test.begin().await;
    tx.messages().find_sent(std::slice::from_ref(&key)).await.expect("reads");
    let refused = tx.messages().insert_messages(std::slice::from_ref(&message)).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    drop(tx);
    let found = found(stored.test.begin().await.messages(), std::slice::from_ref(&key)).await;
    assert_eq!(found, HashSet::from([(key, 2)]));
    let refused = stored.test.begin().await.messages().insert_messages(&[message]).await;
    assert!(matches!(refused, Err(StoreError::Unique(UniqueKey::MessageClientId))), "{refused:?}");
}
