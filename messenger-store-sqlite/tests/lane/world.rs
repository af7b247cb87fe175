//! A messenger over a store that can be told to fail, with people and
//! conversations in it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::task::Poll;

use messenger_core::clock::{Clock, Timestamp};
use messenger_core::conversation::{Conversation, Membership, Role};
use messenger_core::event::{Audience, Event, Fact, Partition, Position};
use messenger_core::friendship::PairChange;
use messenger_core::id::{ConversationId, IdGenerator, MessageId, UserId};
use messenger_core::lane::LaneOptions;
use messenger_core::message::{Message, MessageBody, MessageRange};
use messenger_core::service::messages::Draft;
use messenger_core::store::Store;
use messenger_core::user::{DmPolicy, User};
use messenger_core::{Messenger, Result};
use uuid::Uuid;

use crate::faulty_store::FaultyStore;
use crate::fixtures::{TestStore, client_id, conversation_id, direct, event, group, membership, pair, user, user_id};

/// A group: 1 is the owner, 2 an admin, 3 and 4 are members.
pub(crate) const CREW: u128 = 50;
/// A group too large for read receipts; the same four are in it.
pub(crate) const CROWD: u128 = 51;
/// Direct, of 1 and 2, who are friends.
pub(crate) const FRIENDS: u128 = 52;
/// Direct, of 1 and 3, who are not.
pub(crate) const STRANGERS: u128 = 53;
/// Direct, of 1 and 4, who are not, but 4 hears everyone.
pub(crate) const OPEN: u128 = 54;

pub(crate) struct World {
    pub(crate) messenger: Messenger,
    pub(crate) store: Arc<FaultyStore>,
    pub(crate) ids: Arc<TestIds>,
    pub(crate) clock: Arc<TestClock>,
    files: TestStore,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_lanes(LaneOptions::default()).await
    }

    pub(crate) async fn with_lanes(options: LaneOptions) -> Self {
        let files = TestStore::open().await;
        fill(&files).await;
        let store = Arc::new(FaultyStore::new(files.store.clone()));
        let (ids, clock) = (Arc::new(TestIds::default()), Arc::new(TestClock(AtomicI64::new(1_000))));
        let builder = Messenger::builder(store.clone()).ids(ids.clone()).clock(clock.clone()).lanes(options);
        Self { messenger: builder.build(), store, ids, clock, files }
    }

    /// A send of the user's to a conversation.
    pub(crate) fn send<'a>(&'a self, user: u128, conversation: u128, body: &str) -> Doing<'a, Message> {
        let draft = draft(body);
        Box::pin(async move {
            let sent = self.messenger.send_message(user_id(user), conversation_id(conversation), draft).await;
            sent.map(messenger_core::service::messages::Sent::into_message)
        })
    }

    /// The conversation's messages, in their order.
    pub(crate) async fn messages(&self, conversation: u128) -> Vec<Message> {
        let mut snapshot = self.files.store.read().await.expect("reads");
        let messages = snapshot.messages();
        messages.list_messages(conversation_id(conversation), MessageRange::Latest, 10_000).await.expect("reads")
    }

    /// What the conversation's messages say, in their order.
    pub(crate) async fn bodies(&self, conversation: u128) -> Vec<String> {
        let messages = self.messages(conversation).await;
        messages.into_iter().map(|message| message.body.expect("no tombstone").to_string()).collect()
    }

    pub(crate) async fn conversation(&self, conversation: u128) -> Conversation {
        let mut snapshot = self.files.store.read().await.expect("reads");
        let found = snapshot.conversations().find_conversations(&[conversation_id(conversation)]).await;
        found.expect("reads").pop().expect("stored")
    }

    pub(crate) async fn membership(&self, conversation: u128, user: u128) -> Option<Membership> {
        let mut snapshot = self.files.store.read().await.expect("reads");
        let found = snapshot.conversations().find_memberships(&[(conversation_id(conversation), user_id(user))]).await;
        found.expect("reads").pop()
    }

    /// Everything that the log says after this position.
    pub(crate) async fn events_after(&self, after: i64) -> Vec<Event> {
        let mut snapshot = self.files.store.read().await.expect("reads");
        let after = Position::from_stored(after);
        snapshot.events().list_events(Partition::from_stored(0), after, 100_000).await.expect("reads")
    }

    /// What the log says since the world was made, without the places.
    pub(crate) async fn facts(&self) -> Vec<Fact> {
        self.events_after(5).await.into_iter().map(|event| event.event.fact).collect()
    }

    /// Ends the messenger and answers its file.
    pub(crate) fn into_files(self) -> TestStore {
        self.files
    }
}

