//! How many statements the frequent operations run: a list one or two whatever
//! its size, a batch so many for each of its rows. That each goes by an index
//! is asserted in `repositories`. The ceilings are what was reached.

use std::cell::RefCell;

use messenger_core::conversation::{Conversation, Role};
use messenger_core::event::{Audience, Fact, NewEvent, Partition, Position};
use messenger_core::friendship::PairChange;
use messenger_core::message::{MessageRange, SentMessage, Seq};
use messenger_core::page::Slice;
use messenger_core::store::{BatchKeys, BatchRows, Transaction};
use messenger_core::user::UserQuery;
use rusqlite::trace::{TraceEvent, TraceEventCodes};

use super::fixtures::*;
use crate::handle::Handle;

/// How many friends, groups and fellow members the busy user has.
const MANY: u128 = 120;

thread_local! {
    /// What the writer's thread ran since it was last asked.
    static RAN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn note(event: TraceEvent<'_>) {
    if let TraceEvent::Stmt(statement, _) = event {
        RAN.with_borrow_mut(|ran| ran.push(statement.sql().into_owned()));
    }
}

/// What ran on the writer's thread since the last call.
async fn ran(writer: &mut Handle) -> Vec<String> {
    writer.run(|_| RAN.with_borrow_mut(std::mem::take)).await.expect("answers")
}

async fn assert_at_most(writer: &mut Handle, what: &str, ceiling: usize) {
    let ran = ran(writer).await;
    assert!((1..=ceiling).contains(&ran.len()), "{what} ran {} statements: {ran:#?}", ran.len());
}

fn groups() -> impl Iterator<Item = Conversation> {
    (0..MANY).map(|n| group(1_000 + n, user_id(1)))
}

fn told(sent: &SentMessage) -> NewEvent {
    let (conversation_id, message_id) = (sent.message.conversation_id, sent.message.id);
    event(Audience::Conversation(conversation_id), Fact::MessageSent { conversation_id, message_id })
}

async fn fill(tx: &mut dyn Transaction) {
    for n in 1..=MANY {
        tx.users().insert_user(&user(n)).await.expect("inserts");
        if n > 1 {
            let friends = [PairChange::InsertFriendship { since: at(5) }];
            tx.friendships().apply_pair_changes(pair(1, n), &friends).await.expect("applies");
        }
    }
    tx.sessions().insert_session(&session(1, user_id(1))).await.expect("inserts");
    for (conversation, n) in groups().zip(10_000..) {
        tx.conversations().insert_conversation(&conversation).await.expect("inserts");
        let owner = membership(&conversation, user_id(1), Role::Owner);
        tx.conversations().insert_memberships(&[owner]).await.expect("inserts");
        tx.messages().insert_messages(&[message(n, conversation.id, 1, user_id(1))]).await.expect("inserts");
    }
}

#[tokio::test]
async fn what_is_frequent_runs_few_statements_whatever_its_size() {
    let test = TestStore::open().await;
    let mut writer = test.store.writer();
    let trace = |owned: &mut crate::owned::Owned| {
        owned.connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(note));
    };
    writer.run(trace).await.expect("answers");
    let mut tx = test.begin().await;
    fill(tx.as_mut()).await;
    ran(&mut writer).await;
    // What has written reads on the writer too, where statements are noted.
    for size in [2, 100] {
        reads(tx.as_mut(), &mut writer, size).await;
    }
    tx.commit(&[]).await.expect("commits");
    ran(&mut writer).await;
    for size in [1, 100] {
        batch(&test, size).await;
        // Each row is written by a prepared statement of its own.
        let once = ["BEGIN", "has another written?", "the log's head", "the new head", "COMMIT"].len();
        let each = ["was its key used?", "message", "conversation", "membership", "event"].len();
        assert_at_most(&mut writer, &format!("a batch of {size}"), once + each * size).await;
    }
    // A few are read for elsewhere; of the many that nothing follows from, what
    // was remembered still is.
    look(&test, 8).await;
    assert_eq!(ran(&mut writer).await, [""; 0]);
    for _ in 0..2 {
        look(&test, 100).await;
        let once = ["BEGIN", "has another written?", "the conversations", "ROLLBACK"].len();
        let each = ["membership", "was its key used?"].len();
        assert_at_most(&mut writer, "what a batch of 100 depends on", once + each * 100).await;
    }
}

