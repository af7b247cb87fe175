//! What a caller learns when the connection breaks around COMMIT. A process of
//! its own: fail points hold for every store in it.

#[path = "../src/tests/fixtures.rs"]
#[allow(dead_code, reason = "not every value is used by every test")]
mod fixtures;

use std::time::Duration;

use fail::FailScenario;
use fixtures::{TestStore, event, user, user_id};
use messenger_core::event::{Audience, Event, Fact};
use messenger_core::store::{Store as _, StoreError, StoreResult};
use messenger_store_sqlite::{SqliteOptions, SqliteStore};

/// Who begins a unit of work.
#[derive(Debug, Clone, Copy)]
enum Begun {
    ByCaller,
    ByLane,
}

/// How and by whom.
const BREAKS: [(&str, Begun); 4] =
    [("return", Begun::ByCaller), ("panic", Begun::ByCaller), ("return", Begun::ByLane), ("panic", Begun::ByLane)];

/// Stores user 1 with an event, while the point does `action`.
async fn commit_with(test: &TestStore, begun: Begun, point: &str, action: &str) -> StoreResult<Vec<Event>> {
    let mut tx = match begun {
        Begun::ByCaller => test.begin().await,
        Begun::ByLane => test.store.begin_batch().await.expect("begins"),
    };
    tx.users().insert_user(&user(1)).await.expect("inserts");
    fail::cfg(point, action).expect("a valid action");
    let fact = Fact::UserUpdated { user_id: user_id(1) };
    let committed = tx.commit(&[event(Audience::User(user_id(1)), fact)]).await;
    fail::remove(point);
    committed
}

/// The last position of the log.
async fn head(test: &TestStore) -> i64 {
    let mut snapshot = test.store.read().await.expect("reads");
    let heads = snapshot.events().log_heads().await.expect("reads");
    heads.values().map(|head| head.get()).sum()
}

/// The store goes on: what comes next is stored.
async fn assert_goes_on(test: &TestStore) {
    let mut tx = test.begin().await;
    tx.users().insert_user(&user(2)).await.expect("inserts");
    tx.commit(&[]).await.expect("commits");
    assert_eq!(test.find_users(&[user_id(2)]).await, [user(2)]);
}

#[tokio::test]
async fn a_break_before_commit_leaves_nothing_behind() {
    let scenario = FailScenario::setup();
    for (action, begun) in BREAKS {
        let test = TestStore::open().await;
        let answer = commit_with(&test, begun, "sqlite::commit::before", action).await;
        assert!(matches!(answer, Err(StoreError::OutcomeUnknown(_))), "{action} {begun:?}: {answer:?}");
        assert_eq!(test.find_users(&[user_id(1)]).await, [], "{action} {begun:?}");
        assert_eq!(head(&test).await, 0, "{action} {begun:?}");
        assert_goes_on(&test).await;
    }
    scenario.teardown();
}

#[tokio::test]
async fn a_break_after_commit_leaves_it_done() {
    let scenario = FailScenario::setup();
    for (action, begun) in BREAKS {
        let test = TestStore::open().await;
        let answer = commit_with(&test, begun, "sqlite::commit::after", action).await;
        assert!(matches!(answer, Err(StoreError::OutcomeUnknown(_))), "{action} {begun:?}: {answer:?}");
        assert_eq!(test.find_users(&[user_id(1)]).await, [user(1)], "{action} {begun:?}");
        assert_eq!(head(&test).await, 1, "{action} {begun:?}");
        assert_goes_on(&test).await;
    }
    scenario.teardown();
}

#[tokio::test]
async fn a_slow_commit_holds_up_the_writer_and_nobody_else() {
    let scenario = FailScenario::setup();
    let test = TestStore::open().await;
    fail::cfg("sqlite::commit::before", "pause").expect("a valid action");
    let mut tx = test.begin().await;
    tx.users().insert_user(&user(1)).await.expect("inserts");
    let mut committing = tokio::spawn(async move { tx.commit(&[]).await });
    // One runtime thread: it would stand still if the fail point ran on it.
    let early = tokio::time::timeout(Duration::from_millis(50), &mut committing).await;
    assert!(early.is_err(), "the commit waits: {early:?}");
    assert_eq!(test.find_users(&[user_id(1)]).await, [], "readers read");
    let next = tokio::time::timeout(Duration::from_millis(50), test.store.begin()).await;
    assert!(next.is_err(), "the next writer waits");
    fail::remove("sqlite::commit::before");
    committing.await.expect("ends well").expect("commits");
    assert_eq!(test.find_users(&[user_id(1)]).await, [user(1)]);
    assert_goes_on(&test).await;
    scenario.teardown();
}

#[tokio::test]
async fn a_caller_that_gives_up_on_a_commit_does_not_undo_it() {
    let scenario = FailScenario::setup();
    let test = TestStore::open().await;
    fail::cfg("sqlite::commit::before", "sleep(50)").expect("a valid action");
    let mut tx = test.begin().await;
    tx.users().insert_user(&user(1)).await.expect("inserts");
    let given_up = tokio::time::timeout(Duration::from_millis(10), tx.commit(&[])).await;
    assert!(given_up.is_err(), "{given_up:?}");
    fail::remove("sqlite::commit::before");
    assert_goes_on(&test).await;
    assert_eq!(test.find_users(&[user_id(1)]).await, [user(1)]);
    scenario.teardown();
}

#[tokio::test]
async fn who_is_next_reads_what_a_caller_that_gave_up_has_committed() {
    let scenario = FailScenario::setup();
    let test = TestStore::open().await.with_users(1).await;
    let mut tx = test.begin().await;
    let [mut changed] = tx.users().lock_users(&[user_id(1)]).await.expect("reads").try_into().expect("one");
    changed.updated_at = fixtures::at(7);
    tx.users().update_user(&fixtures::user(1), &changed).await.expect("updates");
    fail::cfg("sqlite::commit::before", "sleep(300)").expect("a valid action");
    let given_up = tokio::time::timeout(Duration::from_millis(50), tx.commit(&[])).await;
    assert!(given_up.is_err(), "{given_up:?}");
    let mut next = test.begin().await;
    let read = next.users().lock_users(&[user_id(1)]).await.expect("reads");
    assert_eq!(read, [changed], "what was on its way is done, and read");
    scenario.teardown();
}
