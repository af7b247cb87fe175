//! The files, and who may open them.

use messenger_core::event::PartitionCount;
use messenger_core::store::{Migrator as _, Store as _};

use super::fixtures::{TestStore, user, user_id};
use crate::{MigrateOnOpen, OpenError, SqliteMigrator, SqliteOptions, SqliteStore};

#[cfg(unix)]
#[tokio::test]
async fn every_file_is_readable_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let test = TestStore::open().await.with_users(1).await;
    test.find_users(&[]).await;
    for suffix in ["", "-wal", "-shm", "-lock"] {
        let path = format!("{}{suffix}", test.path().display());
        let mode = std::fs::metadata(&path).unwrap_or_else(|error| panic!("{path}: {error}")).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{path}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_second_server_is_refused_by_any_name_of_the_file() {
    let test = TestStore::open().await;
    let link = test.path().with_file_name("link.db");
    std::os::unix::fs::symlink(test.path(), &link).expect("links");
    let error = SqliteStore::open(&link).await.expect_err("in use");
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
}

#[tokio::test]
async fn a_second_server_is_refused_with_one_line() {
    let test = TestStore::open().await;
    let error = SqliteStore::open(test.path()).await.expect_err("in use");
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
    let line = error.to_string();
    assert!(line.contains("messenger.db is in use by another messenger server"), "{line}");
    assert!(!line.contains('\n'), "{line}");
}

#[tokio::test]
async fn status_is_told_beside_a_server() {
    let test = TestStore::open().await;
    let status = SqliteMigrator::new(SqliteOptions::new(test.path())).status().await.expect("tells");
    assert_eq!(status.len(), crate::migrations::MIGRATIONS.len());
}

#[tokio::test]
async fn a_dropped_store_frees_its_file_and_leaves_no_log_behind() {
    let test = TestStore::open().await.with_users(1).await;
    let (path, snapshot) = (test.path(), test.store.read().await.expect("reads"));
    let TestStore { store, .. } = &test;
    let clone = store.clone();
    drop(clone);
    assert!(SqliteStore::open(&path).await.is_err(), "the store is still there");
    drop(snapshot);

    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("messenger.db");
    let store = SqliteStore::open(&path).await.expect("opens");
    let snapshot = store.read().await.expect("reads");
    drop(store);
    assert!(SqliteStore::open(&path).await.is_err(), "a snapshot still reads");
    drop(snapshot);
    assert!(!directory.path().join("messenger.db-wal").exists(), "the log was moved into the file");
    SqliteStore::open(&path).await.expect("free again");
}

#[tokio::test]
async fn what_was_acknowledged_is_in_the_files_and_what_was_not_is_not() {
    let test = TestStore::open().await;
    let mut tx = test.begin().await;
    tx.users().insert_user(&user(1)).await.expect("inserts");
    tx.commit(&[]).await.expect("commits");
    let mut tx = test.begin().await;
    tx.users().insert_user(&user(2)).await.expect("inserts");
    // What another process finds after this one was killed here.
    let after = tempfile::tempdir().expect("a directory");
    for name in ["messenger.db", "messenger.db-wal"] {
        std::fs::copy(test.directory.path().join(name), after.path().join(name)).expect("copies");
    }
    let found = TestStore {
        store: SqliteStore::open(after.path().join("messenger.db")).await.expect("opens"),
        directory: after,
    };
    assert_eq!(found.find_users(&[user_id(1), user_id(2)]).await, [user(1)]);
}

#[tokio::test]
async fn a_database_keeps_the_partitions_it_was_made_with() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut options = SqliteOptions::new(directory.path().join("messenger.db"));
    options.partitions = PartitionCount::try_new(8).expect("not zero");
    let mut epochs = Vec::new();
    for _ in 0..2 {
        let store = SqliteStore::open_with(options.clone()).await.expect("opens");
        let mut snapshot = store.read().await.expect("reads");
        let identity = snapshot.events().log_identity().await.expect("reads");
        assert_eq!(identity.partitions.get(), 8);
        assert_eq!(snapshot.events().log_heads().await.expect("reads").len(), 8);
        epochs.push(identity.epoch);
        options.partitions = PartitionCount::try_new(3).expect("not zero");
    }
    assert_eq!(epochs[0], epochs[1]);
}

#[tokio::test]
async fn a_store_that_may_not_migrate_says_what_is_missing() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut options = SqliteOptions::new(directory.path().join("messenger.db"));
    options.migrate = MigrateOnOpen::Refuse;
    let error = SqliteStore::open_with(options.clone()).await.expect_err("nothing is applied").to_string();
    assert!(error.contains("messenger migrate up"), "{error}");
    SqliteMigrator::new(options.clone()).up().await.expect("applies");
    SqliteStore::open_with(options).await.expect("opens");
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("none").join("messenger.db");
    let error = SqliteStore::open(path).await.expect_err("no directory").to_string();
    assert!(error.contains("none"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("letter.txt");
    let text = "Dear Ada, ".repeat(1_000);
    std::fs::write(&path, &text).expect("writes");
    let error = SqliteStore::open(&path).await.expect_err("no database").to_string();
    assert!(error.contains("letter.txt"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).expect("reads"), text);
}

#[tokio::test]
async fn a_name_that_sqlite_has_a_meaning_for_is_a_file_like_any_other() {
    let directory = tempfile::tempdir().expect("a directory");
    for name in [":memory:", "file:x?mode=memory", "ünïcödé 🦀.db"] {
        let path = directory.path().join(name);
        let store = SqliteStore::open(&path).await.expect("opens");
        store.ping().await.expect("answers");
        assert!(std::fs::metadata(&path).expect("a file").len() > 0, "{name}");
    }
}
