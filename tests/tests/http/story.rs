//! Two users, from the first request to the last.

use messenger_tests::http::{Client as _, PASSWORD, TestApp, User};
use serde_json::json;

cases! { "story": two_users_meet_talk_and_part }

async fn two_users_meet_talk_and_part(app: TestApp) {
    let registration = json!({
        "username": "Ada", "email": "ada@example.org", "password": PASSWORD, "display_name": "Ada Lovelace",
    });
    let signed_in = app.anon().post("/v1/auth/register", registration).await.created();
    assert_eq!(signed_in["user"]["username"], "ada", "case folds");
    assert_eq!(signed_in["tokens"]["token_type"], "Bearer");
    let ada = User::of(&app, &signed_in);
    let bob = app.user("bob").await;

    // They find each other and become friends.
    let found = ada.get("/v1/users?query=bo").await.items();
    assert_eq!(found[0]["id"], bob.id);
    let request = ada.post("/v1/friend-requests", json!({"username": "bob"})).await.created();
    assert_eq!(request["requester"]["id"], ada.id);
    let incoming = bob.get("/v1/friend-requests?direction=incoming").await.items();
    assert_eq!(incoming[0], request);
    let friend = bob.post_empty(format!("/v1/friend-requests/{}/accept", ada.id)).await.ok();
    assert_eq!(friend["user"]["display_name"], "Ada Lovelace");
    assert_eq!(ada.get("/v1/friends").await.items()[0]["user"]["id"], bob.id);

    // They talk.
    let opened = ada.post("/v1/conversations", json!({"kind": "direct", "user_id": bob.id})).await.created();
    let id = opened["id"].as_str().expect("an id");
    let hello = ada.say(id, "Hello, Bob!").await;
    assert_eq!((hello["seq"].as_i64(), hello["sender_id"].as_str()), (Some(1), Some(ada.id.as_str())));
    let seen = bob.get(format!("/v1/conversations/{id}")).await.ok();
    assert_eq!((seen["unread_count"].as_i64(), &seen["last_message"]), (Some(1), &hello));
    assert_eq!(seen["peer"]["id"], ada.id);
    let reply = json!({"body": "Hello, Ada!", "reply_to": hello["id"], "client_id": "1"});
    let reply = bob.post(format!("/v1/conversations/{id}/messages"), reply).await.created();
    assert_eq!((reply["seq"].as_i64(), &reply["reply_to"]), (Some(2), &hello["id"]));
    let read = bob.put(format!("/v1/conversations/{id}/read"), json!({"seq": 2})).await.ok();
    assert_eq!(read, json!({"read_seq": 2, "unread_count": 0}));
    let history = ada.get(format!("/v1/conversations/{id}/messages")).await.ok();
    assert_eq!(history, json!({"items": [hello, reply], "has_before": false, "has_after": false}));

    // They part; what was said stays.
    ada.delete(format!("/v1/friends/{}", bob.id)).await.no_content();
    let refused = bob.post(format!("/v1/conversations/{id}/messages"), json!({"body": "Still there?"})).await;
    assert_eq!(refused.refused(403, "not_friends")["user_ids"], json!([ada.id]));
    assert_eq!(bob.get(format!("/v1/conversations/{id}/messages")).await.items().len(), 2);
    ada.post_empty("/v1/auth/logout").await.no_content();
    ada.get("/v1/me").await.refused(401, "invalid_token");
}
