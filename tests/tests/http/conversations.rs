//! Direct conversations and groups, as their members see them.

use messenger_tests::http::{Client as _, TestApp};
use serde_json::{Value, json};

cases! { "conversations":
    two_users_have_one_direct_conversation,
    a_direct_conversation_needs_a_friendship_or_an_open_door,
    a_group_is_made_with_friends,
    a_repeated_creation_is_the_same_creation,
    the_latest_activity_comes_first,
    only_members_see_a_conversation,
    a_direct_conversation_is_no_group,
    a_title_is_kept_as_it_was_given,
}

async fn two_users_have_one_direct_conversation(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let open = |id: &str| json!({"kind": "direct", "user_id": id});
    let opened = ada.post("/v1/conversations", open(&bob.id)).await.created();
    assert_eq!(
        (&opened["kind"], &opened["title"], &opened["role"]),
        (&json!("direct"), &Value::Null, &json!("member"))
    );
    assert_eq!((&opened["peer"]["id"], &opened["members_count"]), (&json!(bob.id), &json!(2)));
    assert_eq!((&opened["last_seq"], &opened["last_message"]), (&json!(0), &Value::Null));
    assert_eq!(ada.post("/v1/conversations", open(&bob.id)).await.ok(), opened);
    let other_side = bob.post("/v1/conversations", open(&ada.id)).await.ok();
    assert_eq!((&other_side["id"], &other_side["peer"]["id"]), (&opened["id"], &json!(ada.id)));
}

async fn a_direct_conversation_needs_a_friendship_or_an_open_door(app: TestApp) {
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let open = json!({"kind": "direct", "user_id": bob.id});
    let refused = ada.post("/v1/conversations", open.clone()).await.refused(403, "not_friends");
    assert_eq!(refused["user_ids"], json!([bob.id]));
    bob.patch("/v1/me", json!({"dm_policy": "everyone"})).await.ok();
    let id = ada.post("/v1/conversations", open).await.created()["id"].as_str().expect("an id").to_owned();
    ada.say(&id, "Hello").await;
    // The door is Bob's; Ada's own is closed.
    let reply = bob.post(format!("/v1/conversations/{id}/messages"), json!({"body": "Hello"})).await;
    reply.refused(403, "not_friends");
    bob.patch("/v1/me", json!({"dm_policy": "friends"})).await.ok();
    let more = ada.post(format!("/v1/conversations/{id}/messages"), json!({"body": "Hello?"})).await;
    more.refused(403, "not_friends");
}

async fn a_group_is_made_with_friends(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let group = json!({"kind": "group", "title": " Analytical Engine ", "member_ids": [bob.id, bob.id, ada.id]});
    let made = ada.post("/v1/conversations", group).await.created();
    assert_eq!((&made["kind"], &made["title"]), (&json!("group"), &json!("Analytical Engine")));
    assert_eq!((&made["role"], &made["peer"], &made["members_count"]), (&json!("owner"), &Value::Null, &json!(2)));
    let id = made["id"].as_str().expect("an id");
    assert_eq!(bob.get(format!("/v1/conversations/{id}")).await.ok()["role"], "member");
    let members = bob.get(format!("/v1/conversations/{id}/members")).await.items();
    let roles: Vec<_> = members.iter().map(|member| (&member["user"]["username"], &member["role"])).collect();
    assert_eq!(roles.len(), 2);
    assert!(roles.contains(&(&json!("ada"), &json!("owner"))) && roles.contains(&(&json!("bob"), &json!("member"))));
    let alone = json!({"kind": "group", "title": "Alone", "member_ids": []});
    assert_eq!(ada.post("/v1/conversations", alone).await.created()["members_count"], 1);
}

async fn a_repeated_creation_is_the_same_creation(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let group = |title: &str, client_id: &str| json!({"kind": "group", "title": title, "member_ids": [bob.id], "client_id": client_id});
    let made = ada.post("/v1/conversations", group("One", "a")).await.created();
    assert_eq!(ada.post("/v1/conversations", group("One", "a")).await.ok(), made);
    ada.post("/v1/conversations", group("Two", "a")).await.refused(409, "client_id_reused");
    assert_ne!(ada.post("/v1/conversations", group("One", "b")).await.created()["id"], made["id"]);
    let wrong = ada.post("/v1/conversations", group("One", "\u{7}")).await;
    wrong.refused_fields(422, "invalid_value", &["client_id"]);
    // Who has left it gets no more of it than anyone.
    let id = made["id"].as_str().expect("an id");
    ada.delete(format!("/v1/conversations/{id}/members/me")).await.no_content();
    ada.post("/v1/conversations", group("One", "a")).await.refused(404, "conversation_not_found");
}

async fn the_latest_activity_comes_first(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let (direct, group) = (ada.direct(&bob).await, ada.group("Group", &[&bob]).await);
    let ids = async || -> Vec<Value> {
        bob.get("/v1/conversations").await.items().iter().map(|conversation| conversation["id"].clone()).collect()
    };
    assert_eq!(ids().await, [group.clone(), direct.clone()]);
    let said = ada.say(&direct, "Hello").await;
    assert_eq!(ids().await, [direct, group]);
    assert_eq!(bob.get("/v1/conversations").await.items()[0]["last_message"], said);
}

async fn only_members_see_a_conversation(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let carol = app.user("carol").await;
    let (direct, group) = (ada.direct(&bob).await, ada.group("Group", &[&bob]).await);
    ada.say(&direct, "A secret").await;
    for id in [direct, group] {
        for path in ["", "/members", "/messages"] {
            let answer = carol.get(format!("/v1/conversations/{id}{path}")).await;
            answer.refused(404, "conversation_not_found");
        }
    }
    assert!(carol.get("/v1/conversations").await.items().is_empty());
    assert!(carol.get("/v1/messages/recent").await.items().is_empty());
}

async fn a_direct_conversation_is_no_group(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let carol = app.user("carol").await;
    ada.befriend(&carol).await;
    let at = format!("/v1/conversations/{}", ada.direct(&bob).await);
    ada.patch(at.clone(), json!({"title": "Ours"})).await.refused(409, "not_a_group");
    ada.post(format!("{at}/members"), json!({"user_id": carol.id})).await.refused(409, "not_a_group");
    let role = ada.patch(format!("{at}/members/{}", bob.id), json!({"role": "admin"})).await;
    role.refused(409, "not_a_group");
    ada.delete(format!("{at}/members/{}", bob.id)).await.refused(409, "not_a_group");
    ada.delete(format!("{at}/members/me")).await.refused(409, "not_a_group");
    assert_eq!(ada.get(at).await.ok()["members_count"], 2);
}

async fn a_title_is_kept_as_it_was_given(app: TestApp) {
    let ada = app.user("ada").await;
    let id = ada.group("Group", &[]).await;
    let at = format!("/v1/conversations/{id}");
    for title in ["🦀", "日本語のグループ", "a'b\"c\\d%_", "e\u{301}", &"ñ".repeat(100)] {
        assert_eq!(ada.patch(at.clone(), json!({"title": title})).await.ok()["title"], title);
        assert_eq!(ada.get(at.clone()).await.ok()["title"], title);
    }
    assert_eq!(ada.patch(at.clone(), json!({})).await.ok()["title"], "ñ".repeat(100), "an absent field stays");
    for title in ["", "   ", "two\nlines", &"ñ".repeat(101)] {
        ada.patch(at.clone(), json!({"title": title})).await.refused_fields(422, "invalid_value", &["title"]);
    }
}
