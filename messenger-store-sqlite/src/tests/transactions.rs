//! What becomes of transactions, snapshots and their threads.

use std::time::Duration;

use messenger_core::event::{Audience, Fact, Partition, Position};
use messenger_core::store::{Store as _, StoreError};

use super::fixtures::*;
use crate::SqliteStore;

#[tokio::test]
async fn a_dropped_transaction_rolls_back() {
    let test = TestStore::open().await;
    let mut tx = test.begin().await;
    tx.users().insert_user(&user(1)).await.expect("inserts");
    drop(tx);
    assert_eq!(test.find_users(&[user_id(1)]).await, []);
    let mut tx = test.begin().await;
    assert_eq!(tx.users().lock_users(&[user_id(1)]).await.expect("reads"), []);
    tx.users().insert_user(&user(1)).await.expect("the name is free");
    tx.rollback().await.expect("rolls back");
    assert_eq!(test.find_users(&[user_id(1)]).await, []);
}

#[tokio::test]
async fn a_batch_has_its_turn_like_any_other() {
    let test = TestStore::open().await;
    let mut batch = test.store.begin_batch().await.expect("begins");
    batch.users().insert_user(&user(1)).await.expect("inserts");
    let early = tokio::time::timeout(Duration::from_millis(50), test.store.begin()).await;
    assert!(early.is_err(), "it is not another's turn");
    drop(batch);

    let mut tx = test.begin().await;
    assert_eq!(tx.users().lock_users(&[user_id(1)]).await.expect("reads"), [], "undone");
    tx.users().insert_user(&user(1)).await.expect("inserts");
    tx.commit(&[]).await.expect("commits");

    let mut batch = test.store.begin_batch().await.expect("begins");
    assert_eq!(batch.users().lock_users(&[user_id(1)]).await.expect("reads"), [user(1)]);
    batch.users().insert_user(&user(2)).await.expect("inserts");
    batch.commit(&[]).await.expect("commits");
    assert_eq!(test.find_users(&[user_id(2)]).await, [user(2)]);
}

#[tokio::test]
async fn nothing_is_written_that_follows_from_what_another_process_changed() {
    let test = TestStore::open().await.with_users(1).await;
    let other_process = rusqlite::Connection::open(test.path()).expect("opens");
    let change = || other_process.execute("UPDATE users SET bio = 'changed'", []).expect("writes");

    let mut tx = test.begin().await;
    let [mut read] = tx.users().lock_users(&[user_id(1)]).await.expect("reads").try_into().expect("one");
    change();
    read.updated_at = at(7);
    let written = tx.users().update_user(&user(1), &read).await;
    assert!(matches!(written, Err(StoreError::Conflict(_))), "{written:?}");
    drop(tx);

    // Once more, as after every conflict.
    let mut tx = test.begin().await;
    let [mut read] = tx.users().lock_users(&[user_id(1)]).await.expect("reads").try_into().expect("one");
    read.updated_at = at(7);
    tx.users().update_user(&user(1), &read).await.expect("nobody has written since");
    tx.commit(&[]).await.expect("commits");
    let [stored] = test.find_users(&[user_id(1)]).await.try_into().expect("one");
    assert_eq!((stored.bio.map(|bio| bio.as_str().to_owned()), stored.updated_at), (Some("changed".to_owned()), at(7)));
}

#[tokio::test]
async fn a_snapshot_does_not_change_while_others_commit() {
    let test = TestStore::open().await.with_users(1).await;
    let mut before = test.store.read().await.expect("reads");
    // The state is that of the first read.
    assert_eq!(before.users().find_users(&[user_id(1)]).await.expect("reads"), [user(1)]);
    let test = {
        let mut tx = test.begin().await;
        tx.users().insert_user(&user(2)).await.expect("inserts");
        let fact = Fact::UserUpdated { user_id: user_id(2) };
        tx.commit(&[event(Audience::User(user_id(2)), fact)]).await.expect("commits");
        test
    };
    let ids = [user_id(1), user_id(2)];
    assert_eq!(before.users().find_users(&ids).await.expect("reads"), [user(1)]);
    let heads = before.events().log_heads().await.expect("reads");
    assert!(heads.values().all(|head| head.get() == 0), "{heads:?}");
    drop(before);
    assert_eq!(test.find_users(&ids).await, [user(1), user(2)]);
}

