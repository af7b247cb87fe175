//! The messenger itself: a store, a clock, a source of ids, and what it takes
//! to sign users in.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, OnceCell, watch};
use tokio::task::JoinHandle;

use crate::change::Change;
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, Result};
use crate::event::{Event, PartitionCount};
use crate::id::{IdGenerator, SystemIds};
use crate::lane::{LaneOptions, Lanes};
use crate::live::{Hub, Polling};
use crate::password::PasswordHasher;
use crate::presence::{Notices, PresenceOptions};
use crate::session_cache::SessionCache;
use crate::store::{Snapshot, Store, StoreError, Transaction};
use crate::token::SigningKeys;
use crate::token_cache::TokenCache;

/// How often a change that met a conflict is tried in all.
const MAX_ATTEMPTS: u32 = 8;

/// Users, friendships, conversations and messages over one store.
///
/// Cheap to clone; all clones are one messenger. Each method is one use case:
/// it checks the rules, changes the state together with the events that tell
/// of it, and answers once the change is durable.
#[derive(Clone)]
pub struct Messenger {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdGenerator>,
    pub(crate) keys: SigningKeys,
    pub(crate) hasher: PasswordHasher,
    /// Wakes the tailer after this node's own commits, and when it is told of
    /// others'.
    pub(crate) committed: Arc<Notify>,
    /// Tells whoever wants to know of this node's own commits.
    pub(crate) commits: watch::Sender<()>,
    pub(crate) polling: Polling,
    /// What the signaller has to look at.
    pub(crate) notices: Arc<Notices>,
    pub(crate) presence: PresenceOptions,
    /// The signaller, to be waited for at the end.
    pub(crate) signaller: Mutex<Option<JoinHandle<()>>>,
    /// Made with the first subscription, so that who does not subscribe does
    /// not poll.
    pub(crate) hub: OnceCell<Arc<Hub>>,
    /// Subscriptions are not taken any more.
    pub(crate) shutting_down: AtomicBool,
    pub(crate) lanes: Lanes,
    /// Read when it is first needed; a log's never changes.
    partitions: OnceCell<PartitionCount>,
    pub(crate) tokens: TokenCache,
    pub(crate) sessions: SessionCache,
}

/// Chooses the parts of a [`Messenger`].
pub struct MessengerBuilder {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    keys: Option<SigningKeys>,
    hasher: PasswordHasher,
    lanes: LaneOptions,
    polling: Polling,
    presence: PresenceOptions,
}

impl MessengerBuilder {
    /// Tells the time in place of [`SystemClock`].
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Makes ids and randomness in place of [`SystemIds`].
    pub fn ids(mut self, ids: Arc<dyn IdGenerator>) -> Self {
        self.ids = ids;
        self
    }

    /// Signs access tokens. Without it a random key is made, whose tokens are
    /// worth nothing to any other process or after a restart.
    pub fn signing_keys(mut self, keys: SigningKeys) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Hashes passwords; to share one bound among several messengers.
    pub fn password_hasher(mut self, hasher: PasswordHasher) -> Self {
        self.hasher = hasher;
        self
    }

    /// How concurrent changes share commits, in place of the default.
    pub fn lanes(mut self, options: LaneOptions) -> Self {
        self.lanes = options;
        self
    }

    /// How often the log is looked at for what other nodes did, in place of the
    /// default.
    pub fn polling(mut self, polling: Polling) -> Self {
        self.polling = polling;
        self
    }

    /// When users count as online, in place of the default.
    pub fn presence(mut self, options: PresenceOptions) -> Self {
        self.presence = options;
        self
    }

    /// The messenger.
    pub fn build(self) -> Messenger {
        let keys = self.keys.unwrap_or_else(|| SigningKeys::random(&*self.ids));
        let inner = Inner {
            store: self.store,
            clock: self.clock,
            ids: self.ids,
            keys,
            hasher: self.hasher,
            committed: Arc::new(Notify::new()),
            commits: watch::Sender::new(()),
            polling: self.polling,
            notices: Arc::default(),
            presence: self.presence,
            signaller: Mutex::default(),
            hub: OnceCell::new(),
            shutting_down: AtomicBool::new(false),
            lanes: Lanes::new(self.lanes),
            partitions: OnceCell::new(),
            tokens: TokenCache::default(),
            sessions: SessionCache::default(),
        };
        Messenger { inner: Arc::new(inner) }
    }
}

impl Messenger {
    /// A messenger over a store, with the system's clock and ids.
    pub fn new(store: impl Store) -> Self {
        Self::builder(Arc::new(store)).build()
    }

