//! The store itself: one writer, a pool of readers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use messenger_core::clock::Timestamp;
use messenger_core::event::{Partition, PartitionCount, Position};
use messenger_core::store::{
    ConversationQueries, CredentialQueries, EventQueries, FriendshipQueries, LaneThread, MessageQueries,
    SessionQueries, Snapshot, Store, StoreResult, Transaction, UserQueries,
};
use tokio::sync::Mutex as FairMutex;

use crate::checkpoint::Checkpointer;
use crate::connection::{absolute, create_file, open_reader, open_serving, open_writer};
use crate::error::from_commit;
use crate::handle::Handle;
use crate::latest::Latest;
use crate::lock::ServerLock;
use crate::migrator::SqliteMigrator;
use crate::options::{OpenError, SqliteOptions};
use crate::owned::Owned;
use crate::readers::{Lent, Readers};
use crate::repositories::events;
use crate::transaction::SqliteTransaction;
use crate::turn::Turn;
use crate::worker::Worker;

/// Everything in one SQLite file.
///
/// Clones share the same file and threads. When the last clone, snapshot and
/// transaction is dropped, the drop waits for what was begun, closes the file
/// and frees it for another server.
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

/// What all clones, snapshots and transactions of a store share. The lock on
/// the file lasts as long as any of them.
pub(crate) struct Inner {
    path: PathBuf,
    pub(crate) partitions: PartitionCount,
    pub(crate) readers: Readers,
    writer: Worker,
    pub(crate) checkpointer: Checkpointer,
    pub(crate) latest: Arc<Latest>,
    /// Whose turn it is to write; with the connection that they read with.
    turn: Arc<FairMutex<Owned>>,
    // The last field, so that it is released when all connections are closed.
    _lock: ServerLock,
}

impl Inner {
    pub(crate) fn writer(&self) -> &Worker {
        &self.writer
    }
}

impl SqliteStore {
    /// Opens the database file with [`SqliteOptions::new`]: it is made if it is
    /// not there, and migrated.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(SqliteOptions::new(path)).await
    }

    /// Opens the database file as `options` say.
    pub async fn open_with(options: SqliteOptions) -> Result<Self, OpenError> {
        let path = options.path.clone();
        // Files are opened and migrations run on a thread that may block.
        tokio::task::spawn_blocking(move || Self::open_blocking(&options))
            .await
            .unwrap_or_else(|lost| Err(OpenError::Io { path, source: std::io::Error::other(lost) }))
    }

    fn open_blocking(options: &SqliteOptions) -> Result<Self, OpenError> {
        let path = absolute(&options.path)?;
        let lock = ServerLock::acquire(&path)?;
        create_file(&path)?;
        SqliteMigrator::new(options.clone()).on_open()?;

        let sqlite = |source| OpenError::Sqlite { path: path.clone(), source };
        let io = |source| OpenError::Io { path: path.clone(), source };
        let connection = open_writer(&path, options.busy_timeout).map_err(sqlite)?;
        let partitions = connection
            .query_row("SELECT partitions FROM log_identity", [], |row| row.get(0))
            .map_err(sqlite)
            .and_then(|count| {
                PartitionCount::try_new(count).ok_or_else(|| io(std::io::ErrorKind::InvalidData.into()))
            })?;
        let writer = Worker::start("sqlite-writer".to_owned(), connection).map_err(io)?;
        let connection = open_serving(&path, options.busy_timeout).map_err(sqlite)?;
        let checkpointer = Checkpointer::start(connection).map_err(io)?;
        let reads = open_reader(&path, options.busy_timeout).and_then(Owned::new).map_err(sqlite)?;
        let readers = (0..options.readers.max(1))
            .map(|_| open_reader(&path, options.busy_timeout).and_then(Owned::new).map_err(sqlite))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            inner: Arc::new(Inner {
                path: path.clone(),
                partitions,
                readers: Readers::new(readers),
                writer,
                checkpointer,
                latest: Arc::default(),
                turn: Arc::new(FairMutex::new(reads)),
                _lock: lock,
            }),
        })
    }

    /// The turn to write. Tokio's mutex is fair: first come, first served.
    async fn turn(&self) -> Turn {
        let reads = self.inner.turn.clone().lock_owned().await;
        Turn::new(reads, self.inner.writer(), Arc::clone(&self.inner.latest))
    }

    /// The database file, as an absolute path.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }
}

