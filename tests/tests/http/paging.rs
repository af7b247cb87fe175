//! Every list, page by page. The lists are those of the OpenAPI document.

use std::collections::BTreeMap;

use messenger_tests::http::{Client as _, Contract, TestApp, User};
use serde_json::{Value, json};

cases! { "paging":
    every_list_is_read_whole_at_every_limit,
    a_cursor_of_another_list_is_refused,
    what_is_added_meanwhile_moves_nothing,
}

/// How many items each list has.
const COUNT: usize = 5;

/// A world in which every list of Ada's has five items, and the path of each by
/// its operation.
async fn full_lists(app: &TestApp) -> (User, BTreeMap<&'static str, String>) {
    let ada = app.user("ada").await;
    let mut friends = vec![];
    for number in 0..COUNT {
        let friend = app.user(&format!("friend{number}")).await;
        ada.befriend(&friend).await;
        friends.push(friend);
        let asking = app.user(&format!("asking{number}")).await;
        asking.post("/v1/friend-requests", json!({"user_id": ada.id})).await.created();
        ada.put_empty(format!("/v1/blocks/{}", app.user(&format!("blocked{number}")).await.id)).await.no_content();
    }
    for friend in &friends[1..] {
        friends[0].befriend(friend).await;
    }
    let mutual = app.user("mutual").await;
    for friend in &friends {
        mutual.befriend(friend).await;
    }
    let members: Vec<_> = friends[1..].iter().collect();
    let group = ada.group("Group", &members).await;
    for number in 1..COUNT {
        ada.group(&format!("Group {number}"), &[]).await;
        ada.log_in_again().await;
    }
    for number in 0..COUNT {
        ada.say(&group, &format!("Message {number}")).await;
    }
    let paths = [
        ("list_blocks", "/v1/blocks".to_owned()),
        ("list_conversations", "/v1/conversations".to_owned()),
        ("list_friend_requests", "/v1/friend-requests?direction=incoming".to_owned()),
        ("list_friends", "/v1/friends".to_owned()),
        ("list_members", format!("/v1/conversations/{group}/members")),
        ("list_mutual_friends", format!("/v1/users/{}/mutual-friends", mutual.id)),
        ("list_recent_messages", "/v1/messages/recent".to_owned()),
        ("list_sessions", "/v1/sessions".to_owned()),
        ("list_users", "/v1/users?query=friend".to_owned()),
    ];
    let with_cursor = Contract::get()
        .operations()
        .iter()
        .filter(|operation| operation.parameters().any(|(name, _, _)| name == "cursor"));
    let mut known: Vec<_> = with_cursor.map(|operation| operation.id.as_str()).collect();
    known.sort_unstable();
    assert_eq!(paths.each_ref().map(|(id, _)| *id).to_vec(), known, "every list of the document has a path here");
    (ada, paths.into_iter().collect())
}

async fn page(viewer: &User, path: &str, limit: usize, cursor: Option<&str>) -> (Vec<Value>, Option<String>) {
    let request = viewer.get(path).query("limit", &limit.to_string());
    let request = match cursor {
        Some(cursor) => request.query("cursor", cursor),
        None => request,
    };
    let page = request.await.ok();
    let items = page["items"].as_array().expect("items").clone();
    (items, page["next_cursor"].as_str().map(ToOwned::to_owned))
}

async fn every_list_is_read_whole_at_every_limit(app: TestApp) {
    let (ada, lists) = full_lists(&app).await;
    for (id, path) in lists {
        let (whole, next) = page(&ada, &path, 100, None).await;
        assert_eq!((whole.len(), next), (COUNT, None), "{id}");
        assert_eq!(ada.get(path.clone()).await.items(), whole, "{id} without a limit");
        for limit in 1..=COUNT + 1 {
            let (mut read, mut cursor) = (vec![], None);
            loop {
                let (items, next) = page(&ada, &path, limit, cursor.as_deref()).await;
                assert!(!items.is_empty() && items.len() <= limit, "{id} at {limit}: {} items", items.len());
                assert!(next.is_none() || items.len() == limit, "{id} at {limit}: a page that is not full goes on");
                read.extend(items);
                let Some(next) = next else { break };
                cursor = Some(next);
            }
            assert_eq!(read, whole, "{id} at {limit}");
        }
    }
}

async fn a_cursor_of_another_list_is_refused(app: TestApp) {
    let (ada, lists) = full_lists(&app).await;
    let mut variants: Vec<_> = lists.values().cloned().collect();
    variants.push("/v1/friend-requests?direction=outgoing".to_owned());
    variants.push("/v1/users?query=frien".to_owned());
    variants.push("/v1/friends?query=friend".to_owned());
    let friend = ada.get("/v1/friends").await.items()[0]["user"]["id"].as_str().expect("an id").to_owned();
    variants.push(format!("/v1/users/{friend}/mutual-friends"));
    let other_group = ada.get("/v1/conversations").await.items()[1]["id"].as_str().expect("an id").to_owned();
    variants.push(format!("/v1/conversations/{other_group}/members"));
    let stranger = app.user("stranger").await;
    for (id, path) in &lists {
        let (_, cursor) = page(&ada, path, 1, None).await;
        let cursor = cursor.unwrap_or_else(|| panic!("{id} has a second page"));
        for other in variants.iter().filter(|other| *other != path) {
            let answer = ada.get(other.clone()).query("cursor", &cursor).await;
            answer.refused_fields(400, "bad_cursor", &["cursor"]);
        }
        // Another viewer's cursor is no better.
        let foreign = stranger.get(path.clone()).query("cursor", &cursor).await;
        foreign.refused_fields(400, "bad_cursor", &["cursor"]);
        let mut changed = cursor.into_bytes();
        changed[0] = if changed[0] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).expect("ASCII");
        let answer = ada.get(path.clone()).query("cursor", &changed).await;
        answer.refused_fields(400, "bad_cursor", &["cursor"]);
    }
}

async fn what_is_added_meanwhile_moves_nothing(app: TestApp) {
    let ada = app.user("ada").await;
    let id = ada.group("Group", &[]).await;
    for number in 0..4 {
        ada.say(&id, &number.to_string()).await;
    }
    let (first, cursor) = page(&ada, "/v1/messages/recent", 2, None).await;
    ada.say(&id, "meanwhile").await;
    let (second, _) = page(&ada, "/v1/messages/recent", 2, cursor.as_deref()).await;
    let bodies: Vec<_> = first.iter().chain(&second).map(|message| message["body"].clone()).collect();
    assert_eq!(bodies, ["3", "2", "1", "0"]);
}
