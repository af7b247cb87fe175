//! Every repository method once, so that every statement has run; and the plan
//! by which SQLite runs each.

use std::collections::BTreeSet;
use std::sync::Mutex;

use messenger_core::clock::Timestamp;
use messenger_core::conversation::{ConversationKind, Role, Title};
use messenger_core::credential::PasswordHash;
use messenger_core::event::{Audience, Event, Fact, Partition, Position};
use messenger_core::friendship::{PairChange, PairState, PendingRequest, Visibility};
use messenger_core::message::{MessageBody, MessageRange, Seq};
use messenger_core::page::{Rows, Slice};
use messenger_core::session::{RefreshTokenHash, StoredRefreshToken, StoredTicket, Ticket};
use messenger_core::store::{Direction, Snapshot, Store as _, Transaction};
use messenger_core::user::{DisplayName, DmPolicy, UserQuery};
use rusqlite::trace::{TraceEvent, TraceEventCodes};

use super::fixtures::*;

fn first<K>(limit: u32) -> Slice<K> {
    Slice { after: None, limit }
}

fn query(text: &str) -> UserQuery {
    UserQuery::parse(text).expect("valid")
}

/// Reads a list with pages of one, and checks that it is the list read at once.
macro_rules! assert_pages {
    (|$slice:ident| $list:expr) => {{
        let $slice = first(100);
        let all = $list.await.expect("reads");
        assert!(all.next.is_none(), "all fits into one page");
        let mut paged = Vec::new();
        let mut after = None;
        loop {
            let $slice = Slice { after, limit: 1 };
            let Rows { items, next } = $list.await.expect("reads");
            paged.extend(items);
            after = next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(paged, all.items);
        all.items
    }};
}

async fn users(tx: &mut dyn Transaction) {
    let mut ada = user(1);
    (ada.display_name, ada.findable_by_email) = (DisplayName::parse("50%_Ünï").expect("valid"), true);
    (ada.bio, ada.avatar_url, ada.dm_policy) = (None, None, DmPolicy::Everyone);
    tx.users().insert_user(&user(1)).await.expect("inserts");
    tx.users().update_user(&user(1), &ada).await.expect("updates");
    for n in [2, 12] {
        tx.users().insert_user(&user(n)).await.expect("inserts");
    }
    let repository = tx.users();
    assert_eq!(
        repository.find_users(&[user_id(2), user_id(1), user_id(2), user_id(99)]).await.expect("reads").len(),
        2
    );
    let locked = repository.lock_users(&[user_id(12), user_id(1), user_id(12)]).await.expect("reads");
    assert_eq!(locked, [ada.clone(), user(12)]);
    assert_eq!(repository.find_user_by_username(&user(2).username).await.expect("reads"), Some(user(2)));
    let email = user(12).email.expect("has one");
    assert_eq!(repository.find_user_by_email(&email).await.expect("reads"), Some(user(12)));

    for (text, expected) in [
        ("user1", vec![1, 12]),
        ("USER", vec![1, 12, 2]),
        ("r 12", vec![12]),
        ("50%_ü", vec![1]),
        ("0%_u", vec![]),
        ("%", vec![1]),
        ("_", vec![1]),
        ("user1@example.org", vec![1]),
        ("user2@example.org", vec![]),
        ("2", vec![12, 2]),
    ] {
        let query = query(text);
        let found = assert_pages!(|slice| repository.search_users(&query, slice));
        let found: Vec<_> = found.iter().map(|user| user.id).collect();
        assert_eq!(found, expected.into_iter().map(user_id).collect::<Vec<_>>(), "{text}");
    }

    let hash = PasswordHash::from_stored("$argon2id$".to_owned());
    assert_eq!(tx.credentials().find_password_hash(user_id(1)).await.expect("reads"), None);
    for hash in [&PasswordHash::from_stored("old".to_owned()), &hash] {
        tx.credentials().put_password_hash(user_id(1), hash, at(5)).await.expect("writes");
    }
    assert_eq!(tx.credentials().find_password_hash(user_id(1)).await.expect("reads"), Some(hash));
}

async fn sessions(tx: &mut dyn Transaction) {
    let repository = tx.sessions();
    let mut phone = session(70, user_id(1));
    let tablet = session(71, user_id(1));
    for session in [&phone, &tablet] {
        repository.insert_session(session).await.expect("inserts");
    }
    (phone.refreshed_at, phone.expires_at, phone.spent_generation) = (at(12), at(13), 4);
    repository.update_session(&phone).await.expect("updates");
    assert_eq!(repository.find_session(phone.id).await.expect("reads"), Some(phone.clone()));
    assert_eq!(repository.lock_session(tablet.id).await.expect("reads"), Some(tablet.clone()));
    assert_eq!(repository.lock_sessions_of(user_id(1)).await.expect("reads"), [phone.clone(), tablet.clone()]);
    assert_eq!(
        assert_pages!(|slice| repository.list_sessions(user_id(1), at(12), slice)),
        [tablet.clone(), phone.clone()]
    );
    assert_eq!(
        assert_pages!(|slice| repository.list_sessions(user_id(1), at(13), slice)),
        std::slice::from_ref(&tablet)
    );
    assert_eq!(repository.find_expired_sessions(at(13), 10).await.expect("reads"), [phone.clone()]);

    let hash = RefreshTokenHash::from_stored([9; 32]);
    let token = StoredRefreshToken { hash, session_id: phone.id, generation: 1 };
    repository.insert_refresh_token(&token).await.expect("inserts");
    assert_eq!(repository.find_refresh_token(&hash).await.expect("reads"), Some(token));
    repository.delete_sessions(&[phone.id]).await.expect("deletes");
    assert_eq!(repository.find_refresh_token(&hash).await.expect("reads"), None);
    assert_eq!(repository.lock_sessions_of(user_id(1)).await.expect("reads"), [tablet]);
}

async fn friendships(tx: &mut dyn Transaction) {
    let repository = tx.friendships();
    let request = PendingRequest { requester: user_id(2), created_at: at(1), visibility: Visibility::Shown };
    let since = at(2);
    let steps = [
        PairChange::InsertRequest(request),
        PairChange::HideRequest,
        PairChange::DeleteRequest,
        PairChange::InsertFriendship { since },
        PairChange::DeleteFriendship,
        PairChange::InsertBlock { blocker: user_id(2), since },
        PairChange::InsertBlock { blocker: user_id(1), since },
        PairChange::DeleteBlock { blocker: user_id(2) },
        PairChange::DeleteBlock { blocker: user_id(1) },
    ];
    let mut expected = PairState::strangers(pair(1, 2));
    for step in steps {
        repository.apply_pair_changes(expected.pair, &[step]).await.expect("writes");
        expected = expected.after(&[step]);
        assert_eq!(repository.find_pairs(&[expected.pair]).await.expect("reads"), [expected]);
    }

    for other in [2, 12] {
        let change = [PairChange::InsertRequest(PendingRequest { requester: user_id(1), ..request })];
        repository.apply_pair_changes(pair(1, other), &change).await.expect("writes");
    }
    repository.apply_pair_changes(pair(1, 2), &[PairChange::HideRequest]).await.expect("writes");
    let outgoing = assert_pages!(|slice| repository.list_friend_requests(user_id(1), Direction::Outgoing, slice));
    assert_eq!(outgoing.iter().map(|request| request.addressee.id).collect::<Vec<_>>(), [user_id(12), user_id(2)]);
    let incoming = assert_pages!(|slice| repository.list_friend_requests(user_id(12), Direction::Incoming, slice));
    assert_eq!(incoming.len(), 1);
    assert_eq!((incoming[0].requester.id, incoming[0].addressee.id), (user_id(1), user_id(12)));
    let hidden = assert_pages!(|slice| repository.list_friend_requests(user_id(2), Direction::Incoming, slice));
    assert_eq!(hidden, []);

    for (low, high) in [(1, 2), (1, 12), (2, 12)] {
        let end = if low == 1 { vec![PairChange::DeleteRequest] } else { vec![] };
        repository.apply_pair_changes(pair(low, high), &end).await.expect("writes");
        let begin = [PairChange::InsertFriendship { since: at(i64::try_from(high).expect("small")) }];
        repository.apply_pair_changes(pair(low, high), &begin).await.expect("writes");
    }
    let friends = assert_pages!(|slice| repository.list_friends(user_id(1), None, slice));
    assert_eq!(friends.iter().map(|friend| friend.user.id).collect::<Vec<_>>(), [user_id(12), user_id(2)]);
    assert_eq!((friends[0].since, friends[1].since), (at(12), at(2)));
    let query = query("R2");
    let friends = assert_pages!(|slice| repository.list_friends(user_id(1), Some(&query), slice));
    assert_eq!(friends.iter().map(|friend| friend.user.id).collect::<Vec<_>>(), [user_id(2)]);
    let mutual = assert_pages!(|slice| repository.list_mutual_friends(user_id(1), user_id(12), slice));
    assert_eq!(mutual.iter().map(|friend| (friend.user.id, friend.since)).collect::<Vec<_>>(), [(user_id(2), at(2))]);
    assert_eq!(repository.count_mutual_friends(user_id(1), user_id(12)).await.expect("reads"), 1);

    let block = [PairChange::InsertBlock { blocker: user_id(12), since }];
    repository.apply_pair_changes(pair(1, 12), &block).await.expect("writes");
    let blocks = assert_pages!(|slice| repository.list_blocks(user_id(12), slice));
    assert_eq!(blocks.iter().map(|block| block.user.id).collect::<Vec<_>>(), [user_id(1)]);
    assert!(repository.apply_pair_changes(pair(1, 2), &[]).await.is_ok());
}

async fn conversations(tx: &mut dyn Transaction) {
    let repository = tx.conversations();
    let (mut crew, pair_of_two) = (group(50, user_id(1)), direct(51, pair(1, 2)));
    for conversation in [&crew, &pair_of_two, &group(52, user_id(1))] {
        repository.insert_conversation(conversation).await.expect("inserts");
    }
    if let ConversationKind::Group(group) = &mut crew.kind {
        group.title = Title::parse("New").expect("valid");
    }
    (crew.members_count, crew.last_seq, crew.updated_at) = (2, Seq::from_stored(2), at(99));
    repository.update_conversations(&[crew.clone(), pair_of_two.clone()]).await.expect("updates");
    let both = [pair_of_two.id, crew.id, crew.id, conversation_id(99)];
    assert_eq!(repository.lock_conversations(&both).await.expect("reads"), [crew.clone(), pair_of_two.clone()]);
    assert_eq!(repository.find_conversations(&both).await.expect("reads").len(), 2);
    assert_eq!(repository.find_direct_conversation(pair(2, 1)).await.expect("reads"), Some(pair_of_two.clone()));
    let found = repository.find_group_by_client_id(user_id(1), &client_id("group 50")).await.expect("reads");
    assert_eq!(found, Some(crew.clone()));
    for user in [1, 2] {
        assert_eq!(repository.find_direct_conversation_ids(user_id(user)).await.expect("reads"), [pair_of_two.id]);
    }

    let mut owner = membership(&crew, user_id(1), Role::Owner);
    let mut others: Vec<_> = [2, 12].map(|n| membership(&crew, user_id(n), Role::Admin)).into();
    others[0].joined_at = at(31);
    repository.insert_memberships(&[owner.clone()]).await.expect("inserts");
    repository.insert_memberships(&others).await.expect("inserts");
    let direct = [1, 2].map(|n| membership(&pair_of_two, user_id(n), Role::Member));
    repository.insert_memberships(&direct).await.expect("inserts");
    (owner.role, owner.read_seq, owner.own_after_read) = (Role::Admin, Seq::from_stored(1), 1);
    repository.update_memberships(&[owner.clone()]).await.expect("updates");
    let keys = [(crew.id, user_id(1)), (crew.id, user_id(1)), (crew.id, user_id(99))];
    assert_eq!(repository.find_memberships(&keys).await.expect("reads"), [owner.clone()]);
    let listed = assert_pages!(|slice| repository.list_conversations(user_id(1), slice));
    assert_eq!(listed, [(crew.clone(), owner), (pair_of_two.clone(), direct[0].clone())]);
    let members = assert_pages!(|slice| repository.list_members(crew.id, slice));
    let ids: Vec<_> = members.iter().map(|(user, membership)| (user.id, membership.user_id)).collect();
    assert_eq!(ids, [1, 12, 2].map(|n| (user_id(n), user_id(n))));
    let next = repository.find_longest_standing(crew.id, Role::Admin, user_id(1)).await.expect("reads");
    assert_eq!(next.map(|membership| membership.user_id), Some(user_id(12)));
    repository.delete_membership(crew.id, user_id(12)).await.expect("deletes");
    let next = repository.find_longest_standing(crew.id, Role::Admin, user_id(1)).await.expect("reads");
    assert_eq!(next.map(|membership| membership.user_id), Some(user_id(2)));
}

async fn messages(tx: &mut dyn Transaction) {
    let repository = tx.messages();
    let (crew, pair_of_two) = (conversation_id(50), conversation_id(51));
    let mut sent: Vec<_> = [(61, 1), (62, 2), (63, 3)].map(|(n, seq)| message(n, crew, seq, user_id(1))).into();
    sent.push(message(70, pair_of_two, 1, user_id(2)));
    sent[1].message.reply_to = Some(sent[0].message.id);
    repository.insert_messages(&sent).await.expect("inserts");
    sent[0].message.body = Some(MessageBody::parse("edited").expect("valid"));
    sent[0].message.edited_at = Some(at(200));
    (sent[2].message.body, sent[2].message.deleted_at) = (None, Some(at(201)));
    repository.update_messages(&[sent[0].message.clone(), sent[2].message.clone()]).await.expect("updates");
    let all: Vec<_> = sent.iter().map(|sent| sent.message.clone()).collect();
    let in_crew = &all[..3];

    let ids: Vec<_> = all.iter().map(|message| message.id).collect();
    let mut found = repository.find_messages(&ids).await.expect("reads");
    found.sort_by_key(|message| message.id);
    assert_eq!(found, all);
    let place = (crew, Seq::from_stored(3));
    let places = [place, place, (crew, Seq::from_stored(4))];
    assert_eq!(repository.find_messages_at(&places).await.expect("reads"), [all[2].clone()]);
    let key = (user_id(1), crew, client_id("message 63"));
    assert_eq!(repository.find_sent(&[key.clone(), key]).await.expect("reads"), [sent[2].clone()]);
    for (range, expected) in [
        (MessageRange::Latest, &in_crew[1..]),
        (MessageRange::Before(Seq::from_stored(3)), &in_crew[..2]),
        (MessageRange::After(Seq::ZERO), &in_crew[..2]),
        (MessageRange::After(Seq::from_stored(3)), &[]),
    ] {
        assert_eq!(repository.list_messages(crew, range, 2).await.expect("reads"), expected, "{range:?}");
    }
    assert_eq!(repository.count_sent_after(crew, user_id(1), Seq::from_stored(1)).await.expect("reads"), 2);
    assert_eq!(repository.count_sent_after(crew, user_id(2), Seq::ZERO).await.expect("reads"), 0);

    let recent = assert_pages!(|slice| repository.list_recent_messages(user_id(2), slice));
    let expected = [&all[3], &all[2], &all[1], &all[0]];
    assert_eq!(recent.iter().collect::<Vec<_>>(), expected);
    assert_eq!(assert_pages!(|slice| repository.list_recent_messages(user_id(12), slice)), []);
}

/// So many messages that their places and keys are written.
async fn indexed_messages(tx: &mut dyn Transaction) {
    let long = group(256, user_id(12));
    tx.conversations().insert_conversation(&long).await.expect("inserts");
    let sent = (1..200_u16).map(|n| message(1_000 + u128::from(n), long.id, i64::from(n), user_id(12)));
    let sent: Vec<_> = sent.collect();
    tx.messages().insert_messages(&sent).await.expect("inserts");
    let keys = [1_001, 1_002, 1_199].map(|n| (user_id(12), long.id, client_id(&format!("message {n}"))));
    assert_eq!(tx.messages().find_sent(&keys).await.expect("reads").len(), keys.len());
}

async fn log(snapshot: &mut dyn Snapshot, committed: &[Event]) {
    let heads = snapshot.events().log_heads().await.expect("reads");
    assert_eq!(heads.into_iter().collect::<Vec<_>>(), [(Partition::from_stored(0), Position::from_stored(18))]);
    let listed = snapshot.events().list_events(Partition::from_stored(0), Position::ZERO, 100).await.expect("reads");
    assert_eq!(listed, committed);
    let rest = snapshot.events().list_events(Partition::from_stored(0), Position::from_stored(16), 1).await;
    assert_eq!(rest.expect("reads"), [committed[16]]);
    let keys = [1, 2].map(|n| (conversation_id(50), user_id(n)));
    for membership in snapshot.conversations().find_memberships(&keys).await.expect("reads") {
        assert_eq!(membership.joined_position, Position::from_stored(1), "{membership:?}");
    }
}

/// What they find is the suite's to say; here every statement runs.
async fn follow(tx: &mut dyn Transaction) {
    let (partition, start, end) = (Partition::from_stored(0), Position::ZERO, Position::from_stored(9));
    let anchors = [(user_id(1).as_uuid(), start), (conversation_id(50).as_uuid(), start)];
    let events = tx.events();
    assert_eq!(events.log_floors().await.expect("reads").len(), 1);
    assert!(events.find_tags(&[(partition, end)]).await.expect("reads").is_empty());
    assert_eq!(events.list_events_to(partition, &anchors, end, 9).await.expect("reads"), []);
    assert_eq!(events.list_events_of_known(user_id(1), partition, start, end, 9).await.expect("reads"), []);
    tx.conversations().find_streams(user_id(1)).await.expect("reads");
    tx.conversations().find_audiences(&[conversation_id(50)]).await.expect("reads");
    tx.friendships().find_acquaintances(user_id(1)).await.expect("reads");
}

async fn tickets(tx: &mut dyn Transaction) {
    let now = Timestamp::from_millis(1);
    let hash = Ticket::presented("a ticket").hash();
    assert_eq!(tx.sessions().take_ticket(&hash).await.expect("reads"), None);
    let session = session(70, user_id(1));
    tx.sessions().insert_session(&session).await.expect("inserts");
    let ticket = StoredTicket { hash, session_id: session.id, expires_at: now };
    tx.sessions().insert_ticket(&ticket).await.expect("inserts");
    assert_eq!(tx.sessions().take_ticket(&hash).await.expect("reads"), Some(ticket));
    tx.sessions().delete_expired_tickets(now).await.expect("deletes");
}

static STATEMENTS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

fn note_statement(event: TraceEvent<'_>) {
    if let TraceEvent::Stmt(statement, _) = event {
        STATEMENTS.lock().expect("no panic").insert(statement.sql().into_owned());
    }
}

/// Every kind of event, the first ones to conversation 50.
fn all_facts() -> Vec<messenger_core::event::NewEvent> {
    let columns = messenger_core::event::FactColumns {
        conversation_id: Some(conversation_id(50).as_uuid()),
        subject_id: Some(user_id(2).as_uuid()),
        other_id: Some(user_id(12).as_uuid()),
    };
    Fact::KINDS
        .iter()
        .enumerate()
        .map(|(n, kind)| {
            let audience = match n {
                0..=8 => Audience::Conversation(conversation_id(50)),
                9..=15 => Audience::User(user_id(2)),
                _ => Audience::Acquaintances(user_id(2)),
            };
            event(audience, Fact::from_columns(kind, columns).expect("has all ids"))
        })
        .collect()
}

#[tokio::test]
async fn every_method_does_what_it_says_by_an_index() {
    let test = TestStore::open().await;
    let mut writer = test.store.writer();
    let trace = |owned: &mut crate::owned::Owned| {
        owned.connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(note_statement));
    };
    writer.run(trace).await.expect("answers");

    let mut tx = test.begin().await;
    users(tx.as_mut()).await;
    sessions(tx.as_mut()).await;
    friendships(tx.as_mut()).await;
    conversations(tx.as_mut()).await;
    messages(tx.as_mut()).await;
    indexed_messages(tx.as_mut()).await;
    tx.events().log_identity().await.expect("reads");
    tx.events().log_heads().await.expect("reads");
    tx.events().list_events(Partition::from_stored(0), Position::ZERO, 1).await.expect("reads");
    follow(tx.as_mut()).await;
    tickets(tx.as_mut()).await;
    let committed = tx.commit(&all_facts()).await.expect("commits");
    log(test.store.read().await.expect("reads").as_mut(), &committed).await;

    let mut tx = test.begin().await;
    tx.conversations().delete_conversation(conversation_id(50)).await.expect("deletes");
    assert_eq!(assert_pages!(|slice| tx.messages().list_recent_messages(user_id(2), slice)).len(), 1);
    let left = [(conversation_id(50), user_id(1))];
    assert_eq!(tx.conversations().find_memberships(&left).await.expect("reads"), []);
    tx.rollback().await.expect("rolls back");

    // On the writer, where statements are traced.
    let before = |owned: &mut crate::owned::Owned| {
        let end = Timestamp::from_millis(i64::MAX);
        crate::repositories::events::position_before(&owned.connection, Partition::from_stored(0), end)
    };
    assert_eq!(writer.run(before).await.expect("answers").expect("reads"), Some(Position::from_stored(18)));
    test.store.purge_events(Partition::from_stored(0), Position::from_stored(3)).await.expect("purges");
    let left = test
        .store
        .read()
        .await
        .expect("reads")
        .events()
        .list_events(Partition::from_stored(0), Position::ZERO, 1)
        .await;
    assert_eq!(left.expect("reads")[0].position, Position::from_stored(3));

    writer.run(assert_plans).await.expect("answers");
}

