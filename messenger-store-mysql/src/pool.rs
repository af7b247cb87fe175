//! Connections, kept open between uses.
//!
//! Why not sqlx's own pool: it pings a connection whenever it comes back, which
//! cannot be switched off, and a ping is a round trip, which is what a short
//! transaction mostly consists of. Here the first statement of a unit of work,
//! which goes to the server together with what begins a transaction, tells
//! whether the connection still lives; one that does not is replaced before the
//! caller notices.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use messenger_core::store::{StoreError, StoreResult};
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, MySqlConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::explain_opening;
use crate::lease::{Lease, Purpose, Scripts};
use crate::options::MySqlOptions;

/// Hands out connections, a bounded number at once.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Inner>);

struct Inner {
    connect: MySqlConnectOptions,
    scripts: Scripts,
    acquire_timeout: Duration,
    lock_wait: Duration,
    idle_timeout: Duration,
    max_lifetime: Duration,
    permits: Arc<Semaphore>,
    // A std mutex: held for a push or a pop, never across an await.
    idle: Mutex<Vec<Idle>>,
}

/// A connection that nobody has.
pub(crate) struct Idle {
    pub(crate) connection: MySqlConnection,
    pub(crate) born: Instant,
    since: Instant,
}

impl Pool {
    /// Opens nothing yet. Must be called within a tokio runtime.
    pub(crate) fn new(options: &MySqlOptions, connect: MySqlConnectOptions) -> Self {
        let inner = Arc::new(Inner {
            connect,
            scripts: Scripts::new(options),
            acquire_timeout: options.acquire_timeout,
            lock_wait: options.lock_wait,
            idle_timeout: options.idle_timeout,
            max_lifetime: options.max_lifetime,
            permits: Arc::new(Semaphore::new(options.max_connections.max(1) as usize)),
            idle: Mutex::new(Vec::new()),
        });
        tokio::spawn(Inner::reap(Arc::downgrade(&inner)));
        Self(inner)
    }

    /// A connection, on which nothing has begun. It may have broken since it
    /// was last used, which [`Lease::begin`] sees to.
    pub(crate) async fn lease(&self, purpose: Purpose) -> StoreResult<Lease> {
        let permit = self.permit().await?;
        let (idle, kept) = self.take().await?;
        Ok(Lease::new(idle, kept, purpose, self.clone(), permit))
    }

    /// A connection, and whether it was used before.
    pub(crate) async fn take(&self) -> StoreResult<(Idle, bool)> {
        match self.0.pop() {
            Some(idle) => Ok((idle, true)),
            None => Ok((self.limited(self.open()).await?, false)),
        }
    }

    /// Keeps a connection on which nothing is under way.
    pub(crate) fn keep(&self, connection: MySqlConnection, born: Instant) {
        if !self.0.permits.is_closed() {
            self.0.lock_idle().push(Idle { connection, born, since: Instant::now() });
        }
    }

    /// What is said around a unit of work.
    pub(crate) fn scripts(&self) -> &Scripts {
        &self.0.scripts
    }

    /// How long the first answer of a unit of work may take: it may have to
    /// wait for a lock.
    pub(crate) fn first_answer_within(&self) -> Duration {
        self.0.acquire_timeout + self.0.lock_wait
    }

    /// Closes what is not in use, and what is in use when it comes back.
    pub(crate) async fn close(&self) {
        self.0.permits.close();
        let idle = std::mem::take(&mut *self.0.lock_idle());
        for idle in idle {
            // Whoever closes has no use for an error.
            let _ = idle.connection.close().await;
        }
    }

    async fn permit(&self) -> StoreResult<OwnedSemaphorePermit> {
        let waiting = Arc::clone(&self.0.permits).acquire_owned();
        match tokio::time::timeout(self.0.acquire_timeout, waiting).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(StoreError::Unavailable("the store is closed".to_owned())),
            Err(_) => Err(StoreError::Unavailable(format!("no connection was free for {:?}", self.0.acquire_timeout))),
        }
    }

    async fn open(&self) -> StoreResult<Idle> {
        // Whatever keeps a connection from being opened, a refused password
        // too: the store cannot be reached.
        let unavailable = |error: sqlx::Error| StoreError::Unavailable(explain_opening(&error));
        let mut connection = self.0.connect.connect().await.map_err(unavailable)?;
        let set_up = AssertSqlSafe(self.0.scripts.set_up.as_str());
        sqlx::raw_sql(set_up).execute(&mut connection).await.map_err(unavailable)?;
        let now = Instant::now();
        Ok(Idle { connection, born: now, since: now })
    }

    async fn limited<T>(&self, work: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
        match tokio::time::timeout(self.0.acquire_timeout, work).await {
            Ok(result) => result,
            Err(_) => {
                Err(StoreError::Unavailable(format!("the database did not answer for {:?}", self.0.acquire_timeout)))
            }
        }
    }
}

impl Inner {
    fn lock_idle(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that was used last: the others may grow old and go.
    fn pop(&self) -> Option<Idle> {
        let mut idle = self.lock_idle();
        while let Some(candidate) = idle.pop() {
            if self.is_fit(&candidate) {
                return Some(candidate);
            }
        }
        None
    }

    fn is_fit(&self, idle: &Idle) -> bool {
        idle.since.elapsed() < self.idle_timeout && idle.born.elapsed() < self.max_lifetime
    }

    /// Closes connections that are too old, for as long as there is a pool.
    async fn reap(pool: Weak<Self>) {
        while let Some(inner) = pool.upgrade() {
            let unfit: Vec<_> = {
                let mut idle = inner.lock_idle();
                let (fit, unfit) = std::mem::take(&mut *idle).into_iter().partition(|idle| inner.is_fit(idle));
                *idle = fit;
                unfit
            };
            let pause = (inner.idle_timeout / 4).max(Duration::from_secs(1));
            drop(inner);
            for idle in unfit {
                let _ = idle.connection.close().await;
            }
            tokio::time::sleep(pause).await;
        }
    }
}
