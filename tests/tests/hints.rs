//! Hints between nodes over a real NATS server. Two messengers over one store
//! are two nodes: each has a hub and a tailer of its own.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use messenger_core::Messenger;
use messenger_core::id::{ConversationId, UserId};
use messenger_core::live::{Polling, Subscription, Update};
use messenger_core::message::MessageBody;
use messenger_core::service::messages::Draft;
use messenger_core::service::users::NewUser;
use messenger_core::store::Store;
use messenger_core::user::Username;
use messenger_http::exchange_hints;
use messenger_store_sqlite::SqliteStore;
use messenger_tests::binary::Place;
use messenger_tests::nats::NatsServer;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longer than any test takes: what comes, came by a hint.
const NEVER: Polling = Polling { busy: Duration::from_hours(1), idle: Duration::from_hours(1) };
const PATIENCE: Duration = Duration::from_secs(30);

struct Node {
    messenger: Messenger,
    hints: JoinHandle<()>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.hints.abort();
    }
}

fn node(store: &Arc<dyn Store>, nats: &NatsServer, polling: Polling) -> Node {
    let messenger = Messenger::builder(store.clone()).polling(polling).build();
    let hints = tokio::spawn(exchange_hints(messenger.clone(), nats.url().parse().expect("a URL")));
    Node { messenger, hints }
}

async fn store() -> (Arc<dyn Store>, TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let store = SqliteStore::open(directory.path().join("messenger.db")).await.expect("opened");
    (Arc::new(store), directory)
}

struct Pair {
    ada: UserId,
    bob: UserId,
    room: ConversationId,
}

async fn pair(messenger: &Messenger) -> Pair {
    let [ada, bob] = ["ada", "bob"].map(|name| NewUser::new(Username::parse(name).expect("a name")));
    let ada = messenger.ensure_user(ada).await.expect("made").id;
    let bob = messenger.ensure_user(bob).await.expect("made").id;
    messenger.request_friendship(ada, bob).await.expect("asked");
    messenger.accept_friend_request(bob, ada).await.expect("accepted");
    let room = messenger.open_direct_conversation(ada, bob).await.expect("opened").into_view().conversation.id;
    Pair { ada, bob, room }
}

impl Pair {
    async fn say(&self, node: &Node) {
        let draft = Draft::new(MessageBody::parse("hello").expect("a body"));
        node.messenger.send_message(self.ada, self.room, draft).await.expect("sent");
    }

    /// What happens to Bob, from now on, as a node tells it.
    async fn follow(&self, node: &Node) -> Subscription {
        let cursor = node.messenger.cursor(self.bob).await.expect("a cursor");
        let mut subscription = node.messenger.subscribe(cursor).await.expect("subscribed");
        while !matches!(subscription.next().await.expect("open"), Update::CaughtUp) {}
        subscription
    }

