//! Who is in a group and what they may do there.

use messenger_tests::http::{Client as _, TestApp, User};
use serde_json::{Value, json};

cases! { "groups":
    the_owner_and_admins_manage,
    the_owner_appoints,
    handing_over_is_one_change,
    an_admin_removes_members_only,
    the_removed_see_nothing_more,
    one_who_joins_reads_what_was_said_and_owes_nothing,
    the_owner_who_leaves_hands_over,
    a_group_without_members_is_gone,
    only_friends_who_are_not_members_are_added,
    a_full_group_takes_nobody,
}

/// Ada's group with Bob and Carol, who are her friends.
async fn group(app: &TestApp) -> (User, User, User, String) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let carol = app.user("carol").await;
    ada.befriend(&carol).await;
    let id = ada.group("Group", &[&bob, &carol]).await;
    (ada, bob, carol, format!("/v1/conversations/{id}"))
}

async fn roles(viewer: &User, at: &str) -> Vec<(String, String)> {
    let members = viewer.get(format!("{at}/members")).await.items();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let mut roles: Vec<_> =
        members.iter().map(|member| (text(&member["user"]["username"]), text(&member["role"]))).collect();
    roles.sort_unstable();
    roles
}

async fn appoint(viewer: &User, at: &str, user: &User, role: &str) -> messenger_tests::http::Answer {
    viewer.patch(format!("{at}/members/{}", user.id), json!({"role": role})).await
}

fn are(expected: [(&str, &str); 3]) -> Vec<(String, String)> {
    expected.map(|(name, role)| (name.to_owned(), role.to_owned())).to_vec()
}

async fn the_owner_and_admins_manage(app: TestApp) {
    let (ada, bob, carol, at) = group(&app).await;
    appoint(&ada, &at, &bob, "admin").await.ok();
    let dan = app.user("dan").await;
    for friend in [&bob, &carol] {
        friend.befriend(&dan).await;
    }
    carol.patch(at.clone(), json!({"title": "Mine"})).await.refused(403, "not_allowed");
    carol.post(format!("{at}/members"), json!({"user_id": dan.id})).await.refused(403, "not_allowed");
    carol.delete(format!("{at}/members/{}", bob.id)).await.refused(403, "not_allowed");
    assert_eq!(bob.patch(at.clone(), json!({"title": "Ours"})).await.ok()["title"], "Ours");
    let added = bob.post(format!("{at}/members"), json!({"user_id": dan.id})).await.created();
    assert_eq!((&added["user"]["username"], &added["role"]), (&json!("dan"), &json!("member")));
    assert_eq!(ada.get(at).await.ok()["members_count"], 4);
}

async fn the_owner_appoints(app: TestApp) {
    let (ada, bob, carol, at) = group(&app).await;
    assert_eq!(appoint(&ada, &at, &bob, "admin").await.ok()["role"], "admin");
    assert_eq!(appoint(&ada, &at, &bob, "admin").await.ok()["role"], "admin", "twice is once");
    appoint(&bob, &at, &carol, "admin").await.refused(403, "not_allowed");
    appoint(&carol, &at, &carol, "admin").await.refused(403, "not_allowed");
    assert_eq!(appoint(&ada, &at, &bob, "member").await.ok()["role"], "member");
    // An owner cannot simply stop.
    appoint(&ada, &at, &ada, "member").await.refused_fields(422, "invalid_value", &["role"]);
    assert_eq!(roles(&carol, &at).await, are([("ada", "owner"), ("bob", "member"), ("carol", "member")]));
}

async fn handing_over_is_one_change(app: TestApp) {
    let (ada, bob, carol, at) = group(&app).await;
    appoint(&bob, &at, &bob, "owner").await.refused(403, "not_allowed");
    assert_eq!(appoint(&ada, &at, &bob, "owner").await.ok()["role"], "owner");
    assert_eq!(roles(&carol, &at).await, are([("ada", "admin"), ("bob", "owner"), ("carol", "member")]));
    appoint(&ada, &at, &carol, "admin").await.refused(403, "not_allowed");
    appoint(&bob, &at, &carol, "admin").await.ok();
}

