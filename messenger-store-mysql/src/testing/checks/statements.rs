//! Every statement, on real rows.

use messenger_core::conversation::{ConversationKind, Role, Title};
use messenger_core::credential::PasswordHash;
use messenger_core::event::{Fact, Partition, Position};
use messenger_core::friendship::{Bond, PairChange, PairState, PendingRequest, Visibility};
use messenger_core::id::{ConversationId, MessageId, SessionId, UserId};
use messenger_core::message::{MessageBody, MessageRange, Seq};
use messenger_core::page::Slice;
use messenger_core::session::{DeviceName, RefreshTokenHash, Session, StoredRefreshToken};
use messenger_core::store::{Direction, Store, Transaction};
use messenger_core::user::{AvatarUrl, Bio, DisplayName, DmPolicy, Email, UserQuery};

use super::fixture::{
    Fixture, at, client_id, conversation_event, direct, group, member, message, pair, user, user_event, uuid,
};

fn all<K>() -> Slice<K> {
    Slice { after: None, limit: 100 }
}

/// Every repository method is called, with rows to find and rows to page over.
pub(crate) async fn every_statement_runs(server_url: String) {
    let (fixture, store) = Fixture::store(server_url).await;
    store.ping().await.expect("alive");
    let mut tx = store.begin().await.expect("begun");
    users(tx.as_mut()).await;
    credentials_and_sessions(tx.as_mut()).await;
    friendships(tx.as_mut()).await;
    conversations(tx.as_mut()).await;
    messages(tx.as_mut()).await;
    let conversation = group(50, 1);
    let admits = Fact::MemberAdded { conversation_id: conversation.id, user_id: user(2).id };
    let events = [user_event(1), conversation_event(&conversation, admits), user_event(2), user_event(3)];
    let placed = tx.commit(&events).await.expect("committed");
    log(&store, &placed).await;
    let mut tx = store.begin().await.expect("begun");
    tx.conversations().delete_membership(conversation.id, user(2).id).await.expect("deleted");
    tx.conversations().delete_conversation(conversation.id).await.expect("deleted");
    assert!(tx.messages().find_messages(&[MessageId::from_uuid(uuid(1))]).await.expect("read").is_empty());
    tx.commit(&[]).await.expect("committed");
    store.close().await;
    fixture.drop_database().await;
}

async fn users(tx: &mut dyn Transaction) {
    let mut ada = user(1);
    for number in 1..=6 {
        tx.users().insert_user(&user(number)).await.expect("inserted");
    }
    ada.email = Some(Email::parse("Ada@bücher.example").expect("valid"));
    ada.display_name = DisplayName::parse("100%_Ada").expect("valid");
    ada.bio = Some(Bio::parse("line\nline").expect("valid"));
    ada.avatar_url = Some(AvatarUrl::parse("https://example.org/ä.png").expect("valid"));
    ada.dm_policy = DmPolicy::Everyone;
    ada.findable_by_email = true;
    ada.updated_at = at(2);
    tx.users().update_user(&user(1), &ada).await.expect("updated");
    let none = UserId::from_uuid(uuid(99));
    let found = tx.users().find_users(&[user(3).id, ada.id, none, ada.id]).await.expect("read");
    assert_eq!(found.len(), 2);
    assert!(found.contains(&ada) && found.contains(&user(3)));
    assert!(tx.users().find_users(&[]).await.expect("read").is_empty());
    let locked = tx.users().lock_users(&[user(3).id, ada.id, none, user(2).id, ada.id]).await.expect("locked");
    let mut expected = [ada.clone(), user(2), user(3)];
    expected.sort_by_key(|user| user.id);
    assert_eq!(locked, expected);
    assert_eq!(tx.users().find_user_by_username(&ada.username).await.expect("read"), Some(ada.clone()));
    let email = ada.email.clone().expect("set");
    assert_eq!(tx.users().find_user_by_email(&email).await.expect("read"), Some(ada.clone()));
    assert_eq!(search(tx, "ADA@BÜCHER.example").await, ["user1"]);
    assert_eq!(search(tx, "0%_A").await, ["user1"]);
    assert_eq!(search(tx, "%").await, ["user1"]);
    assert_eq!(search(tx, "user3").await, ["user3"]);
    assert_eq!(search(tx, "ser").await.len(), 6);
    assert_eq!(search(tx, "größe").await.len(), 5);
    assert!(search(tx, "SERх").await.is_empty());
    let mut paged = Vec::new();
    let mut after = None;
    loop {
        let query = UserQuery::parse("user").expect("valid");
        let rows = tx.users().search_users(&query, Slice { after, limit: 2 }).await.expect("read");
        paged.extend(rows.items.iter().map(|user| user.username.to_string()));
        let Some(next) = rows.next else { break };
        after = Some(next);
    }
    assert_eq!(paged, ["user1", "user2", "user3", "user4", "user5", "user6"]);
}

