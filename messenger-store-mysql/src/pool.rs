//! Connections, kept open between uses.
//!
//! Why not sqlx's own pool: it pings a connection whenever it comes back, which
//! cannot be switched off, and a ping is a round trip, which is what a short
//! transaction mostly consists of. Here the statement that begins a
//! transaction tells whether the connection still lives; one that does not is
//! replaced before the caller notices.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use messenger_core::store::{StoreError, StoreResult, UniqueKey};
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, MySqlConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Failure, explain_opening};
use crate::options::MySqlOptions;

/// Hands out connections, a bounded number at once.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Inner>);

struct Inner {
    connect: MySqlConnectOptions,
    scripts: Scripts,
    acquire_timeout: Duration,
    idle_timeout: Duration,
    max_lifetime: Duration,
    permits: Arc<Semaphore>,
    // A std mutex: held for a push or a pop, never across an await.
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    connection: MySqlConnection,
    born: Instant,
    since: Instant,
}

/// The statements around a unit of work, each sent in one round trip.
struct Scripts {
    set_up: Arc<str>,
    begin: Arc<str>,
    begin_snapshot: Arc<str>,
    commit: Arc<str>,
    rollback: Arc<str>,
}

impl Scripts {
    /// Only whole numbers from the options get into the texts.
    fn new(options: &MySqlOptions) -> Self {
        // Neither server can limit idling in a transaction alone (MariaDB has a
        // variable for it, MySQL has not), so wait_timeout is short inside and
        // long outside: setting it costs no round trip. It is the server's
        // limit, so it also frees the locks of a node that no longer acts.
        let outside = options.idle_timeout.as_secs() + 60;
        let inside = options.idle_in_transaction.as_secs().max(1);
        let mut set_up = String::from(
            "SET SESSION sql_mode = \
             'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_ENGINE_SUBSTITUTION', \
             time_zone = '+00:00', autocommit = 1",
        );
        let _ = write!(
            set_up,
            ", innodb_lock_wait_timeout = {}, wait_timeout = {outside}; \
             SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
            options.lock_wait.as_secs().max(1),
        );
        let afterwards = format!("SET SESSION wait_timeout = {outside}");
        Self {
            set_up: set_up.into(),
            begin: format!("SET SESSION wait_timeout = {inside}; START TRANSACTION").into(),
            // Readers hold no locks, so they may think for as long as they like.
            begin_snapshot: "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; \
                             START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
                .into(),
            commit: format!("COMMIT; {afterwards}").into(),
            rollback: format!("ROLLBACK; {afterwards}").into(),
        }
    }
}

/// What a connection is borrowed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To change something: a transaction has begun on it.
    Change,
    /// To read one consistent state: a snapshot was taken on it.
    Read,
    /// To ask one thing, which needs no transaction. The connection may have
    /// broken since it was last used.
    Ask,
    /// To see whether the server answers.
    Ping,
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With everything durable.
    Commit,
    /// With nothing changed.
    Rollback,
}

impl Pool {
    /// Opens nothing yet. Must be called within a tokio runtime.
    pub(crate) fn new(options: &MySqlOptions, connect: MySqlConnectOptions) -> Self {
        let inner = Arc::new(Inner {
            connect,
            scripts: Scripts::new(options),
            acquire_timeout: options.acquire_timeout,
            idle_timeout: options.idle_timeout,
            max_lifetime: options.max_lifetime,
            permits: Arc::new(Semaphore::new(options.max_connections.max(1) as usize)),
            idle: Mutex::new(Vec::new()),
        });
        tokio::spawn(Inner::reap(Arc::downgrade(&inner)));
        Self(inner)
    }

    /// A connection that has just answered.
    pub(crate) async fn lease(&self, purpose: Purpose) -> StoreResult<Lease> {
        let mut permit = self.permit().await?;
        loop {
            let (idle, kept) = match self.0.pop() {
                Some(idle) => (idle, true),
                None => (self.limited(self.open()).await?, false),
            };
            let mut lease = Lease { connection: idle.connection, born: idle.born, pool: Arc::clone(&self.0), permit };
            match self.limited(lease.open_for(purpose)).await {
                Ok(()) => return Ok(lease),
                // Nothing was asked yet, so what fails on a kept connection
                // (the server was restarted, a firewall forgot it) is tried on
                // the next one, at last on a new one.
                Err(error) if kept => {
                    tracing::debug!(%error, "a kept connection is of no more use");
                    permit = lease.permit;
                }
                Err(error) => return Err(error),
            }
        }
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
        run_script(&mut connection, &self.0.scripts.set_up).await.map_err(unavailable)?;
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

/// A borrowed connection. Dropping it closes it, which undoes whatever is under
/// way on it: that is what becomes of a connection in a doubtful state.
pub(crate) struct Lease {
    connection: MySqlConnection,
    born: Instant,
    pool: Arc<Inner>,
    permit: OwnedSemaphorePermit,
}

impl Lease {
    /// The connection itself.
    pub(crate) fn connection(&mut self) -> &mut MySqlConnection {
        &mut self.connection
    }

    async fn open_for(&mut self, purpose: Purpose) -> StoreResult<()> {
        let result = match purpose {
            Purpose::Change => run_script(&mut self.connection, &self.pool.scripts.begin).await,
            Purpose::Read => run_script(&mut self.connection, &self.pool.scripts.begin_snapshot).await,
            Purpose::Ask => Ok(()),
            Purpose::Ping => self.connection.ping().await,
        };
        result.map_err(|error| Failure::of(error, UniqueKey::Other).into_error())
    }

    /// Ends the transaction.
    pub(crate) async fn end(&mut self, end: End) -> Result<(), sqlx::Error> {
        let script = match end {
            End::Commit => &self.pool.scripts.commit,
            End::Rollback => &self.pool.scripts.rollback,
        };
        run_script(&mut self.connection, script).await
    }

    /// Keeps the connection for the next one. Nothing may be under way on it.
    pub(crate) fn give_back(self) {
        if !self.pool.permits.is_closed() {
            self.pool.lock_idle().push(Idle { connection: self.connection, born: self.born, since: Instant::now() });
        }
        // Only now may another one look for a kept connection.
        drop(self.permit);
    }
}

/// A borrowed connection on which each statement is by itself.
pub(crate) struct NoTransaction(pub(crate) Lease);

/// Several statements without parameters, in one round trip.
async fn run_script(connection: &mut MySqlConnection, script: &Arc<str>) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(Arc::clone(script))).execute(connection).await.map(drop)
}
