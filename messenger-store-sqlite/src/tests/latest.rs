//! A conversation's latest messages, its other ones and what the writer remembers
//! of them are one to whoever asks.

use std::collections::HashSet;

use messenger_core::store::{BatchRows, StoreError, UniqueKey};
use proptest::prelude::*;

use super::fixtures::*;
use super::turns::{CONVERSATIONS, End, Stored, Turn, found, key, turns};

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_message_is_found_wherever_it_is(turns in turns()) {
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
async fn places_and_keys_are_written_many_at_once() {
    let mut stored = Stored::new().await;
    stored.sent = 1;
    let written = |stored: &Stored| {
        let connection = rusqlite::Connection::open(stored.test.path()).expect("opens");
        let counts = "SELECT (SELECT count(*) FROM message_keys), (SELECT count(*) FROM message_places),
                             (SELECT count(*) FROM messages)";
        connection.query_row(counts, [], |row| Ok([row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?])).expect("counts")
    };
    stored.take(turn(0..95)).await;
    assert_eq!(written(&stored), [0, 0, 95]);
    stored.take(turn(95..96)).await;
    assert_eq!(written(&stored), [96, 96, 96]);
    stored.take(turn(96..191)).await;
    assert_eq!(written(&stored), [96, 96, 191]);
    stored.assert_found().await;

    // Number 1 was passed.
    let late = message(20_000, conversation_id(CONVERSATIONS[0]), 1, user_id(2));
    let refused = stored.test.begin().await.messages().insert_messages(&[late]).await;
    assert!(matches!(refused, Err(StoreError::Unique(UniqueKey::MessageSeq))), "{refused:?}");
    stored.assert_found().await;

    let mut tx = stored.test.begin().await;
    tx.conversations().delete_conversation(conversation_id(CONVERSATIONS[0])).await.expect("deletes");
    tx.commit(&[]).await.expect("commits");
    assert_eq!(written(&stored), [0; 3], "they go with their conversation");
}

/// The one message is sent once more, under this client id.
fn copy_in_another_process(stored: &Stored, client_id: &str) {
    let other_process = rusqlite::Connection::open(stored.test.path()).expect("opens");
    let copy = "INSERT INTO messages (previous, id, conversation_id, seq, sender_id, body, client_id, payload_hash,
                                      created_at)
                SELECT place, randomblob(16), conversation_id, seq + 1, sender_id, body, ?1, payload_hash, created_at
                FROM messages";
    assert_eq!(other_process.execute(copy, [client_id]), Ok(1));
    let last = "UPDATE conversations SET last_place = last_insert_rowid() WHERE last_place > 0";
    assert_eq!(other_process.execute(last, []), Ok(1));
}

/// By a turn that looks for the key, of a writer that has not written since it
/// was opened; or by one that is about something else.
async fn assert_noticed(looks: bool) {
    let mut stored = Stored::new().await;
    stored.take(Turn { end: if looks { End::Reopen } else { End::Commit }, ..turn(1..2) }).await;
    copy_in_another_process(&stored, "other");
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
    copy_in_another_process(&stored, "1");
    stored.sent += 1;
    let noticed = stored.test.begin().await.commit(&[]).await;
    assert!(matches!(noticed, Err(StoreError::Conflict(_))), "{noticed:?}");
    stored.take(turn(2..150)).await;
    stored.assert_keys_found().await;
}

#[tokio::test]
async fn a_key_counts_from_when_it_is_stored_in_the_same_turn() {
    // Among messages of the same batch, too.
    for asks in [true, false] {
        let mut stored = Stored::new().await;
        stored.take(turn(0..50)).await;
        let twice = turn(50..60).sends.into_iter().chain([(0, 1, 55)]).collect();
        stored.take(Turn { asks, sends: twice, ..turn(0..0) }).await;
        stored.assert_found().await;
    }
}

#[tokio::test]
async fn a_wrong_memory_is_noticed_and_given_up() {
    let conversation = group(CONVERSATIONS[0], user_id(1));
    let conversations = std::slice::from_ref(&conversation);
    // Of a lane that writes the conversation too, of one that does not, and else.
    for rows in [Some(conversations), Some(&[]), None] {
        let mut stored = Stored::new().await;
        stored.take(turn(1..2)).await;
        // By the writer's own connection, where nobody looks for what others wrote.
        let forget_last = |owned: &mut crate::owned::Owned| {
            owned.connection.execute("UPDATE conversations SET last_place = 0 WHERE last_place > 0", [])
        };
        assert_eq!(stored.test.store.writer().run(forget_last).await.expect("answers"), Ok(1));
        let sent = [message(20_000, conversation.id, 2, user_id(1))];
        for is_first in [true, false] {
            let mut tx = stored.test.begin().await;
            let refused = match rows {
                Some(conversations) => {
                    let rows = BatchRows { sent: &sent, messages: &[], conversations, memberships: &[] };
                    tx.write_batch(rows).await.expect("is put off");
                    tx.commit(&[]).await.map(drop)
                }
                None => tx.messages().insert_messages(&sent).await,
            };
            assert_eq!(matches!(refused, Err(StoreError::Conflict(_))), is_first, "{refused:?}");
            assert_eq!(refused.is_ok(), !is_first, "{refused:?}");
        }
    }
}
