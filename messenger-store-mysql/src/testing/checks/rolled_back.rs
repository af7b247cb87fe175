//! The store whose every change is rolled back.

use messenger_core::conversation::Role;
use messenger_core::event::Fact;
use messenger_core::store::{Store, StoreError};

use super::fixture::{Fixture, conversation_event, group, member, message, user, user_event};
use crate::MySqlStore;
use crate::testing::{RolledBackStore, checksums};

async fn prepared(server_url: String) -> (Fixture, RolledBackStore) {
    let (fixture, store): (_, MySqlStore) = Fixture::store(server_url).await;
    store.close().await;
    let store = RolledBackStore::open(&fixture.url).await.expect("opened");
    (fixture, store)
}

/// Commits, rollbacks and failures, and afterwards nothing of it.
pub(crate) async fn a_rolled_back_store_leaves_no_trace(server_url: String) {
    let (fixture, store) = prepared(server_url).await;
    let before = checksums(&fixture.url).await.expect("read");
    assert!(before["log_partitions"].0 == 8 && before["users"].0 == 0);
    let crew = group(50, 1);
    let mut tx = store.begin().await.expect("begun");
    tx.users().insert_user(&user(1)).await.expect("inserted");
    tx.conversations().insert_conversation(&crew).await.expect("inserted");
    tx.conversations().insert_memberships(&[member(&crew, 1, Role::Owner)]).await.expect("inserted");
    tx.messages().insert_messages(&[message(1, &crew, 1, 1)]).await.expect("inserted");
    let created = conversation_event(&crew, Fact::ConversationCreated { conversation_id: crew.id });
    let placed = tx.commit(&[created, user_event(1)]).await.expect("committed");
    assert!(placed.iter().all(|event| event.position.get() >= 1));
    let mut tx = store.begin().await.expect("begun");
    tx.users().insert_user(&user(2)).await.expect("inserted");
    drop(tx);
    let mut tx = store.begin().await.expect("begun");
    tx.users().insert_user(&user(3)).await.expect("inserted");
    tx.rollback().await.expect("rolled back");
    let mut tx = store.begin().await.expect("begun");
    let error = tx.users().insert_user(&user(1)).await.expect_err("taken");
    assert!(matches!(error, StoreError::Unique(_)), "{error}");
    drop(tx);
    let mut snapshot = store.read().await.expect("read");
    let found = snapshot.users().find_users(&[user(1).id, user(2).id, user(3).id]).await.expect("read");
    assert_eq!(found, [user(1)]);
    drop(snapshot);
    store.ping().await.expect("alive");
    let tx = store.begin().await.expect("begun");
    let next = tx.commit(&[user_event(1)]).await.expect("committed");
    assert_eq!(next[0].position, placed[1].position.next(), "the log goes on within the case");
    store.finish().await.expect("rolled back");
    assert_eq!(checksums(&fixture.url).await.expect("read"), before);
    // The checksums do notice a change.
    let real = MySqlStore::connect(&fixture.url).await.expect("connected");
    real.begin().await.expect("begun").commit(&[user_event(1)]).await.expect("committed");
    let after = checksums(&fixture.url).await.expect("read");
    let changed: Vec<_> = after.keys().filter(|table| after[*table] != before[*table]).collect();
    assert_eq!(changed, ["events", "log_partitions"]);
    real.close().await;
    fixture.drop_database().await;
}

/// Not a hang.
pub(crate) async fn a_second_transaction_fails_loudly(server_url: String) {
    let (fixture, store) = prepared(server_url).await;
    let tx = store.begin().await.expect("begun");
    for error in [store.begin().await.err(), store.read().await.err(), store.ping().await.err()] {
        let error = error.expect("busy");
        assert!(matches!(&error, StoreError::Defect(text) if text.contains("one connection")), "{error}");
    }
    drop(tx);
    drop(store.read().await.expect("free again"));
    store.finish().await.expect("rolled back");
    fixture.drop_database().await;
}

/// A lock wait (a deadlock all the more) ends the case: nothing that follows
/// means anything.
pub(crate) async fn a_conflict_spoils_the_case(server_url: String) {
    let (fixture, store) = prepared(server_url).await;
    let real = MySqlStore::connect(&fixture.url).await.expect("connected");
    let mut holder = real.begin().await.expect("begun");
    holder.users().insert_user(&user(1)).await.expect("inserted");
    let holding = tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
        holder.rollback().await.expect("rolled back");
    });
    let mut tx = store.begin().await.expect("begun");
    let error = tx.users().insert_user(&user(1)).await.expect_err("held");
    assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    tx.rollback().await.expect("rolled back");
    let error = store.begin().await.err().expect("spoilt");
    assert!(matches!(&error, StoreError::Defect(text) if text.contains("in a rolled-back case")), "{error}");
    store.finish().await.expect_err("the case does not count");
    holding.await.expect("no panic");
    real.close().await;
    fixture.drop_database().await;
}