async fn search(tx: &mut dyn Transaction, text: &str) -> Vec<String> {
    let query = UserQuery::parse(text).expect("valid");
    let rows = tx.users().search_users(&query, all()).await.expect("read");
    rows.items.iter().map(|user| user.username.to_string()).collect()
}

async fn credentials_and_sessions(tx: &mut dyn Transaction) {
    let ada = user(1).id;
    assert_eq!(tx.credentials().find_password_hash(ada).await.expect("read"), None);
    for text in ["$one", "$two"] {
        let hash = PasswordHash::from_stored(text.to_owned());
        tx.credentials().put_password_hash(ada, &hash, at(3)).await.expect("put");
        assert_eq!(tx.credentials().find_password_hash(ada).await.expect("read"), Some(hash));
    }
    let session = |number: u128| Session {
        id: SessionId::from_uuid(uuid(number)),
        user_id: ada,
        device_name: (number == 1).then(|| DeviceName::parse("Gerät").expect("valid")),
        created_at: at(5),
        refreshed_at: at(5),
        expires_at: at(50 + i64::try_from(number).expect("small")),
        spent_generation: 0,
    };
    for number in 1..=4 {
        tx.sessions().insert_session(&session(number)).await.expect("inserted");
    }
    let mut first = session(1);
    first.refreshed_at = at(6);
    first.expires_at = at(60);
    first.spent_generation = 1;
    tx.sessions().update_session(&first).await.expect("updated");
    assert_eq!(tx.sessions().find_session(first.id).await.expect("read"), Some(first.clone()));
    assert_eq!(tx.sessions().lock_session(first.id).await.expect("locked"), Some(first.clone()));
    let locked = tx.sessions().lock_sessions_of(ada).await.expect("locked");
    assert!(locked.len() == 4 && locked.is_sorted_by_key(|session| session.id));
    let page = tx.sessions().list_sessions(ada, at(0), Slice { after: None, limit: 3 }).await.expect("read");
    let rest = tx.sessions().list_sessions(ada, at(0), Slice { after: page.next, limit: 3 }).await.expect("read");
    assert_eq!((page.items.len(), rest.items.len(), rest.next), (3, 1, None));
    assert_eq!(tx.sessions().list_sessions(ada, at(54), all()).await.expect("read").items, [first.clone()]);
    assert_eq!(tx.sessions().find_expired_sessions(at(53), 10).await.expect("read").len(), 2);
    let token =
        StoredRefreshToken { hash: RefreshTokenHash::from_stored([0xfe; 32]), session_id: first.id, generation: 1 };
    tx.sessions().insert_refresh_token(&token).await.expect("inserted");
    assert_eq!(tx.sessions().find_refresh_token(&token.hash).await.expect("read"), Some(token));
    tx.sessions().delete_sessions(&[first.id, session(2).id, session(9).id]).await.expect("deleted");
    assert_eq!(tx.sessions().find_refresh_token(&token.hash).await.expect("read"), None);
    tx.sessions().delete_sessions(&[]).await.expect("nothing");
}