async fn an_admin_removes_members_only(app: TestApp) {
    let (ada, bob, carol, at) = group(&app).await;
    for admin in [&bob, &carol] {
        appoint(&ada, &at, admin, "admin").await.ok();
    }
    let remove = async |viewer: &User, user: &User| viewer.delete(format!("{at}/members/{}", user.id)).await;
    remove(&bob, &carol).await.refused(403, "not_allowed");
    remove(&bob, &ada).await.refused(403, "not_allowed");
    appoint(&ada, &at, &carol, "member").await.ok();
    remove(&bob, &carol).await.no_content();
    remove(&bob, &carol).await.refused(404, "member_not_found");
    // Removing oneself is leaving.
    remove(&bob, &bob).await.no_content();
    remove(&bob, &bob).await.refused(404, "conversation_not_found");
    assert_eq!(ada.get(at).await.ok()["members_count"], 1);
}

async fn the_removed_see_nothing_more(app: TestApp) {
    let (ada, bob, _, at) = group(&app).await;
    let id = at.rsplit('/').next().expect("an id");
    let said = ada.say(id, "Between us").await;
    let message = format!("{at}/messages/{}", said["id"].as_str().expect("an id"));
    ada.delete(format!("{at}/members/{}", bob.id)).await.no_content();
    for path in [at.clone(), format!("{at}/members"), format!("{at}/messages"), message.clone()] {
        bob.get(path).await.refused(404, "conversation_not_found");
    }
    bob.post(format!("{at}/messages"), json!({"body": "Hello?"})).await.refused(404, "conversation_not_found");
    bob.patch(message, json!({"body": "Hello?"})).await.refused(404, "conversation_not_found");
    bob.put(format!("{at}/read"), json!({"seq": 1})).await.refused(404, "conversation_not_found");
    assert!(bob.get("/v1/conversations").await.items().is_empty());
    assert!(bob.get("/v1/messages/recent").await.items().is_empty());
}

async fn one_who_joins_reads_what_was_said_and_owes_nothing(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let id = ada.group("Group", &[]).await;
    for number in 1..=3 {
        ada.say(&id, &format!("Message {number}")).await;
    }
    ada.post(format!("/v1/conversations/{id}/members"), json!({"user_id": bob.id})).await.created();
    assert_eq!(bob.get(format!("/v1/conversations/{id}/messages")).await.items().len(), 3);
    let seen = bob.get(format!("/v1/conversations/{id}")).await.ok();
    assert_eq!((&seen["read_seq"], &seen["unread_count"]), (&json!(3), &json!(0)));
}

async fn the_owner_who_leaves_hands_over(app: TestApp) {
    let (ada, bob, carol, at) = group(&app).await;
    appoint(&ada, &at, &carol, "admin").await.ok();
    ada.delete(format!("{at}/members/me")).await.no_content();
    assert_eq!(carol.get(at.clone()).await.ok()["role"], "owner", "an admin comes first");
    carol.delete(format!("{at}/members/me")).await.no_content();
    assert_eq!(bob.get(at).await.ok()["role"], "owner", "then a member");
}

async fn a_group_without_members_is_gone(app: TestApp) {
    let ada = app.user("ada").await;
    let id = ada.group("Alone", &[]).await;
    ada.say(&id, "Hello?").await;
    let leave = format!("/v1/conversations/{id}/members/me");
    ada.delete(leave.clone()).await.no_content();
    ada.delete(leave).await.refused(404, "conversation_not_found");
    ada.get(format!("/v1/conversations/{id}")).await.refused(404, "conversation_not_found");
    assert!(ada.get("/v1/messages/recent").await.items().is_empty());
}

async fn only_friends_who_are_not_members_are_added(app: TestApp) {
    let (ada, bob, carol, at) = group(&app).await;
    let dan = app.user("dan").await;
    dan.befriend(&carol).await;
    let add = async |user: &User| ada.post(format!("{at}/members"), json!({"user_id": user.id})).await;
    add(&bob).await.refused(409, "already_member");
    add(&ada).await.refused(409, "already_member");
    // A stranger, one who blocks and one who is blocked get one answer.
    let stranger = add(&dan).await.refused(403, "not_friends");
    dan.put_empty(format!("/v1/blocks/{}", ada.id)).await.no_content();
    assert_eq!(add(&dan).await.refused(403, "not_friends"), stranger);
    ada.put_empty(format!("/v1/blocks/{}", dan.id)).await.no_content();
    assert_eq!(add(&dan).await.refused(403, "not_friends"), stranger);
    assert_eq!(ada.get(at).await.ok()["members_count"], 3);
}

async fn a_full_group_takes_nobody(app: TestApp) {
    let (ada, _, _, at) = group(&app).await;
    let dan = app.user("dan").await;
    ada.befriend(&dan).await;
    app.pretend_members_count(at.rsplit('/').next().expect("an id"), 5_000).await;
    ada.post(format!("{at}/members"), json!({"user_id": dan.id})).await.refused(409, "group_full");
}
