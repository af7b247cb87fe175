//! Friend requests and friendships.

use messenger_tests::http::{Client as _, TestApp, User};
use serde_json::{Value, json};

cases! { "friends":
    a_request_waits_on_both_sides,
    an_accepted_request_is_a_friendship,
    a_declined_request_may_be_asked_again,
    a_cancelled_request_is_gone_for_both,
    crossing_requests_make_a_friendship,
    what_is_already_so_cannot_be_asked,
    only_the_asked_accepts_and_declines,
    an_ended_friendship_is_over_for_both,
    friends_are_found_by_name,
}

async fn requests(viewer: &User, direction: &str) -> Vec<Value> {
    viewer.get(format!("/v1/friend-requests?direction={direction}")).await.items()
}

async fn ask(viewer: &User, other: &User) -> messenger_tests::http::Answer {
    viewer.post("/v1/friend-requests", json!({"user_id": other.id})).await
}

async fn a_request_waits_on_both_sides(app: TestApp) {
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let request = ask(&ada, &bob).await.created();
    assert_eq!((&request["requester"]["id"], &request["addressee"]["id"]), (&json!(ada.id), &json!(bob.id)));
    assert_eq!(requests(&ada, "outgoing").await, std::slice::from_ref(&request));
    assert_eq!(requests(&bob, "incoming").await, [request]);
    assert!(requests(&ada, "incoming").await.is_empty() && requests(&bob, "outgoing").await.is_empty());
    assert!(ada.get("/v1/friends").await.items().is_empty(), "not yet");
}

async fn an_accepted_request_is_a_friendship(app: TestApp) {
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    ask(&ada, &bob).await.created();
    let friend = bob.post_empty(format!("/v1/friend-requests/{}/accept", ada.id)).await.ok();
    assert_eq!(friend["user"]["id"], ada.id);
    assert_eq!(bob.get("/v1/friends").await.items(), std::slice::from_ref(&friend));
    let other_side = ada.get("/v1/friends").await.items();
    assert_eq!((&other_side[0]["user"]["id"], &other_side[0]["since"]), (&json!(bob.id), &friend["since"]));
    assert!(requests(&ada, "outgoing").await.is_empty() && requests(&bob, "incoming").await.is_empty());
}

async fn a_declined_request_may_be_asked_again(app: TestApp) {
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let decline = format!("/v1/friend-requests/{}/decline", ada.id);
    ask(&ada, &bob).await.created();
    bob.post_empty(decline.clone()).await.no_content();
    assert!(requests(&ada, "outgoing").await.is_empty());
    bob.post_empty(decline).await.refused(404, "friend_request_not_found");
    ask(&ada, &bob).await.created();
}

async fn a_cancelled_request_is_gone_for_both(app: TestApp) {
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    ask(&ada, &bob).await.created();
    ada.delete(format!("/v1/friend-requests/{}", bob.id)).await.no_content();
    assert!(requests(&bob, "incoming").await.is_empty());
    bob.post_empty(format!("/v1/friend-requests/{}/accept", ada.id)).await.refused(404, "friend_request_not_found");
    ada.delete(format!("/v1/friend-requests/{}", bob.id)).await.refused(404, "friend_request_not_found");
}

async fn crossing_requests_make_a_friendship(app: TestApp) {
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    ask(&ada, &bob).await.created();
    let friend = bob.post("/v1/friend-requests", json!({"username": "ADA"})).await.ok();
    assert_eq!(friend["user"]["id"], ada.id);
    assert_eq!(bob.get("/v1/friends").await.items(), [friend]);
    assert!(requests(&bob, "incoming").await.is_empty() && requests(&ada, "outgoing").await.is_empty());
}

async fn what_is_already_so_cannot_be_asked(app: TestApp) {
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    ask(&ada, &bob).await.created();
    ask(&ada, &bob).await.refused(409, "friend_request_exists");
    bob.post_empty(format!("/v1/friend-requests/{}/accept", ada.id)).await.ok();
    ask(&ada, &bob).await.refused(409, "already_friends");
    ask(&bob, &ada).await.refused(409, "already_friends");
}

async fn only_the_asked_accepts_and_declines(app: TestApp) {
    let (ada, bob, carol) = (app.user("ada").await, app.user("bob").await, app.user("carol").await);
    ask(&ada, &bob).await.created();
    let of = |user: &User, verb: &str| format!("/v1/friend-requests/{}/{verb}", user.id);
    for verb in ["accept", "decline"] {
        ada.post_empty(of(&bob, verb)).await.refused(404, "friend_request_not_found");
        ada.post_empty(of(&ada, verb)).await.refused(404, "friend_request_not_found");
        carol.post_empty(of(&ada, verb)).await.refused(404, "friend_request_not_found");
    }
    bob.delete(format!("/v1/friend-requests/{}", ada.id)).await.refused(404, "friend_request_not_found");
    assert_eq!(requests(&bob, "incoming").await.len(), 1);
}

async fn an_ended_friendship_is_over_for_both(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    bob.delete(format!("/v1/friends/{}", ada.id)).await.no_content();
    assert!(ada.get("/v1/friends").await.items().is_empty() && bob.get("/v1/friends").await.items().is_empty());
    ada.delete(format!("/v1/friends/{}", bob.id)).await.refused(404, "friendship_not_found");
    ada.delete(format!("/v1/friends/{}", ada.id)).await.refused(404, "friendship_not_found");
    ask(&ada, &bob).await.created();
}

async fn friends_are_found_by_name(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let carol = app.user("carol").await;
    ada.befriend(&carol).await;
    bob.patch("/v1/me", json!({"display_name": "Robert 100%"})).await.ok();
    app.user("bobby").await;
    let found = async |query: &str| -> Vec<String> {
        let items = ada.get("/v1/friends").query("query", query).await.items();
        items.iter().map(|friend| friend["user"]["username"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(found("o").await, ["carol", "bob"], "latest friend first");
    assert_eq!(found("ROBERT").await, ["bob"]);
    assert_eq!(found("%").await, ["bob"]);
    assert_eq!(found("bobby").await, Vec::<String>::new(), "not a friend");
}
