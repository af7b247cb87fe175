//! What is said: sending, repeating, editing, deleting, replying.

use messenger_tests::http::{Client as _, TestApp, User};
use serde_json::{Value, json};

cases! { "messages":
    a_body_is_kept_byte_for_byte,
    a_body_has_1_to_8000_characters,
    a_body_of_just_the_limit_of_bytes_is_read,
    a_repeated_send_is_the_same_send,
    a_repeat_shows_the_message_as_it_is_now,
    a_client_id_is_the_senders_own_in_a_conversation,
    a_refused_send_does_not_use_up_its_client_id,
    a_reply_names_a_message_of_the_same_conversation,
    only_the_sender_edits,
    an_edit_that_changes_nothing_is_none,
    a_deleted_message_is_a_tombstone,
    in_a_group_the_owner_and_admins_delete_too,
    recent_messages_come_from_all_conversations,
}

/// Ada and Bob, friends, and their direct conversation.
async fn direct(app: &TestApp) -> (User, User, String) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let id = ada.direct(&bob).await;
    (ada, bob, id)
}

fn messages(conversation: &str) -> String {
    format!("/v1/conversations/{conversation}/messages")
}

fn path_of(message: &Value) -> String {
    let text = |key: &str| message[key].as_str().expect("an id");
    format!("{}/{}", messages(text("conversation_id")), text("id"))
}

