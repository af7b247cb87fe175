//! One's own logins, and the password that makes them.

use std::time::Duration;

use messenger_tests::http::{Client as _, PASSWORD, TestApp};
use serde_json::{Value, json};

cases! { "sessions":
    one_sees_ones_own_sessions_latest_first,
    an_ended_session_is_over_at_once,
    all_other_sessions_end_together,
    a_session_ends_by_itself,
    a_new_password_ends_the_other_sessions,
    a_wrong_current_password_changes_nothing,
}

async fn one_sees_ones_own_sessions_latest_first(app: TestApp) {
    let (ada, _bob) = (app.user("ada").await, app.user("bob").await);
    let body = json!({"login": "ada", "password": PASSWORD, "device_name": "  Phone 📱 "});
    app.anon().post("/v1/auth/login", body).await.ok();
    let sessions = ada.get("/v1/sessions").await.items();
    let told: Vec<_> = sessions.iter().map(|session| (&session["device_name"], &session["is_current"])).collect();
    assert_eq!(told, [(&json!("Phone 📱"), &json!(false)), (&Value::Null, &json!(true))]);
    assert_eq!(sessions[1]["id"], ada.session_id);
}

async fn an_ended_session_is_over_at_once(app: TestApp) {
    let ada = app.user("ada").await;
    let other = ada.log_in_again().await;
    let path = format!("/v1/sessions/{}", other.session_id);
    ada.delete(path.clone()).await.no_content();
    other.get("/v1/me").await.refused(401, "invalid_token");
    ada.delete(path).await.refused(404, "session_not_found");
    // The present one can be ended like any other.
    ada.delete(format!("/v1/sessions/{}", ada.session_id)).await.no_content();
    ada.get("/v1/me").await.refused(401, "invalid_token");
}

async fn all_other_sessions_end_together(app: TestApp) {
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let others = [ada.log_in_again().await, ada.log_in_again().await];
    ada.delete("/v1/sessions").await.no_content();
    for other in others {
        other.get("/v1/me").await.refused(401, "invalid_token");
    }
    ada.get("/v1/me").await.ok();
    bob.get("/v1/me").await.ok();
    assert_eq!(ada.get("/v1/sessions").await.items().len(), 1);
    ada.delete("/v1/sessions").await.no_content();
}

async fn a_session_ends_by_itself(app: TestApp) {
    let ada = app.user("ada").await;
    app.wait(Duration::from_hours(29 * 24));
    let other = ada.log_in_again().await;
    app.wait(Duration::from_hours(2 * 24));
    let tokens = app.anon().post("/v1/auth/refresh", json!({"refresh_token": other.refresh_token})).await.ok();
    let sessions = other.with_tokens(&tokens).get("/v1/sessions").await.items();
    assert_eq!(sessions.len(), 1, "the expired one is not shown");
}

async fn a_new_password_ends_the_other_sessions(app: TestApp) {
    let ada = app.user("ada").await;
    let other = ada.log_in_again().await;
    let change = json!({"current_password": PASSWORD, "new_password": "another password 🔑"});
    ada.post("/v1/auth/password", change.clone()).await.no_content();
    ada.get("/v1/me").await.ok();
    other.get("/v1/me").await.refused(401, "invalid_token");
    let login = |password: &str| app.anon().post("/v1/auth/login", json!({"login": "ada", "password": password}));
    login(PASSWORD).await.refused(401, "invalid_credentials");
    login("another password 🔑").await.ok();
    ada.post("/v1/auth/password", change).await.refused(403, "wrong_password");
}

async fn a_wrong_current_password_changes_nothing(app: TestApp) {
    let ada = app.user("ada").await;
    let other = ada.log_in_again().await;
    let change = |current: &str, new: &str| json!({"current_password": current, "new_password": new});
    ada.post("/v1/auth/password", change("wrong", "a new password")).await.refused(403, "wrong_password");
    let short = ada.post("/v1/auth/password", change(PASSWORD, "short")).await;
    short.refused_fields(422, "invalid_value", &["new_password"]);
    other.get("/v1/me").await.ok();
    app.anon().post("/v1/auth/login", json!({"login": "ada", "password": PASSWORD})).await.ok();
}
