//! Objects that are not there, or not the viewer's: which of the two, nobody
//! learns.

use messenger_tests::http::{Client as _, Operation, TestApp};
use serde_json::{Value, json};

use super::fixture::{Fixture, UNKNOWN_ID, operations};

cases! { "errors::objects":
    what_does_not_exist_is_not_found,
    what_belongs_to_others_is_like_what_does_not_exist,
    a_message_of_another_conversation_is_not_found,
    ids_in_bodies_are_checked_too,
}

/// Every parameter of every path that names an object.
fn named() -> Vec<(&'static Operation, &'static str)> {
    let all = operations().flat_map(|operation| {
        let ids = operation.parameters().filter(|(name, place, _)| *place == "path" && name.ends_with("_id"));
        ids.map(move |(name, _, _)| (operation, name))
    });
    let all: Vec<_> = all.collect();
    assert!(all.len() > 25, "the document names more objects than {}", all.len());
    all
}

async fn what_does_not_exist_is_not_found(app: TestApp) {
    let fixture = Fixture::new(app).await;
    for (operation, name) in named() {
        let parts = fixture.valid(operation).with_path(name, UNKNOWN_ID);
        let answer = fixture.request(operation, &parts).await;
        // To lift a block that is not there is to have none.
        if operation.id == "unblock_user" {
            answer.no_content();
            continue;
        }
        let code = match (name, operation.id.as_str()) {
            ("user_id", "get_user" | "list_mutual_friends" | "block_user") => "user_not_found",
            ("user_id", "delete_friend") => "friendship_not_found",
            ("user_id", id) if id.ends_with("_friend_request") => "friend_request_not_found",
            ("user_id", _) => "member_not_found",
            ("conversation_id", _) => "conversation_not_found",
            ("message_id", _) => "message_not_found",
            ("session_id", _) => "session_not_found",
            (other, _) => panic!("{}: a code for {other} is needed here", operation.id),
        };
        answer.refused(404, code);
    }
}

async fn what_belongs_to_others_is_like_what_does_not_exist(app: TestApp) {
    let fixture = Fixture::new(app).await;
    let bobs_sessions = fixture.bob.get("/v1/sessions").await.items();
    let bobs_session = bobs_sessions[0]["id"].as_str().expect("an id");
    for (operation, name) in named() {
        let others = match name {
            "conversation_id" => fixture.foreign_group.as_str(),
            "message_id" => fixture.foreign_message.as_str(),
            "session_id" => bobs_session,
            // Users are there for all to see.
            "user_id" => continue,
            other => panic!("{}: another's {other} is needed here", operation.id),
        };
        let foreign = fixture.request(operation, &fixture.valid(operation).with_path(name, others)).await;
        let unknown = fixture.request(operation, &fixture.valid(operation).with_path(name, UNKNOWN_ID)).await;
        assert_eq!(foreign.status(), 404, "{}: {}", operation.id, foreign.text());
        assert_eq!(foreign.bytes(), unknown.bytes(), "{}", operation.id);
    }
    // Nor does it help to name both, the conversation and what is in it.
    for operation in operations().filter(|operation| operation.path.contains("{message_id}")) {
        let parts = fixture.valid(operation).with_path("conversation_id", &fixture.foreign_group);
        let parts = parts.with_path("message_id", &fixture.foreign_message);
        fixture.request(operation, &parts).await.refused(404, "conversation_not_found");
    }
    assert_eq!(fixture.bob.get("/v1/sessions").await.items(), bobs_sessions, "nothing was ended");
}

async fn a_message_of_another_conversation_is_not_found(app: TestApp) {
    let fixture = Fixture::new(app).await;
    for operation in operations().filter(|operation| operation.path.contains("{message_id}")) {
        let parts = fixture.valid(operation).with_path("message_id", &fixture.other_message);
        fixture.request(operation, &parts).await.refused(404, "message_not_found");
    }
    let path = format!("/v1/conversations/{}/messages/{}", fixture.other_group, fixture.other_message);
    assert_eq!(fixture.ada.get(path).await.ok()["body"], "Hello, others", "nothing was changed");
}

async fn ids_in_bodies_are_checked_too(app: TestApp) {
    let fixture = Fixture::new(app).await;
    let ada = &fixture.ada;
    let messages = format!("/v1/conversations/{}/messages", fixture.group);
    for reply_to in [UNKNOWN_ID, &fixture.other_message, &fixture.foreign_message, &fixture.group] {
        let reply = json!({"body": "Yes", "reply_to": reply_to});
        ada.post(messages.clone(), reply).await.refused(404, "message_not_found");
    }
    let not_friends = |problem: Value, ids: &[&str]| assert_eq!(problem["user_ids"], json!(ids));
    let frank = fixture.app.user("frank.2").await;
    ada.post("/v1/friend-requests", json!({"user_id": UNKNOWN_ID})).await.refused(404, "user_not_found");
    ada.post("/v1/friend-requests", json!({"username": "nobody"})).await.refused(404, "user_not_found");
    let direct = |id: &str| json!({"kind": "direct", "user_id": id});
    ada.post("/v1/conversations", direct(UNKNOWN_ID)).await.refused(404, "user_not_found");
    not_friends(ada.post("/v1/conversations", direct(&frank.id)).await.refused(403, "not_friends"), &[&frank.id]);
    let members = format!("/v1/conversations/{}/members", fixture.group);
    for stranger in [UNKNOWN_ID, &frank.id] {
        let refused = ada.post(members.clone(), json!({"user_id": stranger})).await.refused(403, "not_friends");
        not_friends(refused, &[stranger]);
    }
    let group = json!({"kind": "group", "title": "a", "member_ids": [frank.id, fixture.bob.id, UNKNOWN_ID]});
    let refused = ada.post("/v1/conversations", group).await.refused(403, "not_friends");
    let mut strangers = [frank.id.as_str(), UNKNOWN_ID];
    strangers.sort_unstable();
    not_friends(refused, &strangers);
    // Nobody is their own friend, nor talks or keeps away from themselves.
    ada.post("/v1/friend-requests", json!({"user_id": ada.id})).await.refused_fields(
        422,
        "invalid_value",
        &["user_id"],
    );
    let by_name = ada.post("/v1/friend-requests", json!({"username": "ada"})).await;
    by_name.refused_fields(422, "invalid_value", &["username"]);
    ada.post("/v1/conversations", direct(&ada.id)).await.refused_fields(422, "invalid_value", &["user_id"]);
    ada.put_empty(format!("/v1/blocks/{}", ada.id)).await.refused_fields(422, "invalid_value", &["user_id"]);
}
