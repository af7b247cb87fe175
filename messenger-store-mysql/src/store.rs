//! The store: snapshots and transactions on pooled connections.

use std::collections::BTreeMap;

use async_trait::async_trait;
use messenger_core::clock::Timestamp;
use messenger_core::event::{Event, NewEvent, Partition, PartitionCount, Position};
use messenger_core::friendship::UserPair;
use messenger_core::store::{
    BatchKeys, BatchRows, BatchState, ConversationQueries, ConversationRepository, CredentialQueries,
    CredentialRepository, EventQueries, FriendshipQueries, FriendshipRepository, Heads, LockedPair, MessageQueries,
    MessageRepository, MigrationError, MigrationState, Migrator, SessionQueries, SessionRepository, SignalBoard,
    Snapshot, Store, StoreError, StoreResult, Transaction, UserQueries, UserRepository,
};

use crate::board::{Board, read_all_heads};
use crate::commit::commit;
use crate::events::read_heads;
use crate::lease::Purpose;
use crate::link::Link;
use crate::migrate::MySqlMigrator;
use crate::options::{MySqlOptions, OnPending};
use crate::pool::Pool;
use crate::sql::{Sql, read_number};

/// Why a store could not be opened, in one line. Never shows the password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The options make no sense.
    #[error("{0}")]
    Options(String),
    /// The server cannot be reached, or refuses.
    #[error("cannot open the database: {}", reason(.0))]
    Store(#[from] StoreError),
    /// The schema could not be changed or understood.
    #[error(transparent)]
    Migration(#[from] MigrationError),
    /// The schema is older than this version.
    #[error("{pending} of this version's migrations are not applied: run `messenger migrate up`")]
    Pending {
        /// How many are missing.
        pending: usize,
    },
}

/// That it is unavailable goes without saying.
fn reason(error: &StoreError) -> String {
    match error {
        StoreError::Unavailable(reason) => reason.clone(),
        error => error.to_string(),
    }
}

/// A store on MySQL or MariaDB. Any number of processes may share a
/// database. Cheap to clone: clones share their connections.
#[derive(Clone)]
pub struct MySqlStore {
    pool: Pool,
    board: Board,
    partitions: PartitionCount,
}

impl MySqlStore {
    /// Opens a database with the defaults of [`MySqlOptions::new`]. Its schema
    /// must be up to date.
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        Self::connect_with(MySqlOptions::new(url)).await
    }

    /// Opens a database.
    pub async fn connect_with(options: MySqlOptions) -> Result<Self, ConnectError> {
        let connect = options.connect_options().map_err(ConnectError::Options)?;
        let migrator = MySqlMigrator::new(options.clone());
        if options.on_pending == OnPending::Migrate {
            migrator.up().await?;
        }
        let pool = Pool::new(&options, connect);
        let mut lease = pool.lease(Purpose::Read).await?;
        if options.on_pending == OnPending::Refuse {
            // On the pool's first connection: to open one takes longer than all
            // else that a node does before it answers.
            let applied = |state| matches!(state, MigrationState::Applied { .. });
            let statuses = migrator.status_on(lease.connection()).await?;
            let pending = statuses.into_iter().filter(|one| !applied(one.state)).count();
            if pending > 0 {
                return Err(ConnectError::Pending { pending });
            }
        }
        let mut link = Link::new(Box::new(lease));
        let partitions = link.log_identity().await?.partitions;
        warn_unless_durable(&mut link).await?;
        link.rollback().await?;
        Ok(Self { board: Board(pool.clone()), pool, partitions })
    }

    /// Closes the connections. Those in use are closed when they come back;
    /// afterwards the store is unavailable.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

#[async_trait]
impl Store for MySqlStore {
    async fn read(&self) -> StoreResult<Box<dyn Snapshot>> {
        Ok(Box::new(Unit::new(Link::new(Box::new(self.pool.lease(Purpose::Read).await?)), self.partitions)))
    }

    async fn read_latest(&self) -> StoreResult<Box<dyn Snapshot>> {
        Ok(Box::new(Unit::new(Link::new(Box::new(self.pool.lease(Purpose::Ask).await?)), self.partitions)))
    }

    async fn begin(&self) -> StoreResult<Box<dyn Transaction>> {
        Ok(Box::new(Unit::new(Link::new(Box::new(self.pool.lease(Purpose::Change).await?)), self.partitions)))
    }

    async fn poll_log(&self) -> StoreResult<BTreeMap<Partition, Position>> {
        // One statement is one state by itself: it needs no transaction.
        let mut lease = self.pool.lease(Purpose::Ask).await?;
        let heads = read_heads(lease.connection()).await?;
        lease.give_back();
        Ok(heads)
    }

    async fn poll(&self) -> StoreResult<Heads> {
        let mut lease = self.pool.lease(Purpose::Ask).await?;
        let heads = read_all_heads(lease.connection()).await?;
        lease.give_back();
        Ok(heads)
    }

    fn board(&self) -> Option<&dyn SignalBoard> {
        Some(&self.board)
    }

    async fn purge_events(&self, partition: Partition, floor: Position) -> StoreResult<()> {
        let mut link = Link::new(Box::new(self.pool.lease(Purpose::Change).await?));
        link.purge(partition, floor).await?;
        link.commit().await
    }

    async fn find_position_before(&self, partition: Partition, before: Timestamp) -> StoreResult<Option<Position>> {
        let mut link = Link::new(Box::new(self.pool.lease(Purpose::Read).await?));
        let position = link.position_before(partition, before).await?;
        link.rollback().await?;
        Ok(position)
    }

    async fn ping(&self) -> StoreResult<()> {
        let mut link = Link::new(Box::new(self.pool.lease(Purpose::Ask).await?));
        link.rows(Sql::new("SELECT 1")).await?;
        link.rollback().await
    }
}

/// Says so when the server may lose what it has acknowledged (I1). Nobody but
/// its operator can change that.
async fn warn_unless_durable(link: &mut Link) -> StoreResult<()> {
    let sql = Sql::new("SELECT CAST(@@GLOBAL.innodb_flush_log_at_trx_commit AS SIGNED)");
    if link.optional(sql, read_number).await? != Some(1) {
        tracing::warn!("innodb_flush_log_at_trx_commit is not 1: a crash of the server may lose answered changes");
    }
    Ok(())
}

/// A snapshot or a transaction.
pub(crate) struct Unit {
    link: Link,
    partitions: PartitionCount,
}

impl Unit {
    /// On a connection on which it has begun.
    pub(crate) fn new(link: Link, partitions: PartitionCount) -> Self {
        Self { link, partitions }
    }
}

impl Snapshot for Unit {
    fn users(&mut self) -> &mut dyn UserQueries {
        &mut self.link
    }
    fn credentials(&mut self) -> &mut dyn CredentialQueries {
        &mut self.link
    }
    fn sessions(&mut self) -> &mut dyn SessionQueries {
        &mut self.link
    }
    fn friendships(&mut self) -> &mut dyn FriendshipQueries {
        &mut self.link
    }
    fn conversations(&mut self) -> &mut dyn ConversationQueries {
        &mut self.link
    }
    fn messages(&mut self) -> &mut dyn MessageQueries {
        &mut self.link
    }
    fn events(&mut self) -> &mut dyn EventQueries {
        &mut self.link
    }
}

#[async_trait]
impl Transaction for Unit {
    fn users(&mut self) -> &mut dyn UserRepository {
        &mut self.link
    }
    fn credentials(&mut self) -> &mut dyn CredentialRepository {
        &mut self.link
    }
    fn sessions(&mut self) -> &mut dyn SessionRepository {
        &mut self.link
    }
    fn friendships(&mut self) -> &mut dyn FriendshipRepository {
        &mut self.link
    }
    fn conversations(&mut self) -> &mut dyn ConversationRepository {
        &mut self.link
    }
    fn messages(&mut self) -> &mut dyn MessageRepository {
        &mut self.link
    }
    fn events(&mut self) -> &mut dyn EventQueries {
        &mut self.link
    }

    async fn lock_pair(&mut self, pair: UserPair) -> StoreResult<LockedPair> {
        self.link.locked_pair(pair).await
    }

    async fn read_batch(&mut self, keys: BatchKeys<'_>) -> StoreResult<BatchState> {
        self.link.read_state(keys).await
    }

    async fn write_batch(&mut self, rows: BatchRows<'_>) -> StoreResult<()> {
        self.link.write_rows(rows).await
    }

    async fn commit(self: Box<Self>, events: &[NewEvent]) -> StoreResult<Vec<Event>> {
        commit(self.link, events, self.partitions).await
    }

    async fn rollback(self: Box<Self>) -> StoreResult<()> {
        self.link.rollback().await
    }
}