async fn reads(tx: &mut dyn Transaction, writer: &mut Handle, size: u32) {
    macro_rules! assert_read {
        ($ceiling:literal, $what:literal, $read:expr) => {{
            let _ = $read.await.expect("reads");
            assert_at_most(writer, &format!("{} of {size}", $what), $ceiling).await;
        }};
    }
    fn page<K>(limit: u32) -> Slice<K> {
        Slice { after: None, limit }
    }
    let (ada, partition) = (user_id(1), Partition::from_stored(0));
    let some = groups().take(size as usize).map(|group| group.id);
    let (ids, users): (Vec<_>, Vec<_>) = (some.collect(), (1..=u128::from(size)).map(user_id).collect());
    let found: Vec<_> = (10_000..).take(size as usize).map(|n| message(n, ids[0], 1, ada).message.id).collect();
    assert_read!(1, "a session", tx.sessions().find_session(session(1, ada).id));
    for range in [MessageRange::Latest, MessageRange::Before(Seq::from_stored(9)), MessageRange::After(Seq::ZERO)] {
        assert_read!(1, "a part of a history", tx.messages().list_messages(ids[0], range, size));
        let own = tx.messages().list_own_messages(partition, ids[0], ada, range, size);
        assert_read!(2, "a page of history", own);
    }
    assert_read!(1, "where one's own stands", tx.messages().find_own_place(partition, ids[0], ada));
    assert_read!(1, "the messages of events", tx.messages().find_messages(&found));
    assert_read!(2, "one's own conversation", tx.conversations().find_own_conversation(ids[0], ada));
    assert_read!(2, "the conversation list", tx.conversations().list_conversations(ada, page(size)));
    assert_read!(1, "the streams of a user", tx.conversations().find_streams(ada));
    assert_read!(1, "who hears of events", tx.conversations().find_audiences(&ids));
    assert_read!(1, "members", tx.conversations().list_members(ids[0], page(size)));
    assert_read!(1, "the users of a list", tx.users().find_users(&users));
    let query = UserQuery::parse("user").expect("valid");
    assert_read!(1, "a search of users", tx.users().search_users(&query, page(size)));
    assert_read!(1, "friends", tx.friendships().list_friends(ada, None, page(size)));
    assert_read!(1, "mutual friends", tx.friendships().list_mutual_friends(ada, user_id(2), page(size)));
    assert_read!(1, "the log's heads", tx.events().log_heads());
    assert_read!(1, "the next events", tx.events().list_events(Partition::from_stored(0), Position::ZERO, size));
    // A statement for each, prepared once: one key of an index.
    let places: Vec<_> = ids.iter().map(|id| (*id, Seq::from_stored(1))).collect();
    let last = tx.messages().find_messages_at(&places).await.expect("reads");
    assert_eq!((last.len(), ran(writer).await.len()), (ids.len(), ids.len()), "the last messages of a list");
    // However many conversations there are, each message of the page and of the
    // next one's start is read, and says where the one before it is.
    tx.messages().list_recent_messages(ada, page(size)).await.expect("reads");
    assert_at_most(writer, "recent messages", 1 + (size as usize + 1)).await;
}

/// Reads what a lane asks for so many sends, each to a group of its own, and
/// writes nothing.
async fn look(test: &TestStore, size: usize) {
    let ids: Vec<_> = groups().take(size).map(|group| group.id).collect();
    let keys = BatchKeys {
        places: &ids.iter().map(|id| (*id, user_id(1))).collect::<Vec<_>>(),
        sent: &ids.iter().map(|id| (user_id(1), *id, client_id("new"))).collect::<Vec<_>>(),
        ..BatchKeys::NOTHING
    };
    let mut tx = test.begin().await;
    let state = tx.read_batch(keys).await.expect("reads");
    assert_eq!((state.conversations.len(), state.memberships.len(), state.sent.len()), (size, size, 0));
    tx.rollback().await.expect("rolls back");
}

/// What a lane writes for so many sends, each to a group of its own.
async fn batch(test: &TestStore, size: usize) {
    let (mut conversations, mut memberships, mut sends) = (vec![], vec![], vec![]);
    for (mut conversation, n) in groups().take(size).zip(20_000 + u128::try_from(size).expect("small") * 1_000..) {
        let seq = i64::try_from(n).expect("small");
        conversation.last_seq = Seq::from_stored(seq);
        memberships.push(membership(&conversation, user_id(1), Role::Owner));
        sends.push(message(n, conversation.id, seq, user_id(1)));
        conversations.push(conversation);
    }
    let mut tx = test.begin().await;
    let rows = BatchRows { sent: &sends, messages: &[], conversations: &conversations, memberships: &memberships };
    tx.write_batch(rows).await.expect("writes");
    let events: Vec<_> = sends.iter().map(told).collect();
    assert_eq!(tx.commit(&events).await.expect("commits").len(), size);
}