async fn friendships(tx: &mut dyn Transaction) {
    let [ab, ac, bc, ad] = [pair(1, 2), pair(1, 3), pair(2, 3), pair(1, 4)];
    let request = PendingRequest { requester: user(1).id, created_at: at(5), visibility: Visibility::Shown };
    let since = at(6);
    let steps: [(_, Vec<PairChange>); 6] = [
        (ab, vec![PairChange::InsertRequest(request)]),
        (ab, vec![PairChange::HideRequest, PairChange::InsertBlock { blocker: user(2).id, since }]),
        (ab, vec![PairChange::DeleteRequest, PairChange::DeleteBlock { blocker: user(2).id }]),
        (ac, vec![PairChange::InsertFriendship { since }]),
        (bc, vec![PairChange::InsertFriendship { since: at(7) }]),
        (ab, vec![PairChange::InsertRequest(request)]),
    ];
    let mut states = std::collections::HashMap::new();
    for (pair, changes) in steps {
        tx.friendships().apply_pair_changes(pair, &changes).await.expect("applied");
        let state = states.remove(&pair).unwrap_or(PairState::strangers(pair)).after(&changes);
        states.insert(pair, state);
        let found = tx.friendships().find_pairs(&[ad, pair, pair]).await.expect("read");
        assert_eq!(found, [PairState::strangers(ad), state, state]);
    }
    assert!(matches!(states[&ab].bond, Bond::Requested(_)));
    let block = PairChange::InsertBlock { blocker: user(1).id, since };
    tx.friendships().apply_pair_changes(ad, &[block]).await.expect("applied");
    assert!(tx.friendships().find_pairs(&[]).await.expect("read").is_empty());
    let names = |rows: Vec<messenger_core::store::Friend>| {
        rows.into_iter().map(|friend| friend.user.username.to_string()).collect::<Vec<_>>()
    };
    let friends = tx.friendships().list_friends(user(3).id, None, all()).await.expect("read");
    assert_eq!(names(friends.items), ["user2", "user1"]);
    let first = tx.friendships().list_friends(user(3).id, None, Slice { after: None, limit: 1 }).await.expect("read");
    let query = UserQuery::parse("ser").expect("valid");
    let rest = tx.friendships().list_friends(user(3).id, Some(&query), Slice { after: first.next, limit: 1 });
    assert_eq!(names(rest.await.expect("read").items), ["user1"]);
    let requests = tx.friendships().list_friend_requests(user(2).id, Direction::Incoming, all()).await.expect("read");
    assert_eq!(requests.items.len(), 1);
    assert_eq!(requests.items[0].requester.id, user(1).id);
    assert_eq!(requests.items[0].addressee, user(2));
    let page = Slice { after: Some(messenger_core::page::TimeKey { at: at(6), id: uuid(0) }), limit: 1 };
    let requests = tx.friendships().list_friend_requests(user(1).id, Direction::Outgoing, page).await.expect("read");
    assert_eq!((requests.items.len(), requests.next), (1, None));
    assert_eq!(names(tx.friendships().list_blocks(user(1).id, all()).await.expect("read").items), ["user4"]);
    let mutual = tx.friendships().list_mutual_friends(user(1).id, user(2).id, all()).await.expect("read");
    assert_eq!(names(mutual.items), ["user3"]);
    assert_eq!(tx.friendships().count_mutual_friends(user(1).id, user(2).id).await.expect("read"), 1);
    tx.friendships().apply_pair_changes(bc, &[PairChange::DeleteFriendship]).await.expect("applied");
    assert_eq!(tx.friendships().count_mutual_friends(user(1).id, user(2).id).await.expect("read"), 0);
}

async fn conversations(tx: &mut dyn Transaction) {
    let (mut one, two) = (group(50, 1), direct(51, pair(1, 2)));
    for conversation in [&one, &two] {
        tx.conversations().insert_conversation(conversation).await.expect("inserted");
    }
    let owner = member(&one, 1, Role::Owner);
    let rows =
        [owner.clone(), member(&one, 2, Role::Member), member(&one, 3, Role::Admin), member(&two, 1, Role::Member)];
    tx.conversations().insert_memberships(&rows).await.expect("inserted");
    tx.conversations().insert_memberships(&[]).await.expect("nothing");
    let ConversationKind::Group(group) = &mut one.kind else { panic!("it is a group") };
    group.title = Title::parse("Другое 🦀").expect("valid");
    one.members_count = 3;
    one.updated_at = at(99);
    tx.conversations().update_conversations(&[two.clone(), one.clone()]).await.expect("updated");
    tx.conversations().update_conversations(&[]).await.expect("nothing");
    let mut locked = tx.conversations().lock_conversations(&[two.id, one.id, one.id]).await.expect("locked");
    assert!(locked.is_sorted_by_key(|conversation| conversation.id));
    locked.sort_by_key(|conversation| conversation.id != one.id);
    assert_eq!(locked, [one.clone(), two.clone()]);
    let none = ConversationId::from_uuid(uuid(999));
    assert_eq!(tx.conversations().find_conversations(&[one.id, none]).await.expect("read"), [one.clone()]);
    let found = tx.conversations().find_direct_conversation(pair(1, 2)).await.expect("read");
    assert_eq!(found, Some(two.clone()));
    let found = tx.conversations().find_group_by_client_id(user(1).id, &client_id("make 50")).await.expect("read");
    assert_eq!(found, Some(one.clone()));
    // Bytewise: a space more is another client id.
    let found = tx.conversations().find_group_by_client_id(user(1).id, &client_id("make 50 ")).await.expect("read");
    assert_eq!(found, None);
    for number in [1, 2] {
        let ids = tx.conversations().find_direct_conversation_ids(user(number).id).await.expect("read");
        assert_eq!(ids, [two.id]);
    }
    let mut changed = [owner.clone(), member(&one, 2, Role::Admin)];
    changed[0].read_seq = Seq::from_stored(4);
    changed[1].own_after_read = 2;
    tx.conversations().update_memberships(&changed).await.expect("updated");
    let keys = [(one.id, user(1).id), (one.id, user(2).id), (none, user(1).id), (one.id, user(1).id)];
    let found = tx.conversations().find_memberships(&keys).await.expect("read");
    assert!(found.len() == 2 && changed.iter().all(|row| found.contains(row)));
    let page = tx.conversations().list_conversations(user(1).id, Slice { after: None, limit: 1 }).await.expect("read");
    assert_eq!(page.items, [(one.clone(), changed[0].clone())]);
    let rest = tx.conversations().list_conversations(user(1).id, Slice { after: page.next, limit: 1 });
    let rest = rest.await.expect("read");
    assert_eq!((rest.items.len(), rest.next, rest.items[0].0.id), (1, None, two.id));
    let page = tx.conversations().list_members(one.id, Slice { after: None, limit: 2 }).await.expect("read");
    assert_eq!(page.items.iter().map(|(user, _)| user.id).collect::<Vec<_>>(), [user(1).id, user(2).id]);
    let rest = tx.conversations().list_members(one.id, Slice { after: page.next, limit: 2 }).await.expect("read");
    assert_eq!((rest.items.len(), rest.next), (1, None));
    let longest = tx.conversations().find_longest_standing(one.id, Role::Admin, user(2).id).await.expect("read");
    assert_eq!(longest.map(|row| row.user_id), Some(user(3).id));
}

