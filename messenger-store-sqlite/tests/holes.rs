//! What becomes of an event that was stored before another and is seen after it.
//! A snapshot of MariaDB may miss one, though it shows the next.

#[path = "../src/tests/fixtures.rs"]
#[allow(dead_code, reason = "not every value is used here")]
mod fixtures;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use fixtures::{TestStore, user, user_id};
use messenger_core::Messenger;
use messenger_core::cursor::Cursor;
use messenger_core::delivery::{Delivery, EventData};
use messenger_core::event::{Event, Partition, Position};
use messenger_core::id::{ConversationId, UserId};
use messenger_core::live::Update;
use messenger_core::message::MessageBody;
use messenger_core::page::Limit;
use messenger_core::service::messages::Draft;
use messenger_core::store::{
    ConversationQueries, CredentialQueries, EventQueries, FriendshipQueries, LogIdentity, MessageQueries,
    SessionQueries, Snapshot, Store, StoreResult, Transaction, UserQueries,
};
use messenger_core::user::{DmPolicy, User};
use messenger_store_sqlite::{SqliteOptions, SqliteStore};
use uuid::Uuid;

/// A store in which one event is in no snapshot yet, though those after it are.
struct HoleyStore {
    inner: SqliteStore,
    hidden: Arc<AtomicI64>,
}

struct HoleySnapshot {
    inner: Box<dyn Snapshot>,
    hidden: i64,
    /// As of just before the hidden event.
    before: bool,
}

const WHOLE: i64 = i64::MAX;

/// For what should come at once.
const PATIENCE: Duration = Duration::from_secs(20);

impl HoleyStore {
    async fn snapshot(&self, before: bool) -> StoreResult<Box<dyn Snapshot>> {
        let hidden = self.hidden.load(Ordering::SeqCst);
        Ok(Box::new(HoleySnapshot { inner: self.inner.read().await?, hidden, before }))
    }
}

#[async_trait]
impl Store for HoleyStore {
    async fn read(&self) -> StoreResult<Box<dyn Snapshot>> {
        self.snapshot(false).await
    }
    /// Whoever asks for the heads asks before the two are stored.
    async fn read_latest(&self) -> StoreResult<Box<dyn Snapshot>> {
        self.snapshot(true).await
    }
    async fn poll_log(&self) -> StoreResult<BTreeMap<Partition, Position>> {
        self.snapshot(true).await?.events().log_heads().await
    }
    async fn begin(&self) -> StoreResult<Box<dyn Transaction>> {
        self.inner.begin().await
    }
    async fn ping(&self) -> StoreResult<()> {
        self.inner.ping().await
    }
}

impl Snapshot for HoleySnapshot {
    fn users(&mut self) -> &mut dyn UserQueries {
        self.inner.users()
    }
    fn credentials(&mut self) -> &mut dyn CredentialQueries {
        self.inner.credentials()
    }
    fn sessions(&mut self) -> &mut dyn SessionQueries {
        self.inner.sessions()
    }
    fn friendships(&mut self) -> &mut dyn FriendshipQueries {
        self.inner.friendships()
    }
    fn conversations(&mut self) -> &mut dyn ConversationQueries {
        self.inner.conversations()
    }
    fn messages(&mut self) -> &mut dyn MessageQueries {
        self.inner.messages()
    }
    fn events(&mut self) -> &mut dyn EventQueries {
        self
    }
}

impl HoleySnapshot {
    fn seen(&self, events: Vec<Event>) -> Vec<Event> {
        events.into_iter().filter(|event| event.position.get() != self.hidden).collect()
    }
}

#[async_trait]
impl EventQueries for HoleySnapshot {
    async fn log_identity(&mut self) -> StoreResult<LogIdentity> {
        self.inner.events().log_identity().await
    }

    async fn log_heads(&mut self) -> StoreResult<BTreeMap<Partition, Position>> {
        let mut heads = self.inner.events().log_heads().await?;
        if self.before {
            for head in heads.values_mut() {
                *head = (*head).min(Position::from_stored(self.hidden - 1));
            }
        }
        Ok(heads)
    }

    async fn log_floors(&mut self) -> StoreResult<BTreeMap<Partition, Position>> {
        self.inner.events().log_floors().await
    }

    async fn find_tags(
        &mut self,
        positions: &[(Partition, Position)],
    ) -> StoreResult<BTreeMap<(Partition, Position), u32>> {
        let mut tags = self.inner.events().find_tags(positions).await?;
        tags.retain(|(_, position), _| position.get() != self.hidden);
        Ok(tags)
    }

