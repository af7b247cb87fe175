//! How many round trips the frequent operations take, and that the servers
//! answer them by index. The ceilings are what was reached: raise one only for
//! a reason that is worth a round trip to every caller.

use messenger_core::conversation::{Conversation, Membership, Role};
use messenger_core::event::{Audience, Fact, NewEvent, Partition, Position};
use messenger_core::friendship::PairChange;
use messenger_core::id::{MessageId, SessionId};
use messenger_core::message::{Message, MessageRange, SentMessage, Seq};
use messenger_core::page::{SearchKey, Slice};
use messenger_core::store::{BatchKeys, BatchRows, BatchState, Direction, Store as _};
use messenger_core::user::{DisplayName, User, UserQuery};
use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection, Row as _};

use super::fixture::{Fixture, at, group, member, message, pair, user, user_event, uuid};
use crate::MySqlStore;
use crate::testing::recording;

/// More rows than a plan may look at without an index: fewer are sooner read
/// than looked up, and the servers know it.
const FEW: i64 = 250;

/// How many groups the busy user has.
const GROUPS: u128 = 600;

/// How many messages the long history has.
const HISTORY: u128 = 3_000;

pub(crate) async fn what_is_frequent_takes_few_round_trips_whatever_its_size_and_goes_by_index(server_url: String) {
    let (fixture, store) = Fixture::store(server_url).await;
    fill(&store).await;
    let mut explainer = MySqlConnection::connect(&fixture.url).await.expect("connected");
    for table in ["users", "user_terms", "conversations", "memberships", "messages", "events", "friendships"] {
        let analyze = format!("ANALYZE TABLE {table}");
        sqlx::raw_sql(AssertSqlSafe(analyze)).fetch_all(&mut explainer).await.expect("analyzed");
    }
    for size in [1, 100] {
        recording::start();
        batch(&store, size).await;
        // What it depends on; what it comes to, with the log and COMMIT.
        expect(&mut explainer, &format!("a batch of {size}"), 2, recording::stop()).await;
    }
    names(&store, &mut explainer).await;
    reads(&store, &mut explainer).await;
    explainer.close().await.expect("closed");
    store.close().await;
    fixture.drop_database().await;
}

fn groups() -> impl Iterator<Item = Conversation> {
    (0..GROUPS).map(|number| group(10_000 + number, 1))
}

async fn fill(store: &MySqlStore) {
    let mut tx = store.begin().await.expect("begun");
    for number in 1..=400 {
        tx.users().insert_user(&user(number)).await.expect("inserted");
        if number > 1 {
            let friends = [PairChange::InsertFriendship { since: at(5) }];
            tx.friendships().apply_pair_changes(pair(1, number), &friends).await.expect("applied");
        }
    }
    let mut members = Vec::new();
    for (conversation, other) in groups().zip((2..=400_u128).cycle()) {
        tx.conversations().insert_conversation(&conversation).await.expect("inserted");
        members.push(member(&conversation, 1, Role::Owner));
        members.push(member(&conversation, other, Role::Member));
    }
    tx.conversations().insert_memberships(&members).await.expect("inserted");
    let long = groups().next().expect("there is one");
    let history = (1..=HISTORY).map(|n| message(n, &long, i64::try_from(n).expect("small"), 1));
    let others = groups().skip(1).zip(100_000..).map(|(conversation, n)| message(n, &conversation, 1, 1));
    let messages: Vec<_> = history.chain(others).collect();
    tx.messages().insert_messages(&messages).await.expect("inserted");
    let events: Vec<_> = messages.iter().map(|sent| told(&sent.message)).collect();
    tx.commit(&events).await.expect("committed");
}

fn told(message: &Message) -> NewEvent {
    let conversation_id = message.conversation_id;
    let fact = Fact::MessageSent { conversation_id, message_id: message.id };
    NewEvent { audience: Audience::Conversation(conversation_id), fact, ..user_event(1) }
}

