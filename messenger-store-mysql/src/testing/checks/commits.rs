//! Commits that go well, and commits that do not.

use std::time::{Duration, Instant};

use messenger_core::event::{Partition, Position};
use messenger_core::friendship::PairChange;
use messenger_core::store::{Store, StoreError, UniqueKey};

use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection};

use super::fixture::{Fixture, at, conversation_event, direct, group, member, message, pair, user, user_event};
use crate::MySqlStore;

async fn names(store: &MySqlStore) -> Vec<String> {
    let mut snapshot = store.read().await.expect("read");
    let found = snapshot.users().find_users(&[user(1).id, user(2).id]).await.expect("read");
    found.into_iter().map(|user| user.username.to_string()).collect()
}

/// Writers on several partitions at once: every partition is 1, 2, 3 ….
pub(crate) async fn positions_are_dense_in_every_partition(server_url: String) {
    let (fixture, store) = Fixture::store(server_url).await;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8_u128 {
        let store = store.clone();
        tasks.spawn(async move {
            for round in 0..20 {
                let count = 1 + (task + round) % 5;
                let events: Vec<_> = (0..count).map(|n| user_event(task * 31 + round * 7 + n)).collect();
                let tx = store.begin().await.expect("begun");
                tx.commit(&events).await.expect("committed without a conflict");
            }
        });
    }
    while let Some(result) = tasks.join_next().await {
        result.expect("no panic");
    }
    let mut snapshot = store.read().await.expect("read");
    let heads = snapshot.events().log_heads().await.expect("read");
    for (partition, head) in heads {
        let events = snapshot.events().list_events(partition, Position::ZERO, 10_000).await.expect("read");
        let positions: Vec<_> = events.iter().map(|event| event.position.get()).collect();
        assert_eq!(positions, (1..=head.get()).collect::<Vec<_>>());
    }
    drop(snapshot);
    store.close().await;
    fixture.drop_database().await;
}

/// The partition that [`user_event`] writes to.
fn place(number: u128) -> Partition {
    let count = messenger_core::event::PartitionCount::try_new(8).expect("not zero");
    count.partition_of(user(number).id.as_uuid())
}

/// The server itself refuses to commit, as nobody else could in time.
pub(crate) async fn without_a_counter_nothing_is_committed(server_url: String) {
    let (fixture, store) = Fixture::store(server_url).await;
    let mut connection = MySqlConnection::connect(&fixture.url).await.expect("connected");
    // Two users of different partitions, the second of which has no counter.
    let other = (2..100).find(|number| place(*number) > place(1)).expect("there are eight");
    let gone = format!("DELETE FROM log_partitions WHERE partition_id = {}", place(other).get());
    sqlx::raw_sql(AssertSqlSafe(gone)).execute(&mut connection).await.expect("deleted");
    for events in [vec![user_event(other)], vec![user_event(1), user_event(other)]] {
        let mut tx = store.begin().await.expect("begun");
        tx.users().insert_user(&user(1)).await.expect("inserted");
        let error = tx.commit(&events).await.expect_err("a counter is missing");
        assert!(matches!(&error, StoreError::Defect(text) if text.contains("0 of 1 counters")), "{error}");
        assert!(names(&store).await.is_empty());
    }
    let mut tx = store.begin().await.expect("begun");
    tx.users().insert_user(&user(1)).await.expect("inserted");
    let placed = tx.commit(&[user_event(1)]).await.expect("its counter is there");
    assert_eq!(placed[0].position.get(), 1, "and was not moved");
    connection.close().await.expect("closed");
    store.close().await;
    fixture.drop_database().await;
}

/// The connection breaks before COMMIT arrives.
pub(crate) async fn a_lost_commit_changes_nothing_and_says_unknown(server_url: String) {
    let (fixture, store) = Fixture::store(server_url).await;
    fail::cfg("mysql::commit::before", "1*return").expect("set");
    let mut tx = store.begin().await.expect("begun");
    tx.users().insert_user(&user(1)).await.expect("inserted");
    let error = tx.commit(&[user_event(1)]).await.expect_err("lost");
    assert!(matches!(error, StoreError::OutcomeUnknown(_)), "{error}");
    assert!(names(&store).await.is_empty());
    // Nobody holds the counter or the key any more.
    let mut tx = store.begin().await.expect("begun");
    tx.users().insert_user(&user(1)).await.expect("inserted");
    let placed = tx.commit(&[user_event(1)]).await.expect("committed");
    assert_eq!(placed[0].position.get(), 1);
    store.close().await;
    fixture.drop_database().await;
}

