//! An app over a store, in a test's hands.

use std::sync::Arc;
use std::time::Duration;

use messenger_core::Messenger;
use messenger_core::clock::Timestamp;
use messenger_core::conformance::{ManualClock, SeededIds};
use messenger_core::password::PasswordHasher;
use messenger_core::store::Store;
use messenger_core::token::SigningKeys;
use messenger_http::AppOptions;
use poem::endpoint::BoxEndpoint;
use poem::{EndpointExt as _, Route};
use serde_json::json;

use super::client::{Anon, PASSWORD, User};
use super::faulty_store::{Fault, FaultyStore};

/// When every case begins: 2026-01-01T00:00:00.000Z.
const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// What signs the tokens, so that cases can forge some.
pub const SIGNING_KEY: &str = "the HTTP suite signs its tokens with this";

/// The router over a messenger. Cheap to clone; clones are one app.
#[derive(Clone)]
pub struct TestApp {
    node: Arc<Node>,
    router: Arc<BoxEndpoint<'static>>,
    prefix: String,
}

struct Node {
    messenger: Messenger,
    store: Arc<FaultyStore>,
    clock: Arc<ManualClock>,
    hasher: PasswordHasher,
}

impl TestApp {
    pub(super) fn over(store: Arc<dyn Store>, seed: u64) -> Self {
        let store = Arc::new(FaultyStore::over(store));
        let clock = Arc::new(ManualClock::starting_at(START));
        let hasher = PasswordHasher::new();
        let messenger = Messenger::builder(store.clone())
            .clock(clock.clone())
            .ids(Arc::new(SeededIds::new(seed)))
            .signing_keys(SigningKeys::parse(SIGNING_KEY).expect("long enough"))
            .password_hasher(hasher.clone())
            .build();
        let router = messenger_http::app(messenger.clone(), Self::options()).boxed();
        let node = Arc::new(Node { messenger, store, clock, hasher });
        Self { node, router: Arc::new(router), prefix: String::new() }
    }

    /// The options of cases: the default ones, without limits, since all
    /// requests come from one address.
    pub fn options() -> AppOptions {
        AppOptions { rate_limits: None, ..AppOptions::default() }
    }

    /// Another app over the same messenger.
    pub fn with(&self, options: AppOptions) -> Self {
        let router = messenger_http::app(self.node.messenger.clone(), options).boxed();
        Self { node: self.node.clone(), router: Arc::new(router), prefix: String::new() }
    }

    /// The app as a part of a larger one. Clients leave the prefix out.
    pub fn mounted_at(&self, prefix: &str) -> Self {
        let options = AppOptions { base_path: prefix.to_owned(), ..Self::options() };
        let around = Route::new().nest(prefix, messenger_http::app(self.node.messenger.clone(), options));
        let router = around.map_to_response().boxed();
        Self { node: self.node.clone(), router: Arc::new(router), prefix: prefix.to_owned() }
    }

    /// Nobody in particular.
    pub fn anon(&self) -> Anon {
        Anon { app: self.clone() }
    }

    /// A new user, registered over the wire.
    pub async fn user(&self, username: &str) -> User {
        use super::client::Client as _;
        let email = format!("{username}@example.org");
        let registration = json!({"username": username, "email": email, "password": PASSWORD});
        let signed_in = self.anon().post("/v1/auth/register", registration).await.created();
        User::of(self, &signed_in)
    }

    /// Two new users who are friends.
    pub async fn friends(&self, one: &str, other: &str) -> (User, User) {
        let (one, other) = (self.user(one).await, self.user(other).await);
        one.befriend(&other).await;
        (one, other)
    }

    /// Time passes.
    pub fn wait(&self, time: Duration) {
        self.node.clock.advance(time);
    }

    /// How many passwords were hashed so far.
    pub fn hash_count(&self) -> u64 {
        self.node.hasher.hash_count()
    }

    /// The rules below the wire, for what no operation does.
    pub fn messenger(&self) -> &Messenger {
        &self.node.messenger
    }

    /// From now on the store fails so; `None` mends it.
    pub fn break_store(&self, fault: impl Into<Option<Fault>>) {
        self.node.store.fail(fault.into());
    }

    pub(super) fn clock(&self) -> &ManualClock {
        &self.node.clock
    }

    pub(super) fn router(&self) -> &BoxEndpoint<'static> {
        &self.router
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }
}
