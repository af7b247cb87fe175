//! Registering, logging in, refreshing and logging out.

use std::time::Duration;

use messenger_tests::http::{Client as _, PASSWORD, TestApp, User};
use serde_json::{Value, json};

cases! { "auth":
    registering_makes_an_account_and_signs_in,
    everything_wrong_with_a_registration_is_told_at_once,
    names_and_emails_are_unique_whatever_their_case,
    one_logs_in_by_username_or_email,
    an_unknown_user_and_a_wrong_password_are_one_answer_and_one_hash,
    a_refresh_gives_new_tokens_and_keeps_the_session,
    a_refresh_whose_answer_was_lost_may_be_repeated,
    reuse_after_the_successor_was_used_ends_the_session,
    an_unknown_or_expired_refresh_token_is_refused,
    a_logged_out_access_token_is_refused_at_once,
    one_logs_out_by_refresh_token_without_an_access_token,
}

fn registration(username: &str, email: &str) -> Value {
    json!({"username": username, "email": email, "password": PASSWORD})
}

async fn registering_makes_an_account_and_signs_in(app: TestApp) {
    let answer = app.anon().post("/v1/auth/register", registration("Ada.Lovelace", "Ada@Example.org")).await.created();
    let user = &answer["user"];
    assert_eq!((&user["username"], &user["display_name"]), (&json!("ada.lovelace"), &json!("ada.lovelace")));
    assert_eq!((&user["bio"], &user["avatar_url"]), (&Value::Null, &Value::Null));
    assert_eq!(
        (&user["dm_policy"], &user["presence_policy"], &user["findable_by_email"]),
        (&json!("friends"), &json!("shared"), &json!(false))
    );
    let tokens = &answer["tokens"];
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(900)));
    let ada = User::of(&app, &answer);
    assert_eq!(ada.get("/v1/me").await.ok(), *user);
}

async fn everything_wrong_with_a_registration_is_told_at_once(app: TestApp) {
    let wrong = json!({
        "username": "a__b", "email": "nobody", "password": "short", "display_name": "two\nlines", "device_name": " ",
    });
    let answer = app.anon().post("/v1/auth/register", wrong).await;
    let fields = ["username", "email", "password", "display_name", "device_name"];
    answer.refused_fields(422, "invalid_value", &fields);
    assert!(!answer.text().contains("short"), "what was sent is not repeated: {}", answer.text());
    for username in ["ab", ".ada", "ada.", "a..b", "a._b", "ada lovelace", "ädä", "ada!", &"a".repeat(33)] {
        let answer = app.anon().post("/v1/auth/register", registration(username, "ada@example.org")).await;
        answer.refused_fields(422, "invalid_value", &["username"]);
    }
    for email in ["", "ada", "@example.org", "ada@", "a b@example.org", "ada@example.org\n"] {
        let answer = app.anon().post("/v1/auth/register", registration("ada", email)).await;
        answer.refused_fields(422, "invalid_value", &["email"]);
    }
    assert_eq!(app.hash_count(), 0, "no password is hashed for nothing");
}

async fn names_and_emails_are_unique_whatever_their_case(app: TestApp) {
    app.user("ada").await;
    let taken = app.anon().post("/v1/auth/register", registration("ADA", "other@example.org")).await;
    taken.refused(409, "username_taken");
    let taken = app.anon().post("/v1/auth/register", registration("other", "ADA@example.ORG")).await;
    taken.refused(409, "email_taken");
}

async fn one_logs_in_by_username_or_email(app: TestApp) {
    let ada = app.user("ada").await;
    for login in ["ada", "ADA", "ada@example.org", "Ada@Example.org"] {
        let body = json!({"login": login, "password": PASSWORD, "device_name": "Phone"});
        let signed_in = app.anon().post("/v1/auth/login", body).await.ok();
        assert_eq!(signed_in["user"]["id"], ada.id, "{login}");
        User::of(&app, &signed_in).get("/v1/me").await.ok();
    }
}

async fn an_unknown_user_and_a_wrong_password_are_one_answer_and_one_hash(app: TestApp) {
    app.user("ada").await;
    let login = async |login: &str, password: &str| {
        let before = app.hash_count();
        let request = app.anon().post("/v1/auth/login", json!({"login": login, "password": password}));
        let answer = request.header("x-request-id", "one").await;
        answer.refused(401, "invalid_credentials");
        let headers: Vec<_> =
            ["content-type", "content-length", "www-authenticate"].map(|name| answer.header(name)).to_vec();
        let headers: Vec<_> = headers.into_iter().map(|value| value.map(ToOwned::to_owned)).collect();
        (answer.bytes().to_vec(), headers, app.hash_count() - before)
    };
    let wrong = login("ada", "not the password").await;
    assert_eq!(wrong.2, 1, "one hash");
    for unknown in ["bob", "bob@example.org", "", "no such name!", "ada@example.com", "😀", &"a".repeat(10_000)] {
        assert_eq!(login(unknown, "not the password").await, wrong, "{unknown}");
    }
    for password in ["", "x", &"long".repeat(1_000), "pass\u{0}word"] {
        assert_eq!(login("ada", password).await, login("bob", password).await, "{password:?}");
    }
}

