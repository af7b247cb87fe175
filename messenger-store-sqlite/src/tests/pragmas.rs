//! The settings that the promises rest on are really in force.

use messenger_core::store::Store as _;
use rusqlite::Connection;

use super::fixtures::TestStore;
use crate::owned::Owned;

fn pragma(connection: &Connection, name: &str) -> String {
    let value: rusqlite::types::Value = connection.pragma_query_value(None, name, |row| row.get(0)).expect(name);
    match value {
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Text(text) => text,
        other => panic!("{name} is {other:?}"),
    }
}

fn all(owned: &mut Owned) -> Vec<(&'static str, String)> {
    [
        "journal_mode",
        "synchronous",
        "fullfsync",
        "foreign_keys",
        "query_only",
        "busy_timeout",
        "wal_autocheckpoint",
        "journal_size_limit",
    ]
    .into_iter()
    .map(|name| (name, pragma(&owned.connection, name)))
    .collect()
}

#[tokio::test]
async fn the_writer_syncs_every_commit() {
    let test = TestStore::open().await;
    let pragmas = test.store.writer().run(all).await.expect("answers");
    let expected = [
        ("journal_mode", "wal"),
        ("synchronous", "2"),
        ("fullfsync", "1"),
        ("foreign_keys", "1"),
        ("query_only", "0"),
        ("busy_timeout", "5000"),
        ("wal_autocheckpoint", "0"),
        ("journal_size_limit", "67108864"),
    ];
    assert_eq!(pragmas, expected.map(|(name, value)| (name, value.to_owned())));
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let test = TestStore::open().await;
    let pragmas = test.store.reader().await.run(all).await.expect("answers");
    assert!(pragmas.contains(&("query_only", "1".to_owned())), "{pragmas:?}");
    assert!(pragmas.contains(&("journal_mode", "wal".to_owned())), "{pragmas:?}");
    test.store.ping().await.expect("the others are still there");
}
