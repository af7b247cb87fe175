//! What a case works with.

use std::sync::Arc;

use super::doubles::{ManualClock, SeededIds};
use super::failure::Failure;
use super::harness::Database;
use crate::Messenger;
use crate::clock::Timestamp;
use crate::event::{Audience, Event, NewEvent, Position};
use crate::password::PasswordHasher;
use crate::presence::PresenceOptions;
use crate::store::{Snapshot, Store, StoreResult, Transaction};
use crate::token::SigningKeys;

/// When every case begins: 2026-01-01T00:00:00.000Z.
const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// A database on which a case starts as many nodes as it likes. They share the
/// clock and the source of ids, as nodes share the world.
#[derive(Clone)]
pub struct Nodes {
    database: Arc<dyn Database>,
    fail_points: &'static str,
    clock: Arc<ManualClock>,
    ids: Arc<SeededIds>,
    keys: SigningKeys,
    hasher: PasswordHasher,
}

impl Nodes {
    pub(super) fn new(database: Arc<dyn Database>, fail_points: &'static str, seed: u64) -> Self {
        let clock = Arc::new(ManualClock::starting_at(START));
        let keys = SigningKeys::parse("the conformance suite signs with this").expect("long enough");
        let ids = Arc::new(SeededIds::new(seed));
        Self { database, fail_points, clock, ids, keys, hasher: PasswordHasher::new() }
    }

    /// A node with a store handle of its own.
    pub async fn start(&self) -> Result<World, Failure> {
        self.start_with(PresenceOptions::default()).await
    }

    /// The same with other times for presence.
    pub async fn start_with(&self, presence: PresenceOptions) -> Result<World, Failure> {
        let store = self.database.open().await.map_err(|error| Failure::of_harness(&error))?;
        let messenger = Messenger::builder(store.clone())
            .clock(self.clock.clone())
            .ids(self.ids.clone())
            .signing_keys(self.keys.clone())
            .password_hasher(self.hasher.clone())
            .presence(presence)
            .build();
        let (clock, ids, hasher) = (self.clock.clone(), self.ids.clone(), self.hasher.clone());
        Ok(World { messenger, store, clock, ids, hasher })
    }

    /// Sets the store's fail point, such as `commit::after`, for as long as the
    /// guard lives. It counts for the whole process.
    pub fn fail_at(&self, point: &str, action: &str) -> fail::FailGuard {
        assert!(fail::has_failpoints(), "the feature `failpoints` is on");
        fail::FailGuard::new(format!("{}::{point}", self.fail_points), action).expect("an action")
    }
}

/// One node: a store, and the rules on top of it.
#[derive(Clone)]
pub struct World {
    /// The rules, over the store.
    pub messenger: Messenger,
    /// The store, for promises of its own.
    pub store: Arc<dyn Store>,
    /// Time, which the case moves.
    pub clock: Arc<ManualClock>,
    /// Ids and randomness.
    pub ids: Arc<SeededIds>,
    /// Hashes passwords, and counts.
    pub hasher: PasswordHasher,
}

impl World {
    /// A snapshot. Drop it before the next transaction begins.
    pub async fn read(&self) -> StoreResult<Box<dyn Snapshot>> {
        self.store.read().await
    }

    /// A transaction. End it before the next one begins.
    pub async fn begin(&self) -> StoreResult<Box<dyn Transaction>> {
        self.store.begin().await
    }

    /// A whole transaction that commits without events when `change` is `Ok`,
    /// and rolls back otherwise.
    pub async fn change<T>(&self, change: impl AsyncFnOnce(&mut dyn Transaction) -> StoreResult<T>) -> StoreResult<T> {
        let mut tx = self.begin().await?;
        match change(&mut *tx).await {
            Ok(value) => tx.commit(&[]).await.map(|_| value),
            Err(error) => {
                tx.rollback().await?;
                Err(error)
            }
        }
    }

    /// A transaction that does nothing but record events.
    pub async fn record(&self, events: &[NewEvent]) -> StoreResult<Vec<Event>> {
        self.begin().await?.commit(events).await
    }

    /// Everything the log holds for an audience, in its order.
    pub async fn log_of(&self, audience: Audience) -> StoreResult<Vec<Event>> {
        let mut log = self.log().await?;
        log.retain(|event| event.event.audience == audience);
        Ok(log)
    }

    /// Everything the log holds, partition by partition.
    pub async fn log(&self) -> StoreResult<Vec<Event>> {
        let mut snapshot = self.read().await?;
        let mut log = vec![];
        for (partition, head) in snapshot.events().log_heads().await? {
            let mut last = Position::ZERO;
            while last < head {
                let events = snapshot.events().list_events(partition, last, 500).await?;
                last = events.last().map_or(head, |event| event.position);
                log.extend(events);
            }
        }
        Ok(log)
    }

    /// Positions are 1, 2, 3 … in every partition, up to its head (I3).
    pub async fn assert_log_is_dense(&self) -> StoreResult<()> {
        let mut snapshot = self.read().await?;
        for (partition, head) in snapshot.events().log_heads().await? {
            let events = snapshot.events().list_events(partition, Position::ZERO, 1_000_000).await?;
            let positions: Vec<_> = events.iter().map(|event| event.position.get()).collect();
            assert_eq!(positions, (1..=head.get()).collect::<Vec<_>>(), "in {partition:?}");
        }
        Ok(())
    }
}