/// What a lane does for so many sends, each to a group of its own.
async fn batch(store: &MySqlStore, size: usize) {
    let sends: Vec<SentMessage> = groups()
        .skip(200)
        .take(size)
        .zip(200_000 + u128::try_from(size).expect("small") * 1_000..)
        .map(|(conversation, n)| message(n, &conversation, i64::try_from(n).expect("small"), 1))
        .collect();
    let places: Vec<_> = sends.iter().map(|sent| (sent.message.conversation_id, user(1).id)).collect();
    let mut tx = store.begin().await.expect("begun");
    let keys: Vec<_> = sends
        .iter()
        .map(|sent| (user(1).id, sent.message.conversation_id, sent.message.client_id.clone().expect("set")))
        .collect();
    let spoken_in: Vec<_> = places.iter().map(|(id, _)| *id).collect();
    let messages = [sends[0].message.id];
    let keys = BatchKeys { places: &places, sent: &keys, messages: &messages, spoken_in: &spoken_in };
    let state = tx.read_batch(keys).await.expect("read");
    let BatchState { mut conversations, mut memberships, .. } = state;
    assert_eq!((conversations.len(), memberships.len(), state.sent.len()), (size, size, 0));
    for (conversation, sent) in conversations.iter_mut().zip(&sends) {
        // Distinct values, as in a real batch.
        conversation.last_seq = sent.message.seq;
    }
    for (Membership { own_after_read, .. }, n) in memberships.iter_mut().zip(1..) {
        *own_after_read = n;
    }
    let rows = BatchRows { sent: &sends, messages: &[], conversations: &conversations, memberships: &memberships };
    tx.write_batch(rows).await.expect("written");
    let events: Vec<_> = sends.iter().map(|sent| told(&sent.message)).collect();
    assert_eq!(tx.commit(&events).await.expect("committed").len(), size);
}

/// Who joins and who takes another name is written with all terms at once.
async fn names(store: &MySqlStore, explainer: &mut MySqlConnection) {
    let joining = user(1_000);
    let quiet = User { updated_at: at(9), ..joining.clone() };
    let display_name = DisplayName::parse(&"\u{fdfa} and other names ".repeat(2)).expect("valid");
    let renamed = User { display_name, ..quiet.clone() };
    let mut tx = store.begin().await.expect("begun");
    recording::start();
    tx.users().insert_user(&joining).await.expect("inserted");
    expect(explainer, "a new user", 1, recording::stop()).await;
    recording::start();
    tx.users().update_user(&joining, &quiet).await.expect("updated");
    assert_eq!(tx.users().find_users(&[joining.id]).await.expect("read"), std::slice::from_ref(&quiet));
    expect(explainer, "a change, read back", 1, recording::stop()).await;
    recording::start();
    tx.users().update_user(&quiet, &renamed).await.expect("updated");
    assert_eq!(tx.users().find_users(&[joining.id]).await.expect("read"), [renamed]);
    expect(explainer, "another name, read back", 1, recording::stop()).await;
    tx.rollback().await.expect("rolled back");
}

