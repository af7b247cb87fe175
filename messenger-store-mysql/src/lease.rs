//! A borrowed connection, and what is said around a unit of work on it.

use std::fmt::Write as _;
use std::time::Instant;

use messenger_core::store::{StoreError, StoreResult, UniqueKey};
use sqlx::MySqlConnection;
use tokio::sync::OwnedSemaphorePermit;

use crate::error::Failure;
use crate::options::MySqlOptions;
use crate::pool::{Idle, Pool};
use crate::sql::{Answer, Fixed, Script};

/// What a connection is borrowed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To change something, in a transaction.
    Change,
    /// To read one consistent state: a snapshot, taken with the first read.
    Read,
    /// To ask this and that, each by itself.
    Ask,
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With everything durable.
    Commit,
    /// With nothing changed.
    Rollback,
}

/// The statements around a unit of work. They go to the server with its first
/// and its last ones.
pub(crate) struct Scripts {
    /// What a new connection is told.
    pub(crate) set_up: String,
    begin: String,
    commit: String,
    rollback: String,
}

/// What begins a snapshot. Readers hold no locks, so they may think for as long
/// as they like.
const BEGIN_SNAPSHOT: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; \
                              START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";

/// What must hold when a transaction begins: nothing is amiss yet. See
/// [`Script::push_on`].
pub(crate) const SOUND: &str = "@sound = 1";

/// What ends one.
const END_SNAPSHOT: &str = "COMMIT";

impl Scripts {
    /// Only whole numbers from the options get into the texts.
    pub(crate) fn new(options: &MySqlOptions) -> Self {
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
            set_up,
            begin: format!("SET SESSION wait_timeout = {inside}, {SOUND}; START TRANSACTION"),
            commit: format!("COMMIT; {afterwards}"),
            rollback: format!("ROLLBACK; {afterwards}"),
        }
    }
}

/// A borrowed connection. Dropping it closes it, which undoes whatever is under
/// way on it: that is what becomes of a connection in a doubtful state.
pub(crate) struct Lease {
    connection: MySqlConnection,
    born: Instant,
    purpose: Purpose,
    state: State,
    pool: Pool,
    permit: OwnedSemaphorePermit,
}

/// What was asked of a connection since it was borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing; and it was used before, so it may have broken meanwhile.
    Kept,
    /// Nothing, and it is new.
    New,
    /// Something: a unit of work has begun.
    Begun,
}

impl State {
    fn at_first(kept: bool) -> Self {
        if kept { Self::Kept } else { Self::New }
    }
}

impl Lease {
    /// A connection on which nothing has begun; `kept`, when it was used before.
    pub(crate) fn new(idle: Idle, kept: bool, purpose: Purpose, pool: Pool, permit: OwnedSemaphorePermit) -> Self {
        let Idle { connection, born, .. } = idle;
        Self { connection, born, purpose, state: State::at_first(kept), pool, permit }
    }

    /// The connection itself.
    pub(crate) fn connection(&mut self) -> &mut MySqlConnection {
        &mut self.connection
    }

    /// Whether anything was asked of it.
    pub(crate) fn has_begun(&self) -> bool {
        self.state == State::Begun
    }

    /// Begins, and asks the first things, in one round trip. When a kept
    /// connection breaks over it (the server was restarted, a firewall forgot
    /// it), nothing was done that lasts, so it is tried on the next one, at
    /// last on a new one.
    pub(crate) async fn begin(&mut self, script: &Script, primary: UniqueKey) -> Result<Vec<Answer>, Failure> {
        let pool = self.pool.clone();
        let begin = match self.purpose {
            Purpose::Change => &pool.scripts().begin,
            Purpose::Read => BEGIN_SNAPSHOT,
            Purpose::Ask => "",
        };
        let limit = pool.first_answer_within();
        loop {
            let kept = self.state == State::Kept;
            self.state = State::Begun;
            let sent = script.send(Fixed::new(begin), Fixed::default(), &mut self.connection);
            let failure = match tokio::time::timeout(limit, sent).await {
                Ok(Ok(answers)) => return Ok(answers),
                Ok(Err(broken)) => Failure::of(broken.error, primary),
                Err(_) => {
                    let text = format!("the database did not answer for {limit:?}");
                    Failure::Connection(StoreError::Unavailable(text))
                }
            };
            match failure {
                Failure::Connection(error) if kept => self.replace(&error).await.map_err(Failure::Connection)?,
                failure => return Err(failure),
            }
        }
    }

    /// Takes another connection in place of one that has broken.
    async fn replace(&mut self, error: &StoreError) -> StoreResult<()> {
        tracing::debug!(%error, "a kept connection is of no more use");
        let (idle, kept) = self.pool.take().await?;
        (self.connection, self.born, self.state) = (idle.connection, idle.born, State::at_first(kept));
        Ok(())
    }

    /// What ends the unit of work.
    pub(crate) fn closing(&self, end: End) -> &str {
        let scripts = self.pool.scripts();
        match (self.purpose, end) {
            (Purpose::Change, End::Commit) => &scripts.commit,
            (Purpose::Change, End::Rollback) => &scripts.rollback,
            (Purpose::Read, _) => END_SNAPSHOT,
            (Purpose::Ask, _) => "",
        }
    }

    /// Keeps the connection for the next one. Nothing may be under way on it.
    pub(crate) fn give_back(self) {
        let Self { connection, born, pool, permit, .. } = self;
        pool.keep(connection, born);
        // Only now may another one look for a kept connection.
        drop(permit);
    }
}
