//! Under which client ids messages were sent: what the writer remembers, what
//! the table has and what the messages say are one.

use std::collections::{HashMap, HashSet};

use messenger_core::conversation::Role;
use messenger_core::id::{ConversationId, UserId};
use messenger_core::message::{ClientId, SentMessage};
use messenger_core::store::{BatchKeys, BatchRows, MessageQueries, Store as _, StoreError, UniqueKey};
use proptest::prelude::*;

use super::fixtures::*;
use crate::SqliteStore;

/// Two conversations, the keys of which are written after 96 messages each.
const CONVERSATIONS: [u128; 2] = [256, 512];
/// So many messages at most have their keys not written.
const MOST_LATEST: i64 = 95;

type Key = (UserId, ConversationId, ClientId);

/// What one who has the turn does.
#[derive(Debug, Clone)]
struct Turn {
    /// Looks up the keys first.
    asks: bool,
    /// Does as a lane does.
    is_lane: bool,
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
    // Mostly new ones: what is refused ends its turn.
    let number = prop_oneof![60 => any::<u16>(), 1 => 0..40_u16];
    let send = (0..CONVERSATIONS.len(), 1..=2_u128, number);
    let end =
        prop_oneof![6 => Just(End::Commit), 2 => Just(End::RollBack), 1 => Just(End::Drop), 1 => Just(End::Reopen)];
    let turn = (any::<bool>(), any::<bool>(), prop::collection::vec(send, 1..60), end);
    let turn = turn.prop_map(|(asks, is_lane, sends, end)| Turn { asks, is_lane, sends, end });
    prop::collection::vec(turn, 8..16)
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
    told(queries.find_sent(keys).await.expect("reads"))
}

fn told(sent: Vec<SentMessage>) -> HashSet<(Key, i64)> {
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
        let mut is_refused = false;
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
            End::Commit | End::Reopen => match tx.commit(&[]).await {
                Ok(_) => assert!(!is_refused, "a key was taken twice"),
                Err(StoreError::Unique(UniqueKey::MessageClientId)) if is_refused => return,
                Err(other) => panic!("{other}"),
            },
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
        let some = (0..CONVERSATIONS.len()).flat_map(|at| (0..40).map(move |number| key((at, 1, number))));
        let keys: Vec<_> = self.model.keys().cloned().chain(some).collect();
        let mut snapshot = self.test.store.read().await.expect("reads");
        assert_eq!(found(snapshot.messages(), &keys).await, expected(&self.model, &keys));
        drop(snapshot);
        assert_eq!(found(self.test.begin().await.messages(), &keys).await, expected(&self.model, &keys));
        let connection = rusqlite::Connection::open(self.test.path()).expect("opens");
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("counts");
        let latest = "SELECT coalesce(max(latest), 0) FROM (
                          SELECT count(*) AS latest FROM messages m JOIN conversations c ON c.id = m.conversation_id
                          WHERE m.seq > c.keyed_seq GROUP BY c.id)";
        assert!(count(latest) <= MOST_LATEST);
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

/// Sends of one user to the first conversation.
fn turn(numbers: std::ops::Range<u16>) -> Turn {
    Turn { asks: true, is_lane: true, sends: numbers.map(|number| (0, 1, number)).collect(), end: End::Commit }
}

#[tokio::test]
async fn keys_are_written_many_at_once() {
    let mut stored = Stored { sent: 1, ..Stored::new().await };
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

/// By a turn that looks for the key, of a writer that has not written since it
/// was opened; or by one that is about something else.
async fn assert_noticed(looks: bool) {
    let mut stored = Stored::new().await;
    stored.take(Turn { end: if looks { End::Reopen } else { End::Commit }, ..turn(1..2) }).await;
    let other_process = rusqlite::Connection::open(stored.test.path()).expect("opens");
    other_process
        .execute(
            "INSERT INTO messages (id, conversation_id, seq, sender_id, body, client_id, payload_hash, created_at)
             SELECT randomblob(16), conversation_id, 2, sender_id, body, 'other', payload_hash, created_at FROM messages",
            [],
        )
        .expect("inserts");
    let (sender, conversation, _) = key((0, 1, 1));
    let key = (sender, conversation, client_id("other"));
    let mut message = message(20_000, conversation, 3, sender);
    message.message.client_id = Some(key.2.clone());

    let mut tx = stored.test.begin().await;
    let refused = if looks {
        tx.messages().find_sent(std::slice::from_ref(&key)).await.expect("reads");
        tx.messages().insert_messages(std::slice::from_ref(&message)).await
    } else {
        tx.users().insert_user(&user(9)).await
    };
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    drop(tx);
    let found = found(stored.test.begin().await.messages(), std::slice::from_ref(&key)).await;
    assert_eq!(found, HashSet::from([(key, 2)]));
    let refused = stored.test.begin().await.messages().insert_messages(&[message]).await;
    assert!(matches!(refused, Err(StoreError::Unique(UniqueKey::MessageClientId))), "{refused:?}");
}

#[tokio::test]
async fn what_another_process_wrote_is_noticed_before_a_key_is_used_again() {
    assert_noticed(true).await;
    assert_noticed(false).await;
}

#[tokio::test]
async fn a_key_that_another_process_used_twice_stops_nobody() {
    let mut stored = Stored::new().await;
    stored.take(turn(1..2)).await;
    let other_process = rusqlite::Connection::open(stored.test.path()).expect("opens");
    let copies = "INSERT INTO messages (id, conversation_id, seq, sender_id, body, client_id, payload_hash, created_at)
                  SELECT randomblob(16), conversation_id, seq + 1, sender_id, body, client_id, payload_hash, created_at
                  FROM messages";
    other_process.execute(copies, []).expect("inserts");
    stored.sent += 1;
    let noticed = stored.test.begin().await.commit(&[]).await;
    assert!(matches!(noticed, Err(StoreError::Conflict(_))), "{noticed:?}");
    stored.take(turn(2..150)).await;
    stored.assert_found().await;
}
