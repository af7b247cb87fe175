//! Oneself and others.

use messenger_tests::http::{Client as _, TestApp, User};
use serde_json::{Value, json};

cases! { "users":
    an_absent_field_stays_and_null_clears,
    what_is_wrong_with_a_profile_is_told_at_once,
    a_profile_tells_how_one_stands_to_the_viewer,
    only_oneself_sees_the_email,
    a_search_finds_names_best_match_first,
    a_search_takes_every_character_as_it_is,
    an_email_finds_only_who_allows_it,
    users_are_looked_up_by_their_ids,
    a_list_of_users_is_asked_for_in_one_way,
    mutual_friends_are_counted_and_listed,
}

async fn an_absent_field_stays_and_null_clears(app: TestApp) {
    let ada = app.user("ada").await;
    let all = json!({
        "display_name": "  Ada 👩‍💻 Lovelace ", "bio": "Poetical\nscience", "avatar_url": "https://example.org/a.png?b=c",
        "dm_policy": "everyone", "presence_policy": "hidden", "findable_by_email": true,
    });
    let before = ada.get("/v1/me").await.ok();
    let changed = ada.patch("/v1/me", all).await.ok();
    assert_eq!(changed["display_name"], "Ada 👩‍💻 Lovelace");
    assert_eq!((&changed["bio"], &changed["dm_policy"]), (&json!("Poetical\nscience"), &json!("everyone")));
    assert_eq!(changed["created_at"], before["created_at"]);
    assert_ne!(changed["updated_at"], before["updated_at"]);
    assert_eq!(ada.patch("/v1/me", json!({})).await.ok()["bio"], changed["bio"], "nothing was asked for");
    let cleared = ada.patch("/v1/me", json!({"bio": null, "avatar_url": null})).await.ok();
    assert_eq!((&cleared["bio"], &cleared["avatar_url"]), (&Value::Null, &Value::Null));
    assert_eq!((&cleared["dm_policy"], &cleared["findable_by_email"]), (&json!("everyone"), &json!(true)));
    assert_eq!((&before["presence_policy"], &cleared["presence_policy"]), (&json!("shared"), &json!("hidden")));
    assert_eq!(ada.get("/v1/me").await.ok(), cleared);
}

async fn what_is_wrong_with_a_profile_is_told_at_once(app: TestApp) {
    let ada = app.user("ada").await;
    let before = ada.get("/v1/me").await.ok();
    let wrong =
        json!({"display_name": "", "bio": "", "avatar_url": "http://example.org/a.png", "dm_policy": "everyone"});
    let answer = ada.patch("/v1/me", wrong).await;
    answer.refused_fields(422, "invalid_value", &["display_name", "bio", "avatar_url"]);
    assert_eq!(ada.get("/v1/me").await.ok(), before, "nothing was changed");
}

async fn a_profile_tells_how_one_stands_to_the_viewer(app: TestApp) {
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let seen = async |viewer: &User, other: &User| {
        let profile = viewer.get(format!("/v1/users/{}", other.id)).await.ok();
        profile["relationship"].as_str().expect("a word").to_owned()
    };
    assert_eq!((seen(&ada, &bob).await, seen(&bob, &ada).await), ("none".to_owned(), "none".to_owned()));
    ada.post("/v1/friend-requests", json!({"user_id": bob.id})).await.created();
    let asked = (seen(&ada, &bob).await, seen(&bob, &ada).await);
    assert_eq!(asked, ("outgoing_request".to_owned(), "incoming_request".to_owned()));
    bob.post_empty(format!("/v1/friend-requests/{}/accept", ada.id)).await.ok();
    assert_eq!((seen(&ada, &bob).await, seen(&bob, &ada).await), ("friends".to_owned(), "friends".to_owned()));
    ada.put_empty(format!("/v1/blocks/{}", bob.id)).await.no_content();
    assert_eq!((seen(&ada, &bob).await, seen(&bob, &ada).await), ("blocked".to_owned(), "none".to_owned()));
    // Upper case names the same user.
    ada.get(format!("/v1/users/{}", bob.id.to_uppercase())).await.ok();
}

async fn only_oneself_sees_the_email(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let direct = ada.direct(&bob).await;
    ada.group("Group", &[&bob]).await;
    let paths = [
        format!("/v1/users/{}", bob.id),
        "/v1/users?query=bob".to_owned(),
        format!("/v1/users?ids={}", bob.id),
        "/v1/friends".to_owned(),
        "/v1/conversations".to_owned(),
        format!("/v1/conversations/{direct}/members"),
    ];
    for path in paths {
        let answer = ada.get(path.clone()).await;
        assert!(answer.text().contains("bob") && !answer.text().contains("bob@example.org"), "{path}");
    }
    assert_eq!(bob.get("/v1/me").await.ok()["email"], "bob@example.org");
}

