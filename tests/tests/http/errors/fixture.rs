//! A world in which every operation has a request that succeeds, so that what
//! is then made wrong about it is the only thing wrong.

use messenger_tests::http::{Client as _, Contract, Operation, PASSWORD, Request, TestApp, User};
use serde_json::{Value, json};

pub(super) const UNKNOWN_ID: &str = "0198c0de-0009-7000-8000-000000000009";

pub(super) struct Fixture {
    pub(super) app: TestApp,
    /// Who asks.
    pub(super) ada: User,
    /// Ada's second session.
    second: User,
    /// Ada's friend, a member of her group.
    pub(super) bob: User,
    /// Has asked Ada.
    carol: User,
    /// Was asked by Ada.
    dave: User,
    /// A friend of Ada's outside of the group.
    gina: User,
    /// Is blocked by Ada.
    erin: User,
    /// Nothing to Ada.
    frank: User,
    /// Ada's group.
    pub(super) group: String,
    /// Ada's message in it.
    pub(super) message: String,
    /// Another conversation of Ada's, and her message there.
    pub(super) other_group: String,
    pub(super) other_message: String,
    /// Bob's own group, without Ada, and his message there.
    pub(super) foreign_group: String,
    pub(super) foreign_message: String,
}

/// What a request to an operation is made of.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    pub(super) path: Vec<(String, String)>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Option<Value>,
}

impl Parts {
    /// With another value for a parameter of the path.
    pub(super) fn with_path(mut self, name: &str, value: &str) -> Self {
        self.path.iter_mut().filter(|(known, _)| known == name).for_each(|(_, old)| value.clone_into(old));
        self
    }

    /// With one value for a parameter of the query.
    pub(super) fn with_query(mut self, name: &str, value: &str) -> Self {
        self.query.retain(|(known, _)| known != name);
        self.and_query(name, value)
    }

    /// With one more value for a parameter of the query.
    pub(super) fn and_query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With another body.
    pub(super) fn with_body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }
}

impl Fixture {
    pub(super) async fn new(app: TestApp) -> Self {
        let ada = app.user("ada").await;
        let second = ada.log_in_again().await;
        let (bob, carol, dave) = (app.user("bob").await, app.user("carol").await, app.user("dave").await);
        let (gina, erin, frank) = (app.user("gina").await, app.user("erin").await, app.user("frank").await);
        ada.befriend(&bob).await;
        ada.befriend(&gina).await;
        carol.post("/v1/friend-requests", json!({"user_id": ada.id})).await.created();
        ada.post("/v1/friend-requests", json!({"user_id": dave.id})).await.created();
        ada.put_empty(format!("/v1/blocks/{}", erin.id)).await.no_content();
        let id = |message: Value| message["id"].as_str().expect("an id").to_owned();
        let group = ada.group("Group", &[&bob]).await;
        let message = id(ada.say(&group, "Hello").await);
        let other_group = ada.group("Another group", &[&bob]).await;
        let other_message = id(ada.say(&other_group, "Hello, others").await);
        let foreign_group = bob.group("Without Ada", &[]).await;
        let foreign_message = id(bob.say(&foreign_group, "Hello, me").await);
        Self {
            app,
            ada,
            second,
            bob,
            carol,
            dave,
            gina,
            erin,
            frank,
            group,
            message,
            other_group,
            other_message,
            foreign_group,
            foreign_message,
        }
    }

    /// A request that succeeds when Ada sends it.
    pub(super) fn valid(&self, operation: &Operation) -> Parts {
        let mut parts = Parts { path: vec![], query: vec![], body: self.valid_body(operation) };
        for (name, place, _) in operation.parameters() {
            match place {
                "path" => parts.path.push((name.to_owned(), self.valid_id(&operation.id, name).to_owned())),
                "query" if name == "direction" => parts = parts.and_query(name, "incoming"),
                "query" if operation.id == "list_users" && name == "query" => parts = parts.and_query(name, "bob"),
                "query" => {}
                other => panic!("{}: no parameter in {other} is known", operation.id),
            }
        }
        parts
    }

    /// The object that an operation works on.
    fn valid_id(&self, operation: &str, parameter: &str) -> &str {
        match (parameter, operation) {
            ("conversation_id", _) => &self.group,
            ("message_id", _) => &self.message,
            ("session_id", _) => &self.second.session_id,
            ("user_id", "accept_friend_request" | "decline_friend_request") => &self.carol.id,
            ("user_id", "cancel_friend_request") => &self.dave.id,
            ("user_id", "block_user") => &self.frank.id,
            ("user_id", "unblock_user") => &self.erin.id,
            ("user_id", _) => &self.bob.id,
            (other, _) => panic!("{operation}: an object for {other} is needed here"),
        }
    }

    /// The document's example, with the names that are different in this world.
    fn valid_body(&self, operation: &Operation) -> Option<Value> {
        operation.body_schema()?;
        let mut body = operation.described["requestBody"]["content"]["application/json"]["example"].clone();
        let changes = match operation.id.as_str() {
            "register_user" => json!({"username": "zoe", "email": "zoe@example.org"}),
            "login_user" => json!({"login": self.ada.username, "password": PASSWORD}),
            "refresh_tokens" | "logout_user" => json!({"refresh_token": self.second.refresh_token}),
            "change_password" => json!({"current_password": PASSWORD}),
            "send_friend_request" => json!({"user_id": self.frank.id}),
            "create_conversation" => json!({"user_id": self.bob.id}),
            "add_member" => json!({"user_id": self.gina.id}),
            _ => json!({}),
        };
        for (field, value) in changes.as_object().expect("an object") {
            assert!(body.get(field).is_some(), "{}: the example has no {field}", operation.id);
            body[field] = value.clone();
        }
        Some(body)
    }

    /// The request of Ada's that these parts make.
    pub(super) fn request(&self, operation: &Operation, parts: &Parts) -> Request {
        Self::request_of(&self.ada, operation, parts)
    }

    /// The request of a user's that these parts make.
    pub(super) fn request_of(user: &User, operation: &Operation, parts: &Parts) -> Request {
        let mut path = operation.path.clone();
        for (name, value) in &parts.path {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        let mut request = user.request(operation.method.clone(), path);
        for (name, value) in &parts.query {
            request = request.query(name, value);
        }
        match &parts.body {
            Some(body) => request.json(body),
            None => request,
        }
    }
}

/// Every operation, apart from the probes, which take and refuse nothing.
pub(super) fn operations() -> impl Iterator<Item = &'static Operation> {
    Contract::get().operations().iter().filter(|operation| operation.described["tags"][0] != "service")
}