async fn a_body_is_kept_byte_for_byte(app: TestApp) {
    let (ada, bob, id) = direct(&app).await;
    let bodies = [
        "👩‍👩‍👧‍👦 🇩🇪 🏳️‍🌈 👍🏽",
        "e\u{301} and \u{e9}, which are not the same",
        "\u{202e}right to left\u{202c} שלום مرحبا",
        "  spaces, \t tabs\r\nand\nlines  ",
        "'; DROP TABLE messages; -- \\ \" % _ ` ${x} {{y}} <script>",
        "\u{0}\u{1}\u{7f}\u{85}\u{2028}\u{feff}\u{fffd}\u{10ffff}",
        "ﷺ𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
        " ",
    ];
    for body in bodies {
        let said = ada.say(&id, body).await;
        assert_eq!(said["body"], body);
        assert_eq!(bob.get(path_of(&said)).await.ok(), said);
    }
    let seen: Vec<_> = bob.get(messages(&id)).await.items().iter().map(|message| message["body"].clone()).collect();
    assert_eq!(seen, bodies);
    let escaped = ada.post(messages(&id), json!(null)).bytes(r#"{"body": "\ud83e\udd80\u00e9\/"}"#).await.created();
    assert_eq!(escaped["body"], "🦀é/");
}

async fn a_body_has_1_to_8000_characters(app: TestApp) {
    let (ada, bob, id) = direct(&app).await;
    for longest in ["a".repeat(8_000), "🦀".repeat(8_000), "\u{0}".repeat(8_000), "\"".repeat(8_000)] {
        let said = ada.say(&id, &longest).await;
        assert_eq!(bob.get(path_of(&said)).await.ok()["body"], longest);
        let edited = ada.patch(path_of(&said), json!({"body": longest})).await.ok();
        assert_eq!(edited["body"], longest);
    }
    for wrong in [String::new(), "a".repeat(8_001), "🦀".repeat(8_001)] {
        let refused = ada.post(messages(&id), json!({"body": wrong})).await;
        refused.refused_fields(422, "invalid_value", &["body"]);
    }
    assert_eq!(ada.get(format!("/v1/conversations/{id}")).await.ok()["last_seq"], 4);
}

async fn a_body_of_just_the_limit_of_bytes_is_read(app: TestApp) {
    let (ada, _, id) = direct(&app).await;
    let body = json!({"body": "Hello"}).to_string();
    let padded = format!("{body}{}", " ".repeat(TestApp::options().body_limit - body.len()));
    ada.post(messages(&id), json!(null)).bytes(padded.clone()).await.created();
    ada.post(messages(&id), json!(null)).chunked(padded).await.created();
    let escaped = format!(r#"{{"body": "{}"}}"#, "\\ud83e\\udd80".repeat(8_000));
    ada.post(messages(&id), json!(null)).chunked(escaped).await.created();
    let with_charset = ada.post(messages(&id), json!({"body": "Hello"}));
    with_charset.header("content-type", "application/json; charset=UTF-8").await.created();
}

async fn a_repeated_send_is_the_same_send(app: TestApp) {
    let (ada, bob, id) = direct(&app).await;
    let first = ada.say(&id, "First").await;
    let send = json!({"body": "Hello", "client_id": "6f1c 2d~", "reply_to": first["id"]});
    let stored = ada.post(messages(&id), send.clone()).await.created();
    assert_eq!(stored["client_id"], "6f1c 2d~");
    assert_eq!(ada.post(messages(&id), send.clone()).await.ok(), stored);
    let other_session = ada.log_in_again().await;
    assert_eq!(other_session.post(messages(&id), send).await.ok(), stored);
    for other in [
        json!({"body": "Hello!", "client_id": "6f1c 2d~", "reply_to": first["id"]}),
        json!({"body": "Hello", "client_id": "6f1c 2d~"}),
        json!({"body": "Hello", "client_id": "6f1c 2d~", "reply_to": stored["id"]}),
    ] {
        ada.post(messages(&id), other).await.refused(409, "client_id_reused");
    }
    assert_eq!(bob.get(messages(&id)).await.items(), [first, stored]);
}

async fn a_repeat_shows_the_message_as_it_is_now(app: TestApp) {
    let (ada, bob, id) = direct(&app).await;
    let send = json!({"body": "Hello", "client_id": "1"});
    let stored = ada.post(messages(&id), send.clone()).await.created();
    let edited = ada.patch(path_of(&stored), json!({"body": "Hello!"})).await.ok();
    assert_eq!(ada.post(messages(&id), send.clone()).await.ok(), edited);
    ada.delete(path_of(&stored)).await.no_content();
    let tombstone = ada.post(messages(&id), send.clone()).await.ok();
    assert_eq!((&tombstone["id"], &tombstone["body"]), (&stored["id"], &Value::Null));
    // A repeat asks nobody again.
    bob.put_empty(format!("/v1/blocks/{}", ada.id)).await.no_content();
    assert_eq!(ada.post(messages(&id), send).await.ok(), tombstone);
}

async fn a_client_id_is_the_senders_own_in_a_conversation(app: TestApp) {
    let (ada, bob, id) = direct(&app).await;
    let group = ada.group("Group", &[&bob]).await;
    let send = json!({"body": "Hello", "client_id": "1"});
    ada.post(messages(&id), send.clone()).await.created();
    bob.post(messages(&id), send.clone()).await.created();
    ada.post(messages(&group), send).await.created();
    // Letters of another case, and other spaces, are other names.
    for client_id in ["a", "A", "a ", " a"] {
        ada.post(messages(&id), json!({"body": client_id, "client_id": client_id})).await.created();
    }
    for wrong in ["", "ä", "🦀", "a\n", &"a".repeat(65)] {
        let refused = ada.post(messages(&id), json!({"body": "Hello", "client_id": wrong})).await;
        refused.refused_fields(422, "invalid_value", &["client_id"]);
    }
}

async fn a_refused_send_does_not_use_up_its_client_id(app: TestApp) {
    let (ada, bob, id) = direct(&app).await;
    bob.delete(format!("/v1/friends/{}", ada.id)).await.no_content();
    ada.post(messages(&id), json!({"body": "Hello", "client_id": "1"})).await.refused(403, "not_friends");
    ada.befriend(&bob).await;
    let stored = ada.post(messages(&id), json!({"body": "Something else", "client_id": "1"})).await.created();
    assert_eq!(stored["seq"], 1, "nor a number");
}

async fn a_reply_names_a_message_of_the_same_conversation(app: TestApp) {
    let (ada, bob, id) = direct(&app).await;
    let group = ada.group("Group", &[&bob]).await;
    let (here, there) = (ada.say(&id, "Here").await, ada.say(&group, "There").await);
    let reply = |to: &Value| json!({"body": "Yes", "reply_to": to["id"]});
    let replied = bob.post(messages(&id), reply(&here)).await.created();
    assert_eq!(replied["reply_to"], here["id"]);
    bob.post(messages(&id), reply(&there)).await.refused(404, "message_not_found");
    ada.delete(path_of(&here)).await.no_content();
    assert_eq!(bob.get(path_of(&replied)).await.ok(), replied, "a reply outlives what it answers");
    bob.post(messages(&id), reply(&here)).await.created();
    assert_eq!(ada.say(&id, "No").await["reply_to"], Value::Null);
}

async fn only_the_sender_edits(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let id = ada.group("Group", &[&bob]).await;
    let said = bob.say(&id, "Hello").await;
    ada.patch(path_of(&said), json!({"body": "Goodbye"})).await.refused(403, "not_allowed");
    let edited = bob.patch(path_of(&said), json!({"body": "Hello 👋"})).await.ok();
    assert_eq!((&edited["body"], &edited["seq"]), (&json!("Hello 👋"), &said["seq"]));
    assert_eq!((&said["edited_at"], &edited["created_at"]), (&Value::Null, &said["created_at"]));
    assert!(edited["edited_at"].as_str() > said["created_at"].as_str());
    assert_eq!(ada.get(path_of(&said)).await.ok(), edited);
}

async fn an_edit_that_changes_nothing_is_none(app: TestApp) {
    let (ada, _, id) = direct(&app).await;
    let said = ada.say(&id, "Hello").await;
    assert_eq!(ada.patch(path_of(&said), json!({"body": "Hello"})).await.ok(), said);
}

async fn a_deleted_message_is_a_tombstone(app: TestApp) {
    let (ada, bob, id) = direct(&app).await;
    let (first, second) = (ada.say(&id, "First").await, ada.say(&id, "Second").await);
    bob.delete(path_of(&first)).await.refused(403, "not_allowed");
    ada.delete(path_of(&first)).await.no_content();
    ada.delete(path_of(&first)).await.no_content();
    let tombstone = bob.get(path_of(&first)).await.ok();
    assert_eq!((&tombstone["body"], &tombstone["seq"]), (&Value::Null, &json!(1)));
    assert!(tombstone["deleted_at"].is_string());
    assert_eq!(bob.get(messages(&id)).await.items(), [tombstone, second]);
    ada.patch(path_of(&first), json!({"body": "Again"})).await.refused(409, "message_deleted");
    // Nobody's numbers change by it.
    assert_eq!(bob.get(format!("/v1/conversations/{id}")).await.ok()["unread_count"], 2);
}

async fn in_a_group_the_owner_and_admins_delete_too(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let carol = app.user("carol").await;
    ada.befriend(&carol).await;
    let id = ada.group("Group", &[&bob, &carol]).await;
    let (of_ada, of_bob) = (ada.say(&id, "From Ada").await, bob.say(&id, "From Bob").await);
    carol.delete(path_of(&of_bob)).await.refused(403, "not_allowed");
    let role = json!({"role": "admin"});
    ada.patch(format!("/v1/conversations/{id}/members/{}", carol.id), role).await.ok();
    carol.delete(path_of(&of_bob)).await.no_content();
    carol.delete(path_of(&of_ada)).await.no_content();
}

async fn recent_messages_come_from_all_conversations(app: TestApp) {
    let (ada, bob, id) = direct(&app).await;
    let group = ada.group("Group", &[&bob]).await;
    let (one, two, three) = (ada.say(&id, "1").await, ada.say(&group, "2").await, bob.say(&id, "3").await);
    assert_eq!(bob.get("/v1/messages/recent").await.items(), [three, two.clone(), one.clone()]);
    bob.delete(format!("/v1/conversations/{group}/members/me")).await.no_content();
    let left: Vec<_> = bob.get("/v1/messages/recent").await.items();
    assert!(left.contains(&one) && !left.contains(&two));
}