/// Users 1 to 4 and the conversations above. The log has five events then.
async fn fill(files: &TestStore) {
    let mut tx = files.begin().await;
    for n in 1..=4 {
        let dm_policy = if n == 4 { DmPolicy::Everyone } else { DmPolicy::Friends };
        tx.users().insert_user(&User { dm_policy, ..user(n) }).await.expect("inserts");
    }
    let since = PairChange::InsertFriendship { since: Timestamp::from_millis(5) };
    tx.friendships().apply_pair_changes(pair(1, 2), &[since]).await.expect("inserts");
    let crew = Conversation { members_count: 4, ..group(CREW, user_id(1)) };
    let crowd = Conversation { members_count: 60, ..group(CROWD, user_id(1)) };
    let directs = [(FRIENDS, 2), (STRANGERS, 3), (OPEN, 4)];
    let mut events = Vec::new();
    for conversation in [crew, crowd].into_iter().chain(directs.map(|(id, other)| direct(id, pair(1, other)))) {
        let members = match &conversation.kind {
            messenger_core::conversation::ConversationKind::Group(_) => {
                let roles = [(1, Role::Owner), (2, Role::Admin), (3, Role::Member), (4, Role::Member)];
                roles.map(|(user, role)| membership(&conversation, user_id(user), role)).to_vec()
            }
            messenger_core::conversation::ConversationKind::Direct(pair) => {
                pair.both().map(|user| membership(&conversation, user, Role::Member)).to_vec()
            }
        };
        tx.conversations().insert_conversation(&conversation).await.expect("inserts");
        tx.conversations().insert_memberships(&members).await.expect("inserts");
        let conversation_id = conversation.id;
        events.push(event(Audience::Conversation(conversation_id), Fact::ConversationCreated { conversation_id }));
    }
    tx.commit(&events).await.expect("commits");
}

pub(crate) fn draft(body: &str) -> Draft {
    Draft::new(MessageBody::parse(body).expect("valid"))
}

/// A draft that may be repeated.
pub(crate) fn keyed(body: &str, key: &str) -> Draft {
    Draft { client_id: Some(client_id(key)), ..draft(body) }
}

pub(crate) type Doing<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// Begins all of it, in this order, before anything else runs: on a runtime of
/// one thread, all of it waits when the lane next looks.
pub(crate) async fn together<T>(mut doing: Vec<Doing<'_, T>>) -> Vec<Result<T>> {
    let mut done: Vec<_> = doing.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (doing, done) in doing.iter_mut().zip(&mut done) {
            if done.is_none()
                && let Poll::Ready(answer) = doing.as_mut().poll(context)
            {
                *done = Some(answer);
            }
        }
        if done.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

/// Ids that count from 1000, unless one is ordered.
pub(crate) struct TestIds {
    next: AtomicU64,
    /// The number of the id that is to be the same as the one before it.
    repeated: AtomicU64,
}

/// The first id that [`TestIds`] makes.
pub(crate) const FIRST_ID: u64 = 1_000;

impl Default for TestIds {
    fn default() -> Self {
        Self { next: AtomicU64::new(FIRST_ID), repeated: AtomicU64::new(0) }
    }
}

impl TestIds {
    /// The id that the `n`th call made or will make, counted from 0.
    pub(crate) fn nth(n: u64) -> MessageId {
        MessageId::from_uuid(Uuid::from_u128(u128::from(FIRST_ID + n)))
    }

    /// How many ids were made.
    pub(crate) fn made(&self) -> u64 {
        self.next.load(Ordering::SeqCst) - FIRST_ID
    }

    /// Has the `n`th call make what the first one made.
    pub(crate) fn repeat_at(&self, n: u64) {
        self.repeated.store(FIRST_ID + n, Ordering::SeqCst);
    }
}

impl IdGenerator for TestIds {
    fn new_uuid(&self, _: Timestamp) -> Uuid {
        let next = self.next.fetch_add(1, Ordering::SeqCst);
        let id = if next == self.repeated.load(Ordering::SeqCst) { FIRST_ID } else { next };
        Uuid::from_u128(u128::from(id))
    }

    fn fill_random(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }
}

/// Stands still until it is moved.
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn advance(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Members, in the order of their ids, for a look at all of them.
pub(crate) const USERS: [u128; 4] = [1, 2, 3, 4];
/// All conversations.
pub(crate) const CONVERSATIONS: [u128; 5] = [CREW, CROWD, FRIENDS, STRANGERS, OPEN];

/// The ids of a user and a conversation.
pub(crate) fn at_place(user: u128, conversation: u128) -> (UserId, ConversationId) {
    (user_id(user), conversation_id(conversation))
}