async fn messages(tx: &mut dyn Transaction) {
    let one = group(50, 1);
    let mut sent: Vec<_> = (1..=5).map(|n| message(n, &one, i64::try_from(n).expect("small"), 1 + n % 2)).collect();
    sent[4].message.reply_to = Some(sent[0].message.id);
    sent[3].message.client_id = None;
    tx.messages().insert_messages(&sent).await.expect("inserted");
    tx.messages().insert_messages(&[]).await.expect("nothing");
    sent[1].message.body = None;
    sent[1].message.deleted_at = Some(at(500));
    sent[2].message.body = Some(MessageBody::parse("edited ").expect("valid"));
    sent[2].message.edited_at = Some(at(501));
    let changed = [sent[2].message.clone(), sent[1].message.clone()];
    tx.messages().update_messages(&changed).await.expect("updated");
    let all: Vec<_> = sent.iter().map(|sent| sent.message.clone()).collect();
    let mut found = tx.messages().find_messages(&all.iter().map(|one| one.id).collect::<Vec<_>>()).await.expect("read");
    found.sort_by_key(|message| message.seq);
    assert_eq!(found, all);
    let places = [(one.id, Seq::from_stored(3)), (one.id, Seq::from_stored(30))];
    assert_eq!(tx.messages().find_messages_at(&places).await.expect("read"), [all[2].clone()]);
    let key = |index: usize| {
        let message = &all[index];
        (message.sender_id, message.conversation_id, message.client_id.clone().expect("set"))
    };
    assert_eq!(tx.messages().find_sent(&[key(1)]).await.expect("read"), [sent[1].clone()]);
    assert_eq!(tx.messages().find_sent(&[key(0), key(2), key(0)]).await.expect("read").len(), 2);
    let seqs = |messages: Vec<messenger_core::message::Message>| {
        messages.into_iter().map(|message| message.seq.get()).collect::<Vec<_>>()
    };
    let seq = Seq::from_stored(4);
    for (range, expected) in
        [(MessageRange::Latest, [4, 5]), (MessageRange::Before(seq), [2, 3]), (MessageRange::After(Seq::ZERO), [1, 2])]
    {
        assert_eq!(seqs(tx.messages().list_messages(one.id, range, 2).await.expect("read")), expected);
    }
    assert_eq!(tx.messages().count_sent_after(one.id, user(2).id, Seq::from_stored(1)).await.expect("read"), 2);
    assert_eq!(tx.messages().list_recent_messages(user(5).id, super::statements::all()).await.expect("read").items, []);
    assert_eq!(
        tx.messages().list_recent_messages(user(3).id, super::statements::all()).await.expect("read").items.len(),
        5
    );
}