    /// Says something over and over until it is heard: nodes find NATS in the
    /// background. Then nothing is left to be heard.
    async fn until_heard(&self, from: &Node, heard: &mut Subscription) {
        let mut said = 0;
        let first = timeout(PATIENCE, async {
            loop {
                self.say(from).await;
                said += 1;
                if timeout(Duration::from_millis(200), heard.next()).await.is_ok() {
                    return;
                }
            }
        });
        first.await.expect("hints get through");
        for _ in 1..said {
            timeout(PATIENCE, heard.next()).await.expect("what was said before").expect("open");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_hints_delivery_waits_for_no_poll() {
    let nats = NatsServer::provide().expect("a NATS server");
    let (store, _directory) = store().await;
    let (here, there) = (node(&store, &nats, NEVER), node(&store, &nats, NEVER));
    let pair = pair(&here.messenger).await;
    let mut afar = pair.follow(&there).await;
    pair.until_heard(&here, &mut afar).await;
    for _ in 0..20 {
        pair.say(&here).await;
        timeout(PATIENCE, afar.next()).await.expect("a hint for each").expect("open");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_may_be_killed_and_come_back() {
    let mut nats = NatsServer::provide().expect("a NATS server");
    let (store, _directory) = store().await;
    let (here, deaf, polls) =
        (node(&store, &nats, NEVER), node(&store, &nats, NEVER), node(&store, &nats, Polling::default()));
    let pair = pair(&here.messenger).await;
    let (mut by_hint, mut by_poll) = (pair.follow(&deaf).await, pair.follow(&polls).await);
    pair.until_heard(&here, &mut by_hint).await;
    while timeout(Duration::from_secs(1), by_poll.next()).await.is_ok() {}
    nats.kill();
    pair.say(&here).await;
    timeout(PATIENCE, by_poll.next()).await.expect("a poll finds it").expect("open");
    let none = timeout(Duration::from_millis(500), by_hint.next()).await;
    assert!(none.is_err(), "without NATS there is no hint: {none:?}");
    nats.start().expect("a NATS server");
    // Who hears again looks what was missed.
    timeout(PATIENCE, by_hint.next()).await.expect("a hint").expect("open");
    pair.until_heard(&here, &mut by_hint).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_one_hint_and_a_hint_is_not_answered() {
    let nats = NatsServer::provide().expect("a NATS server");
    let client = async_nats::connect(nats.url()).await.expect("connected");
    let mut heard = client.subscribe("messenger.>").await.expect("subscribed");
    let (store, _directory) = store().await;
    let (here, there) = (node(&store, &nats, NEVER), node(&store, &nats, NEVER));
    let pair = pair(&here.messenger).await;
    let mut afar = pair.follow(&there).await;
    pair.until_heard(&here, &mut afar).await;
    while timeout(Duration::from_millis(500), heard.next()).await.is_ok() {}
    pair.say(&here).await;
    timeout(PATIENCE, heard.next()).await.expect("a hint");
    let more = timeout(Duration::from_millis(500), heard.next()).await;
    assert!(more.is_err(), "one is enough: {more:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_on_different_databases_do_not_hear_each_other() {
    let nats = NatsServer::provide().expect("a NATS server");
    let client = async_nats::connect(nats.url()).await.expect("connected");
    let mut heard = client.subscribe("messenger.>").await.expect("subscribed");
    let mut subjects = Vec::new();
    for _ in 0..2 {
        let (store, _directory) = store().await;
        let (here, there) = (node(&store, &nats, NEVER), node(&store, &nats, NEVER));
        let pair = pair(&here.messenger).await;
        let mut afar = pair.follow(&there).await;
        pair.until_heard(&here, &mut afar).await;
        drop((here, there));
        let mut last = None;
        while let Ok(hint) = timeout(Duration::from_millis(500), heard.next()).await {
            last = hint.map(|hint| hint.subject.to_string());
        }
        subjects.push(last.expect("a hint"));
    }
    assert_ne!(subjects[0], subjects[1]);
}

#[tokio::test]
async fn without_nats_the_service_starts_and_says_so_once() {
    let place = Place::new().with("MESSENGER_NATS_URL", "nats://ada:geheim@127.0.0.1:1");
    let server = place.serve(&[]).await;
    server.register("ada").await;
    // Long enough for several tries.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let log = server.log();
    assert_eq!(log.matches("NATS").count(), 1, "{log}");
    assert!(log.contains("no hints between nodes"), "{log}");
}

#[tokio::test]
async fn the_password_of_nats_is_never_shown() {
    const SECRET: &str = "geheim-4711";
    let nats = NatsServer::provide().expect("a NATS server");
    let address = nats.url().replace("nats://", "");
    for address in [&*address, "127.0.0.1:1"] {
        let place = Place::new()
            .with("MESSENGER_NATS_URL", format!("nats://ada:{SECRET}@{address}"))
            .with("RUST_LOG", "trace,hyper=info");
        let server = place.serve(&[]).await;
        server.register("ada").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let log = server.log();
        assert!(log.contains("async_nats"), "it is told all there is: {log}");
        assert!(!log.contains(SECRET), "{log}");
    }
}

#[tokio::test]
async fn a_bad_nats_url_stops_the_start() {
    for url in ["geheim", "http://geheim@127.0.0.1", "nats://"] {
        let ended = Place::new().with("MESSENGER_NATS_URL", url).run(&["--listen", "127.0.0.1:0"]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        let line = ended.complaint();
        assert!(line.contains("--nats-url") && !line.contains("geheim"), "{line}");
    }
    // Set and empty, as compose files leave it.
    let place = Place::new().with("MESSENGER_NATS_URL", "");
    place.serve(&[]).await.register("ada").await;
}