/// The connection breaks after COMMIT was carried out.
pub(crate) async fn a_lost_answer_says_unknown_and_the_change_is_there(server_url: String) {
    let (fixture, store) = Fixture::store(server_url).await;
    fail::cfg("mysql::commit::after", "1*return").expect("set");
    let mut tx = store.begin().await.expect("begun");
    tx.users().insert_user(&user(1)).await.expect("inserted");
    let error = tx.commit(&[user_event(1)]).await.expect_err("lost");
    assert!(matches!(error, StoreError::OutcomeUnknown(_)), "{error}");
    assert_eq!(names(&store).await, ["user1"]);
    store.close().await;
    fixture.drop_database().await;
}

/// Another node is slow between its counter and its COMMIT: who writes to the
/// same partition waits and comes after it, the others do not wait.
pub(crate) async fn a_held_counter_holds_up_its_partition_alone(server_url: String) {
    let (fixture, store) = Fixture::store(server_url).await;
    let elsewhere = (2..100).find(|number| place(*number) != place(1)).expect("there are eight");
    let commit = async |store: MySqlStore, number| {
        let tx = store.begin().await.expect("begun");
        let placed = tx.commit(&[user_event(number)]).await.expect("committed");
        (placed[0].position.get(), Instant::now())
    };
    fail::cfg("mysql::commit::slow", "1*return(1000)").expect("set");
    let slow = tokio::spawn(commit(store.clone(), 1));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (position, free_at) = commit(store.clone(), elsewhere).await;
    assert_eq!(position, 1);
    let (after, after_at) = commit(store.clone(), 1).await;
    let (before, before_at) = slow.await.expect("no panic");
    assert_eq!((before, after), (1, 2));
    assert!(free_at < before_at && before_at.duration_since(free_at) > Duration::from_millis(200));
    assert!(after_at.duration_since(free_at) > Duration::from_millis(200));
    store.close().await;
    fixture.drop_database().await;
}

