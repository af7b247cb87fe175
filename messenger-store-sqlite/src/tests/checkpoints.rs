//! The write-ahead log neither grows without end nor makes anyone wait long.

use std::time::{Duration, Instant};

use messenger_core::store::{Store as _, Transaction};

use super::fixtures::*;
use crate::SqliteStore;
use crate::checkpoint::{Thresholds, take_over, with_log_pages};

/// Small, so that the tests are quick.
const THRESHOLDS: Thresholds = Thresholds { copy: 20, wait: 100 };

async fn log_pages(test: &TestStore) -> i32 {
    let pages = |owned: &mut crate::owned::Owned| {
        owned.connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1)).expect("answers")
    };
    test.store.writer().run(pages).await.expect("answers")
}

/// Changes a user, which takes a page or two of log.
async fn change_in(mut tx: Box<dyn Transaction>, n: i64) {
    let mut changed = user(1);
    changed.updated_at = at(n);
    tx.users().update_user(&user(1), &changed).await.expect("updates");
    tx.commit(&[]).await.expect("commits");
}

async fn change(test: &TestStore, n: i64) {
    change_in(test.begin().await, n).await;
    test.store.see_to_log(log_pages(test).await, THRESHOLDS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_log_is_begun_anew_although_readers_never_pause() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut options = crate::SqliteOptions::new(directory.path().join("messenger.db"));
    options.readers = 4;
    let store = SqliteStore::open_with(options).await.expect("opens");
    let test = TestStore { store, directory }.with_users(1).await;
    let mut readers = tokio::task::JoinSet::new();
    for n in 0..4 {
        let store = test.store.clone();
        readers.spawn(async move {
            loop {
                let mut snapshot = store.read().await.expect("reads");
                snapshot.users().find_users(&[user_id(1)]).await.expect("reads");
                tokio::time::sleep(Duration::from_millis(2 + n)).await;
                drop(snapshot);
            }
        });
    }
    let (mut longest, mut last, mut begun_anew) = (0, 0, 0);
    for n in 0..400 {
        change(&test, n).await;
        let pages = log_pages(&test).await;
        longest = longest.max(pages);
        begun_anew += u32::from(pages < last);
        last = pages;
    }
    // Without waiting for the readers it is never begun anew: 800 pages.
    assert!(begun_anew >= 1, "{longest} pages at most");
    assert!(longest < 600, "{longest} pages");
}

#[tokio::test]
async fn a_snapshot_that_is_held_delays_few_and_stays_as_it_was() {
    let test = TestStore::open().await.with_users(1).await;
    let mut held = test.store.read().await.expect("reads");
    held.users().find_users(&[user_id(1)]).await.expect("reads");
    let started = Instant::now();
    for n in 0..150 {
        change(&test, n).await;
    }
    let pages = log_pages(&test).await;
    assert!(pages > 150, "the log cannot be begun anew: {pages}");
    // Once or twice the patience, not 150 times.
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!(held.users().find_users(&[user_id(1)]).await.expect("reads"), [user(1)]);
    drop(held);
    for n in 0..150 {
        change(&test, n).await;
    }
    let pages = log_pages(&test).await;
    assert!(pages < 150, "the log was begun anew: {pages}");
}

#[tokio::test]
async fn a_batch_has_its_turn_when_the_log_has_been_seen_to() {
    const AT_ONCE: Thresholds = Thresholds { copy: i32::MAX, wait: 1 };
    let test = TestStore::open().await.with_users(1).await;
    for n in 0..30 {
        for n in 0..3 {
            change_in(test.store.begin_batch().await.expect("begins"), 10 * n).await;
        }
        let pages = log_pages(&test).await;
        test.store.see_to_log(0, AT_ONCE).await;
        test.store.see_to_log(pages, AT_ONCE).await;
        change_in(test.store.begin_batch().await.expect("begins"), n).await;
        let after = log_pages(&test).await;
        assert!(after < pages, "the log was begun anew: {after} pages after {pages}");
    }
}

#[test]
fn what_adds_nothing_to_the_log_says_nothing_of_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let connection = rusqlite::Connection::open(directory.path().join("x.db")).expect("opens");
    connection.pragma_update(None, "journal_mode", "WAL").expect("is set");
    take_over(&connection);
    let run = |statements: &str| with_log_pages(|| connection.execute_batch(statements).expect("valid SQL")).1;
    let first = run("CREATE TABLE t (n); INSERT INTO t VALUES (1)");
    assert!(first.is_some_and(|pages| pages > 0), "{first:?}");
    assert_eq!(run("BEGIN IMMEDIATE; UPDATE t SET n = 2 WHERE n = 7; COMMIT"), None);
    assert!(run("INSERT INTO t VALUES (2)") > first);
}