async fn names(viewer: &User, query: &str) -> Vec<String> {
    let items = viewer.get("/v1/users").query("query", query).await.items();
    items.iter().map(|user| user["username"].as_str().expect("a name").to_owned()).collect()
}

async fn a_search_finds_names_best_match_first(app: TestApp) {
    let ada = app.user("ada").await;
    for username in ["annabel", "joanna", "anna", "susanna"] {
        app.user(username).await;
    }
    let zoe = app.user("zoe").await;
    zoe.patch("/v1/me", json!({"display_name": "Anna-Zoë Ω"})).await.ok();
    let found = names(&ada, "anna").await;
    assert_eq!(found[0], "anna", "{found:?}");
    assert_eq!(found[1], "annabel", "{found:?}");
    let mut all = found.clone();
    all.sort_unstable();
    assert_eq!(all, ["anna", "annabel", "joanna", "susanna", "zoe"]);
    assert_eq!(names(&ada, "ANNA").await, found);
    assert_eq!(names(&ada, "zoë ω").await, ["zoe"]);
    assert_eq!(names(&ada, "nobody").await, Vec::<String>::new());
}

async fn a_search_takes_every_character_as_it_is(app: TestApp) {
    let ada = app.user("ada").await;
    let zoe = app.user("zoe").await;
    zoe.patch("/v1/me", json!({"display_name": "100% _real_ \\o/ 'quoted' 🦀"})).await.ok();
    app.user("plain").await;
    for query in ["100%", "%", "_real_", "\\o/", "'quoted'", "🦀", "% _"] {
        assert_eq!(names(&ada, query).await, ["zoe"], "{query}");
    }
    for query in ["%%", "a%e", "*", "\"", "+zoe -ada", "' OR 1=1 --", "😀"] {
        assert_eq!(names(&ada, query).await, Vec::<String>::new(), "{query}");
    }
}

async fn an_email_finds_only_who_allows_it(app: TestApp) {
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    assert_eq!(names(&ada, "bob@example.org").await, Vec::<String>::new());
    bob.patch("/v1/me", json!({"findable_by_email": true})).await.ok();
    assert_eq!(names(&ada, "bob@example.org").await, ["bob"]);
    assert_eq!(names(&ada, "Bob@Example.org").await, ["bob"]);
    for part in ["bob@example", "example.org", "@example.org"] {
        assert_eq!(names(&ada, part).await, Vec::<String>::new(), "{part}");
    }
}

async fn users_are_looked_up_by_their_ids(app: TestApp) {
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let unknown = "0198c0de-0009-7000-8000-000000000009";
    let ids = |path: String| {
        let ada = ada.clone();
        async move {
            let page = ada.get(path).await.ok();
            assert_eq!(page["next_cursor"], Value::Null);
            let items = page["items"].as_array().expect("items").clone();
            items.iter().map(|user| user["id"].as_str().expect("an id").to_owned()).collect::<Vec<_>>()
        }
    };
    let in_order = [bob.id.clone(), ada.id.clone()];
    assert_eq!(ids(format!("/v1/users?ids={},{unknown},{}", bob.id, ada.id)).await, in_order);
    assert_eq!(ids(format!("/v1/users?ids={}&ids={}", bob.id, ada.id)).await, in_order);
    assert_eq!(ids(format!("/v1/users?ids={unknown}")).await, Vec::<String>::new());
}

async fn a_list_of_users_is_asked_for_in_one_way(app: TestApp) {
    let ada = app.user("ada").await;
    let both = ["ids", "query"];
    ada.get("/v1/users").await.refused_fields(400, "invalid_parameter", &both);
    ada.get(format!("/v1/users?query=a&ids={}", ada.id)).await.refused_fields(400, "invalid_parameter", &both);
    ada.get(format!("/v1/users?ids={}&cursor=a", ada.id)).await.refused(400, "bad_cursor");
}

async fn mutual_friends_are_counted_and_listed(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let (carol, dave) = (app.user("carol").await, app.user("dave").await);
    for mutual in [&carol, &dave] {
        ada.befriend(mutual).await;
        mutual.befriend(&bob).await;
    }
    let path = format!("/v1/users/{}/mutual-friends", bob.id);
    let mutual: Vec<_> = ada.get(path.clone()).await.items().iter().map(|user| user["username"].clone()).collect();
    assert_eq!(mutual, ["dave", "carol"], "latest friend of the viewer first");
    assert_eq!(ada.get(format!("/v1/users/{}", bob.id)).await.ok()["mutual_friend_count"], 2);
    carol.delete(format!("/v1/friends/{}", bob.id)).await.no_content();
    assert_eq!(ada.get(path).await.items().len(), 1);
    assert_eq!(ada.get(format!("/v1/users/{}", bob.id)).await.ok()["mutual_friend_count"], 1);
}