/// Two transactions that lock the same two rows in opposite orders.
pub(crate) async fn a_deadlock_is_a_conflict_and_the_victim_commits_nothing(server_url: String) {
    let (fixture, store) = Fixture::store(server_url).await;
    let mut tx = store.begin().await.expect("begun");
    for number in 1..=2 {
        tx.users().insert_user(&user(number)).await.expect("inserted");
    }
    tx.commit(&[]).await.expect("committed");
    let mut one = store.begin().await.expect("begun");
    let mut other = store.begin().await.expect("begun");
    one.users().lock_users(&[user(1).id]).await.expect("locked");
    other.users().lock_users(&[user(2).id]).await.expect("locked");
    let crossing = tokio::spawn(async move {
        let result = one.users().lock_users(&[user(2).id]).await;
        (one, result.err())
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let second = other.users().lock_users(&[user(1).id]).await.err();
    let (one, first) = if second.is_some() {
        // The other one goes on only when the victim has let go.
        let error = other.users().insert_user(&user(3)).await.expect_err("nothing may follow");
        assert!(matches!(error, StoreError::Defect(_)), "{error}");
        let error = other.commit(&[user_event(1)]).await.expect_err("nothing to commit");
        assert!(matches!(error, StoreError::Defect(_)), "{error}");
        crossing.await.expect("no panic")
    } else {
        let (one, first) = crossing.await.expect("no panic");
        other.rollback().await.expect("rolled back");
        (one, first)
    };
    assert_eq!([&first, &second].iter().filter(|error| error.is_some()).count(), 1);
    let error = first.or(second).expect("one of the two");
    assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    one.rollback().await.expect("rolled back");
    let mut snapshot = store.read().await.expect("read");
    assert_eq!(snapshot.events().log_heads().await.expect("read")[&Partition::from_stored(0)], Position::ZERO);
    assert!(snapshot.users().find_users(&[user(3).id]).await.expect("read").is_empty());
    drop(snapshot);
    store.close().await;
    fixture.drop_database().await;
}

/// Each unique key, violated.
pub(crate) async fn a_taken_key_is_named(server_url: String) {
    use messenger_core::conversation::Role;

    let (fixture, store) = Fixture::store(server_url).await;
    let email = messenger_core::user::Email::parse("a@b.example").expect("valid");
    let mut ada = user(1);
    ada.email = Some(email.clone());
    let (crew, talk) = (group(50, 1), direct(51, pair(1, 2)));
    let sent = message(1, &crew, 1, 1);
    let since = at(1);
    let block = PairChange::InsertBlock { blocker: user(1).id, since };
    let mut tx = store.begin().await.expect("begun");
    tx.users().insert_user(&ada).await.expect("inserted");
    for conversation in [&crew, &talk] {
        tx.conversations().insert_conversation(conversation).await.expect("inserted");
    }
    tx.conversations().insert_memberships(&[member(&crew, 1, Role::Owner)]).await.expect("inserted");
    tx.messages().insert_messages(std::slice::from_ref(&sent)).await.expect("inserted");
    let friends = PairChange::InsertFriendship { since };
    tx.friendships().apply_pair_changes(pair(1, 2), &[friends, block]).await.expect("applied");
    tx.commit(&[]).await.expect("committed");

    let mut same_name = user(2);
    same_name.username = ada.username.clone();
    let mut same_email = user(2);
    same_email.email = Some(email);
    let mut same_group = crew.clone();
    same_group.id = group(60, 1).id;
    let mut same_pair = talk.clone();
    same_pair.id = group(61, 1).id;
    let mut same_client_id = message(2, &crew, 2, 1);
    same_client_id.message.client_id = sent.message.client_id.clone();
    let same_seq = message(3, &crew, 1, 1);
    for (key, number) in [
        (UniqueKey::UserId, 0),
        (UniqueKey::Username, 1),
        (UniqueKey::Email, 2),
        (UniqueKey::GroupClientId, 3),
        (UniqueKey::DirectConversation, 4),
        (UniqueKey::MessageClientId, 5),
        (UniqueKey::MessageSeq, 6),
        (UniqueKey::Other, 7),
        (UniqueKey::Membership, 8),
        (UniqueKey::Friendship, 9),
        (UniqueKey::Friendship, 10),
    ] {
        let mut tx = store.begin().await.expect("begun");
        let result = match number {
            0 => tx.users().insert_user(&ada).await,
            1 => tx.users().insert_user(&same_name).await,
            2 => tx.users().insert_user(&same_email).await,
            3 => tx.conversations().insert_conversation(&same_group).await,
            4 => tx.conversations().insert_conversation(&same_pair).await,
            5 => tx.messages().insert_messages(std::slice::from_ref(&same_client_id)).await,
            6 => tx.messages().insert_messages(std::slice::from_ref(&same_seq)).await,
            7 => tx.messages().insert_messages(std::slice::from_ref(&sent)).await,
            8 => tx.conversations().insert_memberships(&[member(&crew, 1, Role::Member)]).await,
            9 => tx.friendships().apply_pair_changes(pair(1, 2), &[friends]).await,
            _ => tx.friendships().apply_pair_changes(pair(1, 2), &[block]).await,
        };
        // What has no answer may be put off until something is read.
        let result = match result {
            Ok(()) => tx.users().find_users(&[ada.id]).await.map(drop),
            error => error,
        };
        let error = result.expect_err("taken");
        assert!(matches!(error, StoreError::Unique(found) if found == key), "{error} for {key:?}");
        tx.rollback().await.expect("rolled back");
    }
    let sent = messenger_core::event::Fact::MessageSent { conversation_id: crew.id, message_id: sent.message.id };
    let tx = store.begin().await.expect("begun");
    tx.commit(&[conversation_event(&crew, sent)]).await.expect("committed");
    store.close().await;
    fixture.drop_database().await;
}
