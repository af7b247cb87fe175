//! What migrations make of what is there.

use messenger_core::conversation::Role;
use messenger_core::event::{Audience, Event, Fact, Partition, Position};
use messenger_core::message::Message;
use messenger_core::page::Slice;
use messenger_core::store::{BatchRows, Migrator as _, Store as _, StoreError, UniqueKey};
use messenger_core::user::{DisplayName, User, UserQuery};

use super::fixtures::{TestStore, at, conversation_id, event, group, membership, message, user, user_id};
use crate::{SqliteMigrator, SqliteOptions, SqliteStore};

/// Takes migrations back down to that of this number, and opens the store anew.
async fn reopen_from(version: u32, test: TestStore) -> TestStore {
    let path = test.path();
    let TestStore { store, directory } = test;
    drop(store);
    let migrator = SqliteMigrator::new(SqliteOptions::new(&path));
    while migrator.down().await.expect("takes back").expect("there is one").version > version {}
    TestStore { store: SqliteStore::open(&path).await.expect("applies and opens"), directory }
}

fn terms(test: &TestStore) -> rusqlite::Result<Vec<(String, String)>> {
    let connection = rusqlite::Connection::open(test.path())?;
    let mut select = connection.prepare("SELECT term, username FROM user_terms ORDER BY term, username")?;
    select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

#[tokio::test]
async fn users_of_an_older_version_get_their_terms() {
    let test = TestStore::open().await;
    let mut tx = test.begin().await;
    // Terms that end in a space, and a character that folds into eighteen.
    for (n, name) in (1..).zip(["A b c", "a", "Größe 🦀", "\u{fdfa}", "¨x a"]) {
        let display_name = DisplayName::parse(name).expect("valid");
        tx.users().insert_user(&User { display_name, ..user(n) }).await.expect("inserts");
    }
    tx.commit(&[]).await.expect("commits");
    let written = terms(&test).expect("reads");
    assert!(written.len() > 100, "{written:?}");
    let test = reopen_from(3, test).await;
    assert_eq!(terms(&test).expect("reads"), written);
    let mut snapshot = test.store.read().await.expect("reads");
    let query = UserQuery::parse("röß").expect("valid");
    let found = snapshot.users().search_users(&query, Slice { after: None, limit: 9 }).await.expect("reads");
    assert_eq!(found.items.iter().map(|user| user.id).collect::<Vec<_>>(), [user_id(3)]);
}

/// Sends a message to one of two groups as a lane does; then the group changes.
async fn send(test: &TestStore, n: u8) {
    let conversation_id = conversation_id(50 + u128::from(n.is_multiple_of(3)));
    // Numbers with holes, and ids that descend.
    let mut sent = message(200 - u128::from(n), conversation_id, i64::from(n) + 1, user_id(1));
    match n {
        2 => (sent.message.body, sent.message.deleted_at) = (None, Some(at(300))),
        3 => sent.message.reply_to = Some(message(200, conversation_id, 1, user_id(1)).message.id),
        4 => sent.message.client_id = None,
        _ => {}
    }
    let told = Fact::MessageSent { conversation_id, message_id: sent.message.id };
    let facts = [told, Fact::ConversationUpdated { conversation_id }];
    let mut tx = test.begin().await;
    let rows = BatchRows { sent: &[sent], messages: &[], conversations: &[], memberships: &[] };
    tx.write_batch(rows).await.expect("writes");
    tx.commit(&facts.map(|fact| event(Audience::Conversation(conversation_id), fact))).await.expect("commits");
}

/// Recent messages, and what a member finds in the log from each position on.
async fn found(test: &TestStore) -> (Vec<Message>, Vec<Vec<Event>>) {
    let mut snapshot = test.store.read().await.expect("reads");
    let slice = Slice { after: None, limit: 99 };
    let recent = snapshot.messages().list_recent_messages(user_id(1), slice).await.expect("reads").items;
    let mut events = vec![];
    for after in 0..16 {
        let anchors = [50, 51].map(|n| (conversation_id(n).as_uuid(), Position::from_stored(after)));
        let end = Position::from_stored(16);
        let listed = snapshot.events().list_events_to(Partition::from_stored(0), &anchors, end, 99).await;
        events.push(listed.expect("reads"));
    }
    (recent, events)
}

/// How many keys and places are in their tables, and of how many messages they
/// are not.
fn indexed(test: &TestStore) -> [i64; 3] {
    let connection = rusqlite::Connection::open(test.path()).expect("opens");
    let counts = "SELECT (SELECT count(*) FROM message_keys), (SELECT count(*) FROM message_places),
                         (SELECT count(*) FROM messages m JOIN conversations c ON c.id = m.conversation_id
                          WHERE m.seq > c.indexed_seq)";
    connection.query_row(counts, [], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?])).expect("counts")
}

#[tokio::test]
async fn messages_of_an_older_version_are_found_like_newer_ones() {
    // Before their keys were in a table, and before their places were.
    for version in [4, 5] {
        assert_found_from(version).await;
    }
}

async fn assert_found_from(version: u32) {
    let test = TestStore::open().await.with_users(1).await;
    let mut tx = test.begin().await;
    for group in [50, 51].map(|n| group(n, user_id(1))) {
        tx.conversations().insert_conversation(&group).await.expect("inserts");
        tx.conversations().insert_memberships(&[membership(&group, user_id(1), Role::Owner)]).await.expect("inserts");
    }
    tx.commit(&[]).await.expect("commits");
    for n in 0..6 {
        send(&test, n).await;
    }
    test.store.purge_events(Partition::from_stored(0), Position::from_stored(4)).await.expect("purges");
    let written = found(&test).await;
    assert_eq!((written.0.len(), written.1[0].len()), (6, 9));
    assert_eq!(indexed(&test), [0, 0, 6]);
    let test = reopen_from(version, test).await;
    assert_eq!(found(&test).await, written);
    assert_eq!(indexed(&test), [5, 6, 0], "all are in the tables");
    for n in [0, 1, 2, 3, 5] {
        let conversation_id = conversation_id(50 + u128::from(n % 3 == 0));
        let mut repeat = message(300, conversation_id, 9, user_id(1));
        repeat.message.client_id = message(200 - n, conversation_id, 9, user_id(1)).message.client_id;
        let refused = test.begin().await.messages().insert_messages(&[repeat]).await;
        assert!(matches!(refused, Err(StoreError::Unique(UniqueKey::MessageClientId))), "{n}: {refused:?}");
    }
    for n in 6..8 {
        send(&test, n).await;
    }
    let (recent, events) = found(&test).await;
    assert_eq!(recent.iter().map(|message| message.seq.get()).collect::<Vec<_>>(), [8, 7, 6, 5, 4, 3, 2, 1]);
    for (after, listed) in (0..).zip(events) {
        let positions: Vec<_> = listed.iter().map(|event| event.position.get()).collect();
        assert_eq!(positions, (4.max(after + 1)..=16).collect::<Vec<_>>());
    }
}
