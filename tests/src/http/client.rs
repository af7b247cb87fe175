//! Who asks: nobody in particular, or a user.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use poem::http::Method;
use serde_json::{Value, json};

use super::app::TestApp;
use super::request::Request;

/// Somebody who sends requests.
pub trait Client {
    /// The app that is asked.
    fn app(&self) -> &TestApp;

    /// What they send to show who they are.
    fn token(&self) -> Option<&str>;

    /// A request, to be filled in and awaited.
    fn request(&self, method: Method, path: impl Into<String>) -> Request {
        let request = Request::new(self.app(), method, path.into());
        match self.token() {
            Some(token) => request.header("authorization", &format!("Bearer {token}")),
            None => request,
        }
    }

    /// A GET.
    fn get(&self, path: impl Into<String>) -> Request {
        self.request(Method::GET, path)
    }

    /// A POST without a body.
    fn post_empty(&self, path: impl Into<String>) -> Request {
        self.request(Method::POST, path)
    }

    /// A POST.
    #[allow(clippy::needless_pass_by_value, reason = "it reads better at the many places that build it on the spot")]
    fn post(&self, path: impl Into<String>, body: Value) -> Request {
        self.request(Method::POST, path).json(&body)
    }

    /// A PUT without a body.
    fn put_empty(&self, path: impl Into<String>) -> Request {
        self.request(Method::PUT, path)
    }

    /// A PUT.
    #[allow(clippy::needless_pass_by_value, reason = "it reads better at the many places that build it on the spot")]
    fn put(&self, path: impl Into<String>, body: Value) -> Request {
        self.request(Method::PUT, path).json(&body)
    }

    /// A PATCH.
    #[allow(clippy::needless_pass_by_value, reason = "it reads better at the many places that build it on the spot")]
    fn patch(&self, path: impl Into<String>, body: Value) -> Request {
        self.request(Method::PATCH, path).json(&body)
    }

    /// A DELETE.
    fn delete(&self, path: impl Into<String>) -> Request {
        self.request(Method::DELETE, path)
    }
}

/// Nobody in particular.
#[derive(Clone)]
pub struct Anon {
    pub(super) app: TestApp,
}

impl Client for Anon {
    fn app(&self) -> &TestApp {
        &self.app
    }

    fn token(&self) -> Option<&str> {
        None
    }
}

/// A user in a session.
#[derive(Clone)]
pub struct User {
    app: TestApp,
    /// The user's id.
    pub id: String,
    /// The user's username.
    pub username: String,
    /// What the session's requests carry.
    pub access_token: String,
    /// What gets the next tokens.
    pub refresh_token: String,
    /// The session, as its access token names it.
    pub session_id: String,
}

impl Client for User {
    fn app(&self) -> &TestApp {
        &self.app
    }

    fn token(&self) -> Option<&str> {
        Some(&self.access_token)
    }
}

/// The password of every user that [`TestApp::user`] makes.
pub const PASSWORD: &str = "correct horse battery";

impl User {
    /// The user of an answer of registering or logging in.
    #[track_caller]
    pub fn of(app: &TestApp, signed_in: &Value) -> Self {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        Self {
            app: app.clone(),
            session_id: session_of(&text(&signed_in["tokens"]["access_token"])),
            id: text(&signed_in["user"]["id"]),
            username: text(&signed_in["user"]["username"]),
            access_token: text(&signed_in["tokens"]["access_token"]),
            refresh_token: text(&signed_in["tokens"]["refresh_token"]),
        }
    }

    /// The same user in a new session.
    pub async fn log_in_again(&self) -> Self {
        let login = json!({"login": self.username, "password": PASSWORD});
        let signed_in = self.app.anon().post("/v1/auth/login", login).await.ok();
        Self::of(&self.app, &signed_in)
    }

    /// The same session with these tokens.
    #[track_caller]
    pub fn with_tokens(&self, tokens: &Value) -> Self {
        let text = |key: &str| tokens[key].as_str().expect("a token").to_owned();
        Self { access_token: text("access_token"), refresh_token: text("refresh_token"), ..self.clone() }
    }

    /// The same session at another app over the same store.
    pub fn at(&self, app: &TestApp) -> Self {
        Self { app: app.clone(), ..self.clone() }
    }

    /// Makes the two friends.
    pub async fn befriend(&self, other: &Self) {
        self.post("/v1/friend-requests", json!({"user_id": other.id})).await.created();
        other.post_empty(format!("/v1/friend-requests/{}/accept", self.id)).await.ok();
    }

    /// The id of the direct conversation with a friend.
    pub async fn direct(&self, other: &Self) -> String {
        let opened = self.post("/v1/conversations", json!({"kind": "direct", "user_id": other.id})).await;
        let status = opened.status();
        opened.json(if status == 200 { 200 } else { 201 })["id"].as_str().expect("an id").to_owned()
    }

    /// The id of a new group with these friends.
    pub async fn group(&self, title: &str, members: &[&Self]) -> String {
        let ids: Vec<_> = members.iter().map(|member| &member.id).collect();
        let group = json!({"kind": "group", "title": title, "member_ids": ids});
        self.post("/v1/conversations", group).await.created()["id"].as_str().expect("an id").to_owned()
    }

    /// Sends a message.
    pub async fn say(&self, conversation: &str, body: &str) -> Value {
        self.post(format!("/v1/conversations/{conversation}/messages"), json!({"body": body})).await.created()
    }
}

/// The session that an access token names.
fn session_of(access_token: &str) -> String {
    let claims = access_token.split('.').nth(1).expect("a JWT has claims");
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    claims["sid"].as_str().expect("a session").to_owned()
}
