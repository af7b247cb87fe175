//! A store in one outer transaction, which is rolled back at the end.

use std::sync::Arc;

use async_trait::async_trait;
use messenger_core::clock::Timestamp;
use messenger_core::event::{Partition, PartitionCount, Position};
use messenger_core::store::{EventQueries as _, Snapshot, Store, StoreError, StoreResult, Transaction};
use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::databases::{fail, open};
use crate::lease::{End, SOUND};
use crate::link::Link;
use crate::source::Source;
use crate::store::Unit;

/// A store over one connection, on which everything happens in one outer
/// transaction: `begin` is a SAVEPOINT, `commit` releases it, and at the end
/// all of it is rolled back, so the database is as it was.
///
/// There is one connection, so there is one transaction or snapshot at a time:
/// a second one is a [`StoreError::Defect`] at once, not a hang. A snapshot
/// sees what is there while it reads. A deadlock or a lock wait undoes the
/// outer transaction, savepoints and all, so nothing that follows means
/// anything: from then on every call fails, and nothing is tried again.
/// Cheap to clone: clones share the connection.
#[derive(Clone)]
pub struct RolledBackStore {
    shared: Arc<Mutex<Shared>>,
    partitions: PartitionCount,
}

struct Shared {
    connection: MySqlConnection,
    /// A unit of work was dropped; its savepoint is still there.
    abandoned: bool,
    /// Why nothing that follows means anything.
    poison: Option<String>,
}

const BUSY: &str = "a rolled-back store has one connection: end the open transaction or snapshot before another one";

impl RolledBackStore {
    /// Opens a database that the migrations have been applied to, and begins
    /// the outer transaction.
    pub async fn open(url: &str) -> StoreResult<Self> {
        let mut connection = open(url).await?;
        // As the pool has it, with one difference: who waits for a lock waits
        // for another case on the same database, which should not be there.
        sqlx::raw_sql(
            "SET SESSION sql_mode = \
             'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_ENGINE_SUBSTITUTION', \
             time_zone = '+00:00', innodb_lock_wait_timeout = 2; \
             SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; START TRANSACTION",
        )
        .execute(&mut connection)
        .await
        .map_err(fail)?;
        let shared = Arc::new(Mutex::new(Shared { connection, abandoned: false, poison: None }));
        let mut store = Self { shared, partitions: crate::options::DEFAULT_PARTITIONS };
        store.partitions = store.link().await?.log_identity().await?.partitions;
        Ok(store)
    }

    /// Rolls everything back. The error, if there is one, is why the case does
    /// not count: it met a conflict, or left a transaction open. Clones are of
    /// no more use afterwards; the connection closes with the last of them.
    pub async fn finish(self) -> StoreResult<()> {
        let mut shared = self.shared.try_lock().map_err(|_| StoreError::Defect(BUSY.to_owned()))?;
        let rolled_back = sqlx::raw_sql("ROLLBACK").execute(&mut shared.connection).await;
        if let Some(poison) = shared.poison.replace("the case is finished".to_owned()) {
            return Err(StoreError::Defect(poison));
        }
        rolled_back.map_err(fail)?;
        Ok(())
    }

    async fn link(&self) -> StoreResult<Link> {
        let mut shared = Arc::clone(&self.shared).try_lock_owned().map_err(|_| StoreError::Defect(BUSY.to_owned()))?;
        if let Some(poison) = &shared.poison {
            return Err(StoreError::Defect(poison.clone()));
        }
        let before = if shared.abandoned { "ROLLBACK TO SAVEPOINT unit; " } else { "" };
        let script = format!("{before}SAVEPOINT unit; SET {SOUND}");
        // Until the answer is there, a dropped future leaves it in doubt.
        shared.poison = Some("the future that began a transaction was dropped".to_owned());
        sqlx::raw_sql(AssertSqlSafe(script)).execute(&mut shared.connection).await.map_err(fail)?;
        shared.poison = None;
        shared.abandoned = false;
        Ok(Link::new(Box::new(Borrowed(shared))))
    }
}

#[async_trait]
impl Store for RolledBackStore {
    async fn read(&self) -> StoreResult<Box<dyn Snapshot>> {
        Ok(Box::new(Unit::new(self.link().await?, self.partitions)))
    }

    async fn begin(&self) -> StoreResult<Box<dyn Transaction>> {
        Ok(Box::new(Unit::new(self.link().await?, self.partitions)))
    }

    async fn purge_events(&self, partition: Partition, floor: Position) -> StoreResult<()> {
        let mut link = self.link().await?;
        link.purge(partition, floor).await?;
        link.commit().await
    }

    async fn find_position_before(&self, partition: Partition, before: Timestamp) -> StoreResult<Option<Position>> {
        let mut link = self.link().await?;
        let position = link.position_before(partition, before).await?;
        link.rollback().await?;
        Ok(position)
    }

    async fn ping(&self) -> StoreResult<()> {
        let mut shared = Arc::clone(&self.shared).try_lock_owned().map_err(|_| StoreError::Defect(BUSY.to_owned()))?;
        shared.connection.ping().await.map_err(fail)
    }
}

struct Borrowed(OwnedMutexGuard<Shared>);

impl Source for Borrowed {
    fn connection(&mut self) -> &mut MySqlConnection {
        &mut self.0.connection
    }

    fn closing(&self, end: End) -> &str {
        match end {
            End::Commit => "RELEASE SAVEPOINT unit",
            End::Rollback => "ROLLBACK TO SAVEPOINT unit; RELEASE SAVEPOINT unit",
        }
    }

    fn give_back(self: Box<Self>) {}

    fn abandon(mut self: Box<Self>) {
        self.0.abandoned = true;
    }

    fn discard(mut self: Box<Self>) {
        self.0.poison.get_or_insert_with(|| "a statement was dropped half-way, or its connection broke".to_owned());
    }

    fn note(&mut self, error: &StoreError) {
        if matches!(error, StoreError::Conflict(_)) {
            self.0.poison.get_or_insert_with(|| format!("in a rolled-back case: {error}"));
        }
    }
}