/// No statement reads a whole table, save those that must; and no index is
/// there for nothing.
fn assert_plans(owned: &mut crate::owned::Owned) {
    owned.connection.trace_v2(TraceEventCodes::empty(), None);
    let statements = STATEMENTS.lock().expect("no panic").clone();
    let planned: Vec<_> = statements
        .iter()
        .filter(|sql| ["SELECT", "WITH", "INSERT", "UPDATE", "DELETE"].iter().any(|verb| sql.starts_with(verb)))
        .collect();
    assert!(planned.len() > 50, "only {} statements were seen", planned.len());
    // The log's own small tables; the rest are the intermediate results of the
    // statement itself.
    let allowed = [
        "SCAN log_identity",
        "SCAN log_partitions",
        "SCAN w",
        "SCAN latest",
        "SCAN newer",
        "SCAN s",
        "SCAN better",
        "SCAN p",
        "SCAN a",
        "SCAN CONSTANT ROW",
        "SCAN 1 CONSTANT ROW",
        "SCAN 2 CONSTANT ROWS",
        "SCAN rarray VIRTUAL TABLE INDEX 1:",
    ];
    let mut unused = made_indexes(&owned.connection);
    for sql in planned {
        let mut explain = owned.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect(sql);
        let mut rows = explain.raw_query();
        while let Some(row) = rows.next().expect("explains") {
            let step: String = row.get(3).expect("text");
            unused.retain(|index| !step.contains(&format!("INDEX {index} ")));
            assert!(!step.starts_with("SCAN") || allowed.contains(&step.as_str()), "{step}: {sql}");
        }
    }
    assert!(unused.is_empty(), "no statement uses {unused:?}");
}

fn made_indexes(connection: &rusqlite::Connection) -> Vec<String> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name";
    let mut select = connection.prepare(sql).expect("valid SQL");
    let names = select.query_map([], |row| row.get(0)).expect("reads");
    names.collect::<rusqlite::Result<_>>().expect("reads")
}
