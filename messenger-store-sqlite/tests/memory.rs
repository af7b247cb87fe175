//! Memory does not grow with what was read. By itself in its process, whose
//! memory it looks at.
#![cfg(target_os = "linux")]
#![allow(missing_docs, reason = "a test")]

use messenger_core::id::UserId;
use messenger_core::store::Store as _;
use messenger_store_sqlite::SqliteStore;
use uuid::Uuid;

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("the memory");
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).expect("a number")
}

async fn read(store: &SqliteStore, times: u128) {
    for n in 0..times {
        let ids: Vec<_> = (0..500).map(|id| UserId::from_uuid(Uuid::from_u128(n * 1_000 + id))).collect();
        let mut snapshot = store.read().await.expect("reads");
        assert!(snapshot.users().find_users(&ids).await.expect("reads").is_empty());
    }
}

#[tokio::test]
async fn nothing_of_the_ids_that_were_looked_for_stays_behind() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = SqliteStore::open(directory.path().join("messenger.db")).await.expect("opens");
    read(&store, 10).await;
    let before = resident_kib();
    read(&store, 2_000).await;
    // The ids alone would be 60 MB.
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 20_000, "{grown} KiB");
}
