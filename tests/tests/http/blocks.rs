//! Blocks, and what the blocked may see of them: nothing.

use messenger_tests::http::{Client as _, TestApp, User};
use serde_json::{Value, json};

cases! { "blocks":
    a_block_is_listed_and_lifted_by_the_blocker_alone,
    a_block_ends_a_friendship,
    a_request_to_the_blocker_looks_like_any_other,
    the_blocker_asks_nothing_of_the_blocked,
    to_the_blocked_the_blocker_looks_like_a_stranger,
    nothing_new_is_said_directly_across_a_block,
    in_a_shared_group_both_are_members_like_all,
}

async fn block(blocker: &User, blocked: &User) {
    blocker.put_empty(format!("/v1/blocks/{}", blocked.id)).await.no_content();
}

async fn unblock(blocker: &User, blocked: &User) {
    blocker.delete(format!("/v1/blocks/{}", blocked.id)).await.no_content();
}

async fn blocked(viewer: &User) -> Vec<Value> {
    viewer.get("/v1/blocks").await.items().iter().map(|block| block["user"]["username"].clone()).collect()
}

async fn a_block_is_listed_and_lifted_by_the_blocker_alone(app: TestApp) {
    let (ada, bob, carol) = (app.user("ada").await, app.user("bob").await, app.user("carol").await);
    block(&ada, &bob).await;
    block(&ada, &carol).await;
    block(&ada, &bob).await;
    assert_eq!(blocked(&ada).await, ["carol", "bob"], "latest first, each once");
    assert!(blocked(&bob).await.is_empty());
    unblock(&bob, &ada).await;
    assert_eq!(blocked(&ada).await.len(), 2, "only the blocker lifts it");
    unblock(&ada, &bob).await;
    unblock(&ada, &bob).await;
    assert_eq!(blocked(&ada).await, ["carol"]);
    block(&carol, &ada).await;
    assert_eq!(blocked(&carol).await, ["ada"], "each has a block of their own");
}

async fn a_block_ends_a_friendship(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    block(&ada, &bob).await;
    assert!(ada.get("/v1/friends").await.items().is_empty() && bob.get("/v1/friends").await.items().is_empty());
    unblock(&ada, &bob).await;
    assert!(ada.get("/v1/friends").await.items().is_empty(), "what was before is not restored");
}

async fn a_request_to_the_blocker_looks_like_any_other(app: TestApp) {
    let (ada, bob, carol) = (app.user("ada").await, app.user("bob").await, app.user("carol").await);
    block(&ada, &bob).await;
    let asked = bob.post("/v1/friend-requests", json!({"user_id": ada.id})).await.created();
    assert_eq!(asked["addressee"]["id"], ada.id);
    let outgoing = "/v1/friend-requests?direction=outgoing";
    assert_eq!(bob.get(outgoing).await.items(), std::slice::from_ref(&asked));
    let again = bob.post("/v1/friend-requests", json!({"user_id": ada.id})).await;
    again.refused(409, "friend_request_exists");
    // The blocker never sees it, not after an unblock either.
    let incoming = "/v1/friend-requests?direction=incoming";
    assert!(ada.get(incoming).await.items().is_empty());
    let accept = format!("/v1/friend-requests/{}/accept", bob.id);
    ada.post_empty(accept.clone()).await.refused(404, "friend_request_not_found");
    unblock(&ada, &bob).await;
    assert!(ada.get(incoming).await.items().is_empty());
    ada.post_empty(accept).await.refused(404, "friend_request_not_found");
    assert_eq!(bob.get(outgoing).await.items(), [asked]);
    // One that waited before the block vanishes for the blocker alone.
    carol.post("/v1/friend-requests", json!({"user_id": ada.id})).await.created();
    block(&ada, &carol).await;
    assert!(ada.get(incoming).await.items().is_empty());
    assert_eq!(carol.get(outgoing).await.items().len(), 1);
}