#[cfg(test)]
impl SqliteStore {
    pub(crate) fn writer(&self) -> Handle {
        self.inner.writer().handle()
    }

    /// What a commit is followed by, with thresholds of a test's own.
    pub(crate) async fn see_to_log(&self, pages: i32, thresholds: crate::checkpoint::Thresholds) {
        let mut handle = Handle::for_transaction(self.turn().await);
        self.inner.checkpointer.after_commit(pages, thresholds, &mut handle);
    }

    pub(crate) async fn reader(&self) -> Handle {
        Handle::for_snapshot(Lent::from(&self.inner).await.expect("one is idle"))
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.inner.path).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn read(&self) -> StoreResult<Box<dyn Snapshot>> {
        Ok(Box::new(SqliteSnapshot::open(&self.inner).await?))
    }

    async fn read_latest(&self) -> StoreResult<Box<dyn Snapshot>> {
        Ok(Box::new(SqliteSnapshot { handle: Handle::for_latest(Lent::from(&self.inner).await?) }))
    }

    async fn begin(&self) -> StoreResult<Box<dyn Transaction>> {
        Ok(Box::new(SqliteTransaction::new(self.turn().await, self.inner.clone())))
    }

    fn lane_thread(&self) -> LaneThread {
        LaneThread::Own
    }

    async fn begin_batch(&self) -> StoreResult<Box<dyn Transaction>> {
        let turn = self.turn().await.written_here(self.inner.writer());
        Ok(Box::new(SqliteTransaction::new(turn, self.inner.clone())))
    }

    async fn purge_events(&self, partition: Partition, floor: Position) -> StoreResult<()> {
        let turn = self.inner.turn.clone().lock_owned().await;
        let purge = move |owned: &mut Owned| {
            // Kept until it is done, also when nobody waits for that.
            let _turn = turn;
            owned.begin("BEGIN IMMEDIATE")?;
            let purged = owned
                .work(|connection| events::purge(connection, partition, floor))
                .and_then(|()| owned.connection.execute_batch("COMMIT").map_err(|error| from_commit(&error)));
            owned.end();
            purged
        };
        self.inner.writer().handle().run(purge).await?
    }

    async fn find_position_before(&self, partition: Partition, before: Timestamp) -> StoreResult<Option<Position>> {
        // A read like any other, on a reader's connection.
        let mut snapshot = SqliteSnapshot::open(&self.inner).await?;
        snapshot.handle.call_long(move |connection| events::position_before(connection, partition, before)).await
    }

    async fn ping(&self) -> StoreResult<()> {
        let mut snapshot = SqliteSnapshot::open(&self.inner).await?;
        snapshot.handle.call(|connection| Ok(connection.query_row("SELECT 1 FROM log_identity", [], |_| Ok(()))?)).await
    }
}

/// A reader that is on loan.
struct SqliteSnapshot {
    handle: Handle,
}

impl SqliteSnapshot {
    async fn open(store: &Arc<Inner>) -> StoreResult<Self> {
        Ok(Self { handle: Handle::for_snapshot(Lent::from(store).await?) })
    }
}

impl Snapshot for SqliteSnapshot {
    fn users(&mut self) -> &mut dyn UserQueries {
        &mut self.handle
    }
    fn credentials(&mut self) -> &mut dyn CredentialQueries {
        &mut self.handle
    }
    fn sessions(&mut self) -> &mut dyn SessionQueries {
        &mut self.handle
    }
    fn friendships(&mut self) -> &mut dyn FriendshipQueries {
        &mut self.handle
    }
    fn conversations(&mut self) -> &mut dyn ConversationQueries {
        &mut self.handle
    }
    fn messages(&mut self) -> &mut dyn MessageQueries {
        &mut self.handle
    }
    fn events(&mut self) -> &mut dyn EventQueries {
        &mut self.handle
    }
}
