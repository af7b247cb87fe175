//! Stretches of a conversation's messages, and how far one has read.

use messenger_tests::http::{Client as _, TestApp, User};
use serde_json::{Value, json};

cases! { "history":
    the_latest_come_when_nothing_is_asked,
    before_and_after_exclude_the_number_itself,
    around_shows_both_sides,
    at_most_one_place_is_asked_for,
    an_empty_conversation_has_nothing_on_either_side,
    a_page_read_again_is_as_it_is_now,
    a_page_that_others_read_is_for_members_only,
    a_read_marker_moves_forward_only,
    a_read_marker_stays_within_what_was_said,
    unread_counts_what_others_said,
}

/// Ada in a group of her own with ten messages, and the path to them.
async fn ten(app: &TestApp) -> (User, String) {
    let ada = app.user("ada").await;
    let id = ada.group("Group", &[]).await;
    for number in 1..=10 {
        ada.say(&id, &number.to_string()).await;
    }
    (ada, format!("/v1/conversations/{id}/messages"))
}

/// The seqs of a stretch, whether there are earlier ones, and later ones.
async fn stretch(viewer: &User, path: &str, query: &str) -> (Vec<i64>, bool, bool) {
    let page = viewer.get(format!("{path}?{query}")).await.ok();
    let items = page["items"].as_array().expect("items");
    let seqs = items.iter().map(|message| message["seq"].as_i64().expect("a seq")).collect();
    (seqs, page["has_before"] == json!(true), page["has_after"] == json!(true))
}

async fn the_latest_come_when_nothing_is_asked(app: TestApp) {
    let (ada, path) = ten(&app).await;
    assert_eq!(stretch(&ada, &path, "").await, ((1..=10).collect(), false, false));
    assert_eq!(stretch(&ada, &path, "limit=3").await, (vec![8, 9, 10], true, false));
    assert_eq!(stretch(&ada, &path, "limit=10").await, ((1..=10).collect(), false, false));
}

async fn before_and_after_exclude_the_number_itself(app: TestApp) {
    let (ada, path) = ten(&app).await;
    for (query, seqs, has_before, has_after) in [
        ("before=8&limit=3", vec![5, 6, 7], true, true),
        ("before=4&limit=3", vec![1, 2, 3], false, true),
        ("before=1", vec![], false, true),
        ("before=0", vec![], false, true),
        ("before=99&limit=2", vec![9, 10], true, false),
        ("after=3&limit=3", vec![4, 5, 6], true, true),
        ("after=7&limit=3", vec![8, 9, 10], true, false),
        ("after=0&limit=2", vec![1, 2], false, true),
        ("after=10", vec![], true, false),
        ("after=99", vec![], true, false),
        ("before=9223372036854775807&limit=1", vec![10], true, false),
        ("after=9223372036854775807", vec![], true, false),
    ] {
        assert_eq!(stretch(&ada, &path, query).await, (seqs, has_before, has_after), "{query}");
    }
}

async fn around_shows_both_sides(app: TestApp) {
    let (ada, path) = ten(&app).await;
    for (query, seqs, has_before, has_after) in [
        ("around=5&limit=4", vec![3, 4, 5, 6], true, true),
        ("around=5&limit=5", vec![3, 4, 5, 6, 7], true, true),
        ("around=5&limit=1", vec![5], true, true),
        ("around=1&limit=4", vec![1, 2, 3, 4], false, true),
        ("around=10&limit=4", vec![8, 9, 10], true, false),
        ("around=5", (1..=10).collect(), false, false),
        ("around=99&limit=4", vec![9, 10], true, false),
        ("around=0&limit=2", vec![1, 2], false, true),
        ("around=9223372036854775807&limit=2", vec![10], true, false),
    ] {
        assert_eq!(stretch(&ada, &path, query).await, (seqs, has_before, has_after), "{query}");
    }
}

async fn at_most_one_place_is_asked_for(app: TestApp) {
    let (ada, path) = ten(&app).await;
    let all = ["before", "after", "around"];
    for pair in [[0, 1], [0, 2], [1, 2]] {
        let [one, other] = pair.map(|index| all[index]);
        let answer = ada.get(format!("{path}?{one}=5&{other}=5")).await;
        answer.refused_fields(400, "invalid_parameter", &[one, other]);
    }
    let answer = ada.get(format!("{path}?before=5&after=5&around=5")).await;
    answer.refused_fields(400, "invalid_parameter", &all);
}

async fn an_empty_conversation_has_nothing_on_either_side(app: TestApp) {
    let ada = app.user("ada").await;
    let path = format!("/v1/conversations/{}/messages", ada.group("Group", &[]).await);
    for query in ["", "before=1", "after=0", "around=1", "before=9", "after=9"] {
        assert_eq!(stretch(&ada, &path, query).await, (vec![], false, false), "{query}");
    }
}