async fn the_blocker_asks_nothing_of_the_blocked(app: TestApp) {
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    ada.post("/v1/friend-requests", json!({"user_id": bob.id})).await.created();
    block(&ada, &bob).await;
    assert!(bob.get("/v1/friend-requests?direction=incoming").await.items().is_empty());
    ada.post("/v1/friend-requests", json!({"user_id": bob.id})).await.refused(409, "blocked_by_you");
    ada.post("/v1/friend-requests", json!({"username": "bob"})).await.refused(409, "blocked_by_you");
}

/// What the blocked may compare: the blocker before and after, byte by byte.
async fn to_the_blocked_the_blocker_looks_like_a_stranger(app: TestApp) {
    let (ada, bob, carol) = (app.user("ada").await, app.user("bob").await, app.user("carol").await);
    carol.befriend(&ada).await;
    carol.befriend(&bob).await;
    let stranger = async || {
        let paths = [
            format!("/v1/users/{}", ada.id),
            format!("/v1/users/{}/mutual-friends", ada.id),
            format!("/v1/users?ids={}", ada.id),
            "/v1/users?query=ada".to_owned(),
            "/v1/friends".to_owned(),
            "/v1/blocks".to_owned(),
            "/v1/friend-requests?direction=incoming".to_owned(),
            "/v1/friend-requests?direction=outgoing".to_owned(),
        ];
        let mut seen = vec![];
        for path in paths {
            seen.push(bob.get(path).await.bytes().to_vec());
        }
        let direct = bob.post("/v1/conversations", json!({"kind": "direct", "user_id": ada.id})).await;
        seen.push(direct.bytes().to_vec());
        let group = json!({"kind": "group", "title": "Group", "member_ids": [ada.id]});
        seen.push(bob.post("/v1/conversations", group).await.bytes().to_vec());
        let declined = bob.post_empty(format!("/v1/friend-requests/{}/decline", ada.id)).await;
        seen.push(declined.bytes().to_vec());
        seen.push(bob.delete(format!("/v1/friends/{}", ada.id)).await.bytes().to_vec());
        seen
    };
    let before = stranger().await;
    block(&ada, &bob).await;
    assert_eq!(stranger().await, before);
    unblock(&ada, &bob).await;
    assert_eq!(stranger().await, before);
}

async fn nothing_new_is_said_directly_across_a_block(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let id = ada.direct(&bob).await;
    let messages = format!("/v1/conversations/{id}/messages");
    let said = bob.say(&id, "Hello").await;
    block(&ada, &bob).await;
    for (sender, peer) in [(&bob, &ada), (&ada, &bob)] {
        let refused = sender.post(messages.clone(), json!({"body": "Hello?"})).await.refused(403, "not_friends");
        assert_eq!(refused["user_ids"], json!([peer.id]));
        assert_eq!(
            sender.get(messages.clone()).await.items(),
            std::slice::from_ref(&said),
            "what was said stays readable"
        );
        assert_eq!(sender.direct(peer).await, id, "and the conversation can be opened");
    }
    let edit =
        bob.patch(format!("{messages}/{}", said["id"].as_str().expect("an id")), json!({"body": "Edited"})).await;
    edit.refused(403, "not_friends");
}

async fn in_a_shared_group_both_are_members_like_all(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let carol = app.user("carol").await;
    carol.befriend(&ada).await;
    carol.befriend(&bob).await;
    let id = carol.group("Group", &[&ada, &bob]).await;
    block(&ada, &bob).await;
    let (by_ada, by_bob) = (ada.say(&id, "From Ada").await, bob.say(&id, "From Bob").await);
    for member in [&ada, &bob] {
        let history = member.get(format!("/v1/conversations/{id}/messages")).await.items();
        assert_eq!(history, [by_ada.clone(), by_bob.clone()]);
        assert_eq!(member.get(format!("/v1/conversations/{id}/members")).await.items().len(), 3);
    }
}