async fn reads(store: &MySqlStore, explainer: &mut MySqlConnection) {
    let long = groups().next().expect("there is one");
    let mut snapshot = store.read().await.expect("read");
    let partitions = snapshot.events().log_identity().await.expect("read").partitions;
    macro_rules! expect_read {
        ($what:literal, $ceiling:literal, $read:expr) => {{
            recording::start();
            let _ = $read.await.expect("read");
            expect(explainer, $what, $ceiling, recording::stop()).await;
        }};
    }
    expect_read!("one's own conversation", 1, snapshot.conversations().find_own_conversation(long.id, user(1).id));
    for range in [MessageRange::Latest, MessageRange::Before(Seq::from_stored(1_500)), MessageRange::After(Seq::ZERO)] {
        expect_read!("a part of a history", 1, snapshot.messages().list_messages(long.id, range, 50));
        let partition = partitions.partition_of(long.id.as_uuid());
        let own = snapshot.messages().list_own_messages(partition, long.id, user(1).id, range, 50);
        expect_read!("a page of history", 1, own);
        let stands = snapshot.messages().find_own_place(partition, long.id, user(1).id);
        expect_read!("where one's own conversation stands", 1, stands);
    }
    let page = || Slice { after: None, limit: 50 };
    expect_read!("the conversation list", 1, snapshot.conversations().list_conversations(user(2).id, page()));
    let places: Vec<_> = groups().skip(1).take(50).map(|group| (group.id, Seq::from_stored(1))).collect();
    expect_read!("the last messages of a list", 1, snapshot.messages().find_messages_at(&places));
    let ids: Vec<_> = (1..=50).map(|n| user(n).id).collect();
    expect_read!("the users of a list", 1, snapshot.users().find_users(&ids));
    // All are found by some, by their usernames, display names or neither.
    for text in ["u", "r1", "user1", "g", "gr", "größe 1", "ö", "1 🦀", "öße 2", "e", "nobody", "a@b.example"] {
        let query = UserQuery::parse(text).expect("valid");
        for rank in [None, Some(0), Some(1), Some(2), Some(3)] {
            let after = rank.map(|rank| SearchKey { rank, username: "user3".to_owned() });
            expect_read!("a search", 1, snapshot.users().search_users(&query, Slice { after, limit: 50 }));
        }
    }
    let ids: Vec<_> = (1..=100).map(|n| MessageId::from_uuid(uuid(n))).collect();
    expect_read!("the messages of events", 1, snapshot.messages().find_messages(&ids));
    expect_read!("the session of a request", 1, snapshot.sessions().find_session(SessionId::from_uuid(uuid(1))));
    expect_read!("own messages, newest first", 2, snapshot.messages().list_recent_messages(user(2).id, page()));
    expect_read!("the members of a group", 1, snapshot.conversations().list_members(long.id, page()));
    expect_read!("requests", 1, snapshot.friendships().list_friend_requests(user(2).id, Direction::Incoming, page()));
    expect_read!("friends", 1, snapshot.friendships().list_friends(user(2).id, None, page()));
    let pairs: Vec<_> = (2..=51).map(|n| pair(1, n)).collect();
    expect_read!("what stands between pairs", 1, snapshot.friendships().find_pairs(&pairs));
    let after = Position::from_stored(100);
    expect_read!("the next events", 1, snapshot.events().list_events(Partition::from_stored(0), after, 100));
    let news = (0..8).map(|partition| (Partition::from_stored(partition), after)).collect();
    expect_read!("the next events of all partitions", 1, snapshot.events().list_events_of_each(&news, 100));
    expect_read!("the streams of a user", 1, snapshot.conversations().find_streams(user(2).id));
    let ids: Vec<_> = groups().take(50).map(|group| group.id).collect();
    expect_read!("the members who hear of an event", 1, snapshot.conversations().find_audiences(&ids));
    let keys: Vec<_> = ids.iter().map(|id| (*id, user(1).id, Seq::ZERO)).collect();
    expect_read!("own messages after many markers", 1, snapshot.messages().count_each_sent_after(&keys));
}

/// At most so many round trips, and no statement that reads a table through.
async fn expect(explainer: &mut MySqlConnection, what: &str, ceiling: usize, sent: Vec<String>) {
    assert!((1..=ceiling).contains(&sent.len()), "{what} took {} round trips: {sent:#?}", sent.len());
    // Values are digits, so what separates statements separates nothing else.
    let reads = |text: &&str| !text.starts_with("INSERT") && !text.starts_with("SET");
    for statement in sent.iter().flat_map(|text| text.split("; ")).filter(reads) {
        let explain = sqlx::raw_sql(AssertSqlSafe(format!("EXPLAIN FORMAT=TRADITIONAL {statement}")));
        for row in explain.fetch_all(&mut *explainer).await.expect("explained") {
            let access: Option<String> = row.get("type");
            // Unsigned on one server, signed on the other.
            let rows: Option<i64> = row.try_get_unchecked("rows").expect("a number");
            let through = matches!(access.as_deref(), Some("ALL" | "index")) && rows.unwrap_or(0) > FEW;
            assert!(!through, "{what} reads {rows:?} rows of a table through: {statement:.300}");
        }
    }
}