    /// Begins to choose the parts of a messenger.
    pub fn builder(store: Arc<dyn Store>) -> MessengerBuilder {
        MessengerBuilder {
            store,
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            keys: None,
            hasher: PasswordHasher::new(),
            lanes: LaneOptions::default(),
            polling: Polling::default(),
            presence: PresenceOptions::default(),
        }
    }

    /// Whether the store answers, in one cheap round trip.
    pub async fn ping(&self) -> Result<()> {
        Ok(self.inner.store.ping().await?)
    }

    /// One consistent state to read from.
    pub(crate) async fn read(&self) -> Result<Box<dyn Snapshot>> {
        Ok(self.inner.store.read().await?)
    }

    /// The present, to ask one thing of.
    pub(crate) async fn read_latest(&self) -> Result<Box<dyn Snapshot>> {
        Ok(self.inner.store.read_latest().await?)
    }

    /// How many partitions the log has.
    pub(crate) async fn partitions(&self) -> Result<PartitionCount> {
        let read = async || Ok(self.read_latest().await?.events().log_identity().await?.partitions);
        self.inner.partitions.get_or_try_init(read).await.copied()
    }

    /// Runs `work` as one transaction and commits what it did and recorded.
    ///
    /// A conflict with another transaction runs all of `work` again, a bounded
    /// number of times, each on a fresh transaction, so `work` must take
    /// nothing from one attempt into the next. An unknown outcome is never
    /// retried. An error of `work` rolls back.
    pub(crate) async fn transact<T, Fut>(&self, work: impl Fn(Change) -> Fut) -> Result<T>
    where
        Fut: Future<Output = Result<(Change, T)>>,
    {
        self.retry(|| self.attempt(&work)).await
    }

    /// Runs `attempt` again for as long as it meets a conflict, a bounded number
    /// of times.
    pub(crate) async fn retry<T, Fut>(&self, attempt: impl Fn() -> Fut) -> Result<T>
    where
        Fut: Future<Output = Result<T>>,
    {
        let mut count = 1;
        loop {
            match attempt().await {
                Err(Error::Store(StoreError::Conflict(reason))) if count < MAX_ATTEMPTS => {
                    tracing::debug!(attempt = count, reason, "conflict, trying again");
                    tokio::time::sleep(self.pause_before_retry(count)).await;
                    count += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn attempt<T, Fut>(&self, work: &impl Fn(Change) -> Fut) -> Result<T>
    where
        Fut: Future<Output = Result<(Change, T)>>,
    {
        let (change, value) = work(self.begin().await?).await?;
        self.commit(change).await?;
        Ok(value)
    }

    /// A change, begun now.
    pub(crate) async fn begin(&self) -> Result<Change> {
        Ok(self.change_in(self.inner.store.begin().await?))
    }

    /// The change of a lane's batch, begun now.
    pub(crate) async fn begin_batch(&self) -> Result<Change> {
        Ok(self.change_in(self.inner.store.begin_batch().await?))
    }

    fn change_in(&self, transaction: Box<dyn Transaction>) -> Change {
        Change::new(transaction, self.inner.clock.now(), self.inner.ids.clone())
    }

    /// The one way in which a change becomes durable.
    pub(crate) async fn commit(&self, change: Change) -> Result<Vec<Event>> {
        let events = change.commit().await?;
        // Before anyone is answered: a session that ended here ends at once.
        self.inner.sessions.hear(&events);
        if !events.is_empty() {
            self.inner.committed.notify_one();
            self.inner.commits.send_replace(());
        }
        Ok(events)
    }

    /// Doubles from attempt to attempt, with jitter, so that two who met do
    /// not meet again at once.
    fn pause_before_retry(&self, attempt: u32) -> Duration {
        let mut random = [0];
        self.inner.ids.fill_random(&mut random);
        let ceiling_micros = 1_000_u64 << attempt;
        Duration::from_micros(ceiling_micros * (128 + u64::from(random[0])) / 384)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{ConversationId, UserId};
    use crate::service::auth::Login;
    use crate::service::conversations::NewGroup;
    use crate::service::messages::Draft;

    /// Services run on any thread of a server: their futures must be `Send`.
    /// Compiling is the test.
    #[allow(dead_code, reason = "compiling is the test")]
    fn futures_are_send(
        messenger: &Messenger,
        user: UserId,
        id: ConversationId,
        draft: Draft,
        group: NewGroup,
        login: Login,
    ) {
        fn assert_send(_: impl Send) {}
        assert_send(messenger.send_message(user, id, draft));
        assert_send(messenger.mark_read(user, id, crate::message::Seq::ZERO));
        assert_send(messenger.create_group(user, group));
        assert_send(messenger.request_friendship(user, user));
        assert_send(messenger.unfriend(user, user));
        assert_send(messenger.login(login));
        assert_send(messenger.purge_expired_sessions());
    }
}