async fn mark(viewer: &User, conversation: &str, seq: i64) -> Value {
    viewer.put(format!("/v1/conversations/{conversation}/read"), json!({"seq": seq})).await.ok()
}

/// What both read, again and again.
async fn both_read(one: &User, other: &User, path: &str) -> Value {
    let page = one.get(path).await.ok();
    for again in [one, other, one] {
        assert_eq!(again.get(path).await.ok(), page);
    }
    page
}

async fn a_page_read_again_is_as_it_is_now(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let id = ada.direct(&bob).await;
    let path = format!("/v1/conversations/{id}/messages");
    assert_eq!(both_read(&ada, &bob, &path).await["items"], json!([]));
    let said = ada.say(&id, "hello").await;
    let message = format!("{path}/{}", said["id"].as_str().expect("an id"));
    assert_eq!(both_read(&ada, &bob, &path).await["items"], json!([said]));
    let edited = ada.patch(&message, json!({"body": "hello, Bob"})).await.ok();
    assert_eq!(both_read(&ada, &bob, &path).await["items"], json!([edited]));
    ada.delete(&message).await.no_content();
    let deleted = ada.get(&message).await.ok();
    assert_eq!(deleted["body"], Value::Null);
    assert_eq!(both_read(&ada, &bob, &path).await["items"], json!([deleted]));
    let answer = bob.say(&id, "hello, Ada").await;
    let page = both_read(&ada, &bob, &format!("{path}?limit=1")).await;
    assert_eq!((&page["items"], &page["has_before"]), (&json!([answer]), &json!(true)));
    assert_eq!(both_read(&ada, &bob, &path).await["items"], json!([deleted, answer]));
}

async fn a_page_that_others_read_is_for_members_only(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let cleo = app.user("cleo").await;
    let id = ada.group("Group", &[&bob]).await;
    ada.say(&id, "among us").await;
    let path = format!("/v1/conversations/{id}/messages");
    let page = both_read(&ada, &bob, &path).await;
    cleo.get(&path).await.refused(404, "conversation_not_found");
    ada.delete(format!("/v1/conversations/{id}/members/{}", bob.id)).await.no_content();
    assert_eq!(ada.get(&path).await.ok()["items"], page["items"]);
    bob.get(&path).await.refused(404, "conversation_not_found");
}

async fn a_read_marker_moves_forward_only(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let id = ada.direct(&bob).await;
    for number in 1..=3 {
        ada.say(&id, &number.to_string()).await;
    }
    assert_eq!(mark(&bob, &id, 2).await, json!({"read_seq": 2, "unread_count": 1}));
    assert_eq!(mark(&bob, &id, 1).await, json!({"read_seq": 2, "unread_count": 1}));
    assert_eq!(mark(&bob, &id, 0).await, json!({"read_seq": 2, "unread_count": 1}));
    assert_eq!(mark(&bob, &id, 3).await, json!({"read_seq": 3, "unread_count": 0}));
    let other_session = bob.log_in_again().await;
    assert_eq!(other_session.get(format!("/v1/conversations/{id}")).await.ok()["read_seq"], 3);
    assert_eq!(ada.get(format!("/v1/conversations/{id}")).await.ok()["read_seq"], 0, "each has their own");
}

async fn a_read_marker_stays_within_what_was_said(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let id = ada.direct(&bob).await;
    let path = format!("/v1/conversations/{id}/read");
    assert_eq!(mark(&bob, &id, 0).await, json!({"read_seq": 0, "unread_count": 0}));
    for seq in [1, -1, i64::MAX, i64::MIN] {
        let answer = bob.put(path.clone(), json!({"seq": seq})).await;
        answer.refused_fields(422, "invalid_value", &["seq"]);
    }
    ada.say(&id, "Hello").await;
    mark(&bob, &id, 1).await;
    bob.put(path, json!({"seq": 2})).await.refused_fields(422, "invalid_value", &["seq"]);
}

async fn unread_counts_what_others_said(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let id = ada.group("Group", &[&bob]).await;
    let unread = async |viewer: &User| viewer.get(format!("/v1/conversations/{id}")).await.ok()["unread_count"].clone();
    ada.say(&id, "1").await;
    bob.say(&id, "2").await;
    let third = ada.say(&id, "3").await;
    assert_eq!((unread(&ada).await, unread(&bob).await), (json!(1), json!(2)), "sending is not reading");
    ada.delete(format!("/v1/conversations/{id}/messages/{}", third["id"].as_str().expect("an id"))).await.no_content();
    assert_eq!(unread(&bob).await, json!(2), "tombstones count");
    assert_eq!(mark(&bob, &id, 1).await["unread_count"], 1);
    assert_eq!(mark(&ada, &id, 3).await["unread_count"], 0);
}