    async fn list_events_to(
        &mut self,
        partition: Partition,
        anchors: &[(Uuid, Position)],
        until: Position,
        limit: u32,
    ) -> StoreResult<Vec<Event>> {
        let events = self.inner.events().list_events_to(partition, anchors, until, limit).await?;
        Ok(self.seen(events))
    }

    async fn list_events_of_known(
        &mut self,
        viewer: UserId,
        partition: Partition,
        after: Position,
        until: Position,
        limit: u32,
    ) -> StoreResult<Vec<Event>> {
        let events = self.inner.events().list_events_of_known(viewer, partition, after, until, limit).await?;
        Ok(self.seen(events))
    }

    async fn list_events(&mut self, partition: Partition, after: Position, limit: u32) -> StoreResult<Vec<Event>> {
        let events = self.inner.events().list_events(partition, after, limit).await?;
        Ok(self.seen(events))
    }
}

/// Users 1 and 2, who have a conversation.
struct World {
    messenger: Messenger,
    hidden: Arc<AtomicI64>,
    conversation: ConversationId,
    files: TestStore,
}

impl World {
    async fn new() -> Self {
        let files = TestStore::open().await;
        let mut tx = files.begin().await;
        for n in 1..=2 {
            tx.users().insert_user(&User { dm_policy: DmPolicy::Everyone, ..user(n) }).await.expect("inserts");
        }
        tx.commit(&[]).await.expect("commits");
        let hidden = Arc::new(AtomicI64::new(WHOLE));
        let messenger =
            Messenger::builder(Arc::new(HoleyStore { inner: files.store.clone(), hidden: hidden.clone() })).build();
        let opened = messenger.open_direct_conversation(user_id(1), user_id(2)).await.expect("opens");
        let conversation = opened.into_view().conversation.id;
        Self { messenger, hidden, conversation, files }
    }

    /// Two messages, the first of which no snapshot has yet.
    async fn send_two_and_hide_one(&self) {
        let mut snapshot = self.files.store.read().await.expect("reads");
        let head = snapshot.events().log_heads().await.expect("reads")[&Partition::from_stored(0)];
        drop(snapshot);
        for body in ["one", "two"] {
            let draft = Draft::new(MessageBody::parse(body).expect("valid"));
            self.messenger.send_message(user_id(1), self.conversation, draft).await.expect("sends");
        }
        self.hidden.store(head.get() + 1, Ordering::SeqCst);
    }

    /// All of it is in snapshots from now on.
    fn show(&self) {
        self.hidden.store(WHOLE, Ordering::SeqCst);
    }

    async fn after(&self, cursor: &Cursor) -> (Vec<String>, Cursor) {
        let page = self.messenger.events_after(user_id(2), cursor, Limit::DEFAULT).await.expect("lists");
        (page.events.iter().filter_map(said).collect(), page.cursor)
    }
}

fn said(delivery: &Delivery) -> Option<String> {
    match &delivery.data {
        Some(EventData::Message(message)) => message.body.as_ref().map(ToString::to_string),
        _ => None,
    }
}

#[tokio::test]
async fn a_page_of_events_ends_before_a_hole() {
    let world = World::new().await;
    let cursor = world.messenger.cursor(user_id(2)).await.expect("reads");
    world.send_two_and_hide_one().await;
    let (early, cursor) = world.after(&cursor).await;
    world.show();
    let (late, _) = world.after(&cursor).await;
    assert_eq!([early, late].concat(), ["one", "two"]);
}

#[tokio::test]
async fn a_cursor_stands_before_a_hole() {
    let world = World::new().await;
    world.send_two_and_hide_one().await;
    let cursor = world.messenger.cursor(user_id(2)).await.expect("reads");
    let snapshot = world.messenger.client_snapshot(user_id(2)).await.expect("reads");
    world.show();
    for cursor in [cursor, snapshot.cursor] {
        assert_eq!(world.after(&cursor).await.0, ["one", "two"]);
    }
}

#[tokio::test]
async fn a_subscription_waits_for_a_hole_to_fill() {
    let world = World::new().await;
    let cursor = world.messenger.cursor(user_id(2)).await.expect("reads");
    world.send_two_and_hide_one().await;
    let mut subscription = world.messenger.subscribe(cursor).await.expect("subscribes");
    let mut heard = Vec::new();
    while heard.len() < 2 {
        let next = tokio::time::timeout(PATIENCE, subscription.next()).await;
        match next.expect("what is missing comes").expect("goes on") {
            Update::Event(delivery) => heard.extend(said(&delivery)),
            Update::CaughtUp => world.show(),
            Update::Signal(_) | Update::Heartbeat => {}
        }
    }
    assert_eq!(heard, ["one", "two"]);
}