#[tokio::test]
async fn who_asks_for_the_present_is_never_answered_from_before() {
    let test = TestStore::open().await;
    let mut present = test.store.read_latest().await.expect("reads");
    for n in 1..10 {
        for is_there in [false, true] {
            if is_there {
                let mut tx = test.begin().await;
                tx.users().insert_user(&user(n)).await.expect("inserts");
                let fact = Fact::UserUpdated { user_id: user_id(n) };
                tx.commit(&[event(Audience::User(user_id(n)), fact)]).await.expect("commits");
            }
            // What is one statement, what may be several, and what may take long.
            let found = present.users().find_users(&[user_id(n)]).await.expect("reads");
            let heads = present.events().log_heads().await.expect("reads");
            let anchors = [(user_id(n).as_uuid(), Position::ZERO)];
            let (partition, end) = (Partition::from_stored(0), Position::from_stored(i64::MAX));
            let told = present.events().list_events_to(partition, &anchors, end, 9).await.expect("reads");
            assert_eq!(found.len(), usize::from(is_there));
            assert_eq!(heads[&partition].get(), i64::try_from(n).expect("few") - i64::from(!is_there));
            assert_eq!(told.len(), usize::from(is_there));
        }
    }
}

#[tokio::test]
async fn a_reader_lent_again_sees_the_present() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut options = crate::SqliteOptions::new(directory.path().join("messenger.db"));
    options.readers = 1;
    let store = SqliteStore::open_with(options).await.expect("opens");
    for n in 1..20 {
        let mut tx = store.begin().await.expect("begins");
        tx.users().insert_user(&user(n)).await.expect("inserts");
        tx.commit(&[]).await.expect("commits");
        let mut snapshot = store.read().await.expect("reads");
        assert_eq!(snapshot.users().find_users(&[user_id(n)]).await.expect("reads"), [user(n)]);
    }
}

#[tokio::test]
async fn transactions_wait_their_turn_in_order() {
    let test = TestStore::open().await.with_users(1).await;
    let first = test.begin().await;
    let (sender, mut order) = tokio::sync::mpsc::unbounded_channel();
    let mut waiting = Vec::new();
    for n in 0..10 {
        let (store, sender) = (test.store.clone(), sender.clone());
        waiting.push(tokio::spawn(async move {
            let tx = store.begin().await.expect("begins");
            sender.send(n).expect("someone listens");
            tx.rollback().await.expect("rolls back");
        }));
        // One runtime thread: the task runs until it waits for its turn.
        tokio::task::yield_now().await;
    }
    assert!(order.try_recv().is_err(), "nobody is let in beside the first");
    drop(first);
    for n in 0..10 {
        assert_eq!(order.recv().await, Some(n));
    }
    for task in waiting {
        task.await.expect("ends well");
    }
}

#[tokio::test]
async fn a_caller_that_gives_up_leaves_nothing_behind() {
    let test = TestStore::open().await;
    // Polled once, so that BEGIN, or the wait for the turn, is under way.
    for _ in 0..50 {
        let begin = test.store.begin();
        let _ = tokio::time::timeout(Duration::ZERO, begin).await;
        let read = test.store.read();
        let _ = tokio::time::timeout(Duration::ZERO, read).await;
    }
    let mut tx = test.begin().await;
    tx.users().insert_user(&user(1)).await.expect("inserts");
    tx.commit(&[]).await.expect("commits");
    assert_eq!(test.find_users(&[user_id(1)]).await, [user(1)]);
}

#[tokio::test]
async fn what_breaks_a_rule_is_not_stored() {
    let test = TestStore::open().await.with_users(1).await;
    let mut tx = test.begin().await;
    let orphan = message(60, conversation_id(50), 1, user_id(1));
    assert!(matches!(tx.messages().insert_messages(&[orphan]).await, Err(StoreError::Defect(_))));
    drop(tx);

    let mut tx = test.begin().await;
    let missing = tx.users().update_user(&user(9), &user(9)).await;
    assert!(matches!(missing, Err(StoreError::Defect(_))), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn positions_are_dense_under_many_writers() {
    let test = TestStore::open().await.with_users(8).await;
    let mut tasks = Vec::new();
    for n in 1..=8 {
        let store = test.store.clone();
        tasks.push(tokio::spawn(async move {
            for _ in 0..10 {
                let tx = store.begin().await.expect("begins");
                let fact = Fact::UserUpdated { user_id: user_id(n) };
                tx.commit(&[event(Audience::User(user_id(n)), fact); 2]).await.expect("commits");
            }
        }));
    }
    for task in tasks {
        task.await.expect("ends well");
    }
    let mut snapshot = test.store.read().await.expect("reads");
    let heads = snapshot.events().log_heads().await.expect("reads");
    assert_eq!(heads.len(), 1);
    for (partition, head) in heads {
        let none = messenger_core::event::Position::ZERO;
        let events = snapshot.events().list_events(partition, none, 1_000).await.expect("reads");
        let positions: Vec<_> = events.iter().map(|event| event.position.get()).collect();
        assert_eq!(positions, (1..=160).collect::<Vec<_>>());
        assert_eq!(head.get(), 160);
    }
}