async fn log(store: &dyn Store, placed: &[messenger_core::event::Event]) {
    let mut snapshot = store.read().await.expect("read");
    let identity = snapshot.events().log_identity().await.expect("read");
    assert_eq!(identity.partitions.get(), 8);
    let heads = snapshot.events().log_heads().await.expect("read");
    assert_eq!(heads.len(), 8);
    let mut logged = Vec::new();
    for number in 0..8 {
        let partition = Partition::from_stored(number);
        let events = snapshot.events().list_events(partition, Position::ZERO, 10).await.expect("read");
        assert_eq!(heads[&partition].get(), i64::try_from(events.len()).expect("few"));
        logged.extend(events);
    }
    assert!(logged.len() == placed.len() && placed.iter().all(|event| logged.contains(event)));
    let one = group(50, 1);
    let keys = [(one.id, user(1).id), (one.id, user(2).id)];
    for membership in snapshot.conversations().find_memberships(&keys).await.expect("read") {
        assert!(membership.joined_position > Position::ZERO);
    }
}

/// More items than fit into one statement.
pub(crate) async fn long_slices_are_cut_up(server_url: String) {
    let (fixture, store) = Fixture::store(server_url).await;
    let mut tx = store.begin().await.expect("begun");
    let users: Vec<_> = (1..=300).map(user).collect();
    for user in &users {
        tx.users().insert_user(user).await.expect("inserted");
    }
    let ids: Vec<_> = users.iter().map(|user| user.id).collect();
    assert_eq!(tx.users().lock_users(&ids).await.expect("locked").len(), 300);
    let mut conversation = group(400, 1);
    tx.conversations().insert_conversation(&conversation).await.expect("inserted");
    let mut members: Vec<_> = (1..=300).map(|number| member(&conversation, number, Role::Member)).collect();
    tx.conversations().insert_memberships(&members).await.expect("inserted");
    let mut messages: Vec<_> =
        (1..=299).map(|n| message(n, &conversation, i64::try_from(n).expect("small"), 1)).collect();
    tx.messages().insert_messages(&messages).await.expect("inserted");
    for member in &mut members {
        member.read_seq = Seq::from_stored(299);
    }
    tx.conversations().update_memberships(&members).await.expect("updated");
    for sent in &mut messages {
        sent.message.body = None;
        sent.message.deleted_at = Some(sent.message.created_at);
    }
    let changed: Vec<_> = messages.iter().map(|sent| sent.message.clone()).collect();
    tx.messages().update_messages(&changed).await.expect("updated");
    let keys: Vec<_> = ids.iter().map(|id| (conversation.id, *id)).collect();
    let found = tx.conversations().find_memberships(&keys).await.expect("read");
    assert!(found.len() == 300 && found.iter().all(|row| row.read_seq.get() == 299));
    conversation.last_seq = Seq::from_stored(299);
    tx.conversations().update_conversations(&[conversation]).await.expect("updated");
    let events: Vec<_> = (1..=300).map(user_event).collect();
    assert_eq!(tx.commit(&events).await.expect("committed").len(), 300);
    store.close().await;
    fixture.drop_database().await;
}

/// Against the plain meaning: all messages, sorted, cut into pages.
pub(crate) async fn recent_messages_page_like_a_sorted_list(server_url: String) {
    let (fixture, store) = Fixture::store(server_url).await;
    let mut tx = store.begin().await.expect("begun");
    tx.users().insert_user(&user(1)).await.expect("inserted");
    let mut expected = Vec::new();
    for number in 0..7_u128 {
        let conversation = group(500 + number, 1);
        tx.conversations().insert_conversation(&conversation).await.expect("inserted");
        // One conversation is none of the user's business.
        if number != 3 {
            tx.conversations().insert_memberships(&[member(&conversation, 1, Role::Owner)]).await.expect("inserted");
        }
        for seq in 1..=9_i64 {
            let mut sent = message(1000 + number * 10 + u128::try_from(seq).expect("small"), &conversation, seq, 1);
            // Many at the same instant, so that ids must tell them apart.
            sent.message.created_at = at(seq / 3);
            tx.messages().insert_messages(std::slice::from_ref(&sent)).await.expect("inserted");
            if number != 3 {
                expected.push(sent.message);
            }
        }
    }
    expected.sort_by_key(|message| std::cmp::Reverse((message.created_at, message.id)));
    for limit in [1, 2, 5, 50, 100] {
        let mut paged = Vec::new();
        let mut after = None;
        loop {
            let rows = tx.messages().list_recent_messages(user(1).id, Slice { after, limit }).await.expect("read");
            paged.extend(rows.items);
            let Some(next) = rows.next else { break };
            after = Some(next);
        }
        assert_eq!(paged, expected, "in pages of {limit}");
    }
    tx.rollback().await.expect("rolled back");
    store.close().await;
    fixture.drop_database().await;
}