async fn a_refresh_gives_new_tokens_and_keeps_the_session(app: TestApp) {
    let ada = app.user("ada").await;
    let tokens = app.anon().post("/v1/auth/refresh", json!({"refresh_token": ada.refresh_token})).await.ok();
    let renewed = ada.with_tokens(&tokens);
    assert_ne!(renewed.refresh_token, ada.refresh_token);
    renewed.get("/v1/me").await.ok();
    ada.get("/v1/me").await.ok();
    let sessions = renewed.get("/v1/sessions").await.items();
    assert_eq!((sessions.len(), &sessions[0]["is_current"]), (1, &json!(true)));
    assert_ne!(sessions[0]["created_at"], sessions[0]["refreshed_at"]);
    // Refreshing works when the access token no longer does.
    app.wait(Duration::from_mins(20));
    renewed.get("/v1/me").await.refused(401, "invalid_token");
    let tokens = app.anon().post("/v1/auth/refresh", json!({"refresh_token": renewed.refresh_token})).await.ok();
    renewed.with_tokens(&tokens).get("/v1/me").await.ok();
}

async fn a_refresh_whose_answer_was_lost_may_be_repeated(app: TestApp) {
    let ada = app.user("ada").await;
    let refresh = async |token: &str| app.anon().post("/v1/auth/refresh", json!({"refresh_token": token})).await;
    let lost = refresh(&ada.refresh_token).await.ok();
    let again = refresh(&ada.refresh_token).await.ok();
    assert_ne!(lost["refresh_token"], again["refresh_token"]);
    ada.with_tokens(&again).get("/v1/me").await.ok();
}

async fn reuse_after_the_successor_was_used_ends_the_session(app: TestApp) {
    let ada = app.user("ada").await;
    let other = ada.log_in_again().await;
    let refresh = async |token: &str| app.anon().post("/v1/auth/refresh", json!({"refresh_token": token})).await;
    let second = ada.with_tokens(&refresh(&ada.refresh_token).await.ok());
    let third = ada.with_tokens(&refresh(&second.refresh_token).await.ok());
    refresh(&ada.refresh_token).await.refused(401, "refresh_token_reused");
    for dead in [&ada, &second, &third] {
        dead.get("/v1/me").await.refused(401, "invalid_token");
        refresh(&dead.refresh_token).await.refused(401, "invalid_refresh_token");
    }
    other.get("/v1/me").await.ok();
}

async fn an_unknown_or_expired_refresh_token_is_refused(app: TestApp) {
    let ada = app.user("ada").await;
    for token in ["", "nonsense", &ada.access_token, &"A".repeat(43), "😀", &"A".repeat(50_000)] {
        let answer = app.anon().post("/v1/auth/refresh", json!({"refresh_token": token})).await;
        answer.refused(401, "invalid_refresh_token");
    }
    app.wait(Duration::from_hours(31 * 24));
    let answer = app.anon().post("/v1/auth/refresh", json!({"refresh_token": ada.refresh_token})).await;
    answer.refused(401, "invalid_refresh_token");
}

async fn a_logged_out_access_token_is_refused_at_once(app: TestApp) {
    let ada = app.user("ada").await;
    let other = ada.log_in_again().await;
    ada.post_empty("/v1/auth/logout").await.no_content();
    ada.get("/v1/me").await.refused(401, "invalid_token");
    ada.post_empty("/v1/auth/logout").await.refused(401, "invalid_token");
    let refresh = app.anon().post("/v1/auth/refresh", json!({"refresh_token": ada.refresh_token})).await;
    refresh.refused(401, "invalid_refresh_token");
    other.get("/v1/me").await.ok();
    // A body without a refresh token is like none.
    other.post("/v1/auth/logout", json!({"refresh_token": null})).await.no_content();
    other.get("/v1/me").await.refused(401, "invalid_token");
}

async fn one_logs_out_by_refresh_token_without_an_access_token(app: TestApp) {
    let ada = app.user("ada").await;
    let body = json!({"refresh_token": ada.refresh_token});
    app.anon().post("/v1/auth/logout", body.clone()).await.no_content();
    ada.get("/v1/me").await.refused(401, "invalid_token");
    // Nothing is left to end, which is as well.
    app.anon().post("/v1/auth/logout", body).await.no_content();
    app.anon().post("/v1/auth/logout", json!({"refresh_token": "nonsense"})).await.no_content();
    app.anon().post("/v1/auth/logout", json!({})).await.refused(401, "missing_token");
}
