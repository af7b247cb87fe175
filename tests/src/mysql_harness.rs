//! The suite on `MySQL` and `MariaDB`: isolated cases run in a transaction
//! that is rolled back, on a pool of databases.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use messenger_core::conformance::{Database, Harness, HarnessError};
use messenger_core::store::{Migrator as _, Store};
use messenger_store_mysql::testing::{RolledBackStore, checksums, create_database, drop_database};
use messenger_store_mysql::{MySqlMigrator, MySqlOptions, MySqlStore};

use crate::mysql::Server;

/// Gives isolated cases databases of a pool, as many as run at once: on one,
/// open transactions would wait for each other at the log's counters.
pub struct MySqlHarness {
    // Shared with the cases' databases, which drop themselves.
    server: Arc<Server>,
    pool: Arc<Pool>,
    next: AtomicU32,
}

#[derive(Default)]
struct Pool {
    idle: Mutex<Vec<Leased>>,
    /// Every database ever leased, as its migrations left it.
    all: Mutex<Vec<(Leased, Checksums)>>,
}

type Checksums = BTreeMap<String, (i64, u64)>;

#[derive(Clone)]
struct Leased {
    name: String,
    url: String,
}

impl MySqlHarness {
    /// A harness on the server that can be had; see [`Server::provide`].
    pub fn start() -> Result<Self, HarnessError> {
        Ok(Self::on(Server::provide()?))
    }

    /// A harness on this server.
    pub fn on(server: Server) -> Self {
        Self { server: Arc::new(server), pool: Arc::default(), next: AtomicU32::new(0) }
    }

    /// Makes a database and applies the migrations.
    async fn make_database(&self) -> Result<Leased, HarnessError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = format!("messenger_test_{}_{number}", std::process::id());
        let url = create_database(self.server.url(), &name).await?;
        MySqlMigrator::new(MySqlOptions::new(&url)).up().await?;
        Ok(Leased { name, url })
    }

    async fn grow_pool(&self) -> Result<Leased, HarnessError> {
        let made = self.make_database().await?;
        let sums = checksums(&made.url).await?;
        self.pool.all.lock().unwrap_or_else(PoisonError::into_inner).push((made.clone(), sums));
        Ok(made)
    }
}

#[async_trait]
impl Harness for MySqlHarness {
    fn name(&self) -> String {
        self.server.name().to_owned()
    }

    fn fail_points(&self) -> &'static str {
        "mysql"
    }

    async fn isolated(&self) -> Result<Arc<dyn Database>, HarnessError> {
        let idle = self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let leased = if let Some(leased) = idle { leased } else { self.grow_pool().await? };
        Ok(Arc::new(RolledBack { leased, pool: self.pool.clone(), store: Mutex::default() }))
    }

    async fn own_database(&self) -> Result<Arc<dyn Database>, HarnessError> {
        Ok(Arc::new(Own { leased: self.make_database().await?, server: self.server.clone(), stores: Mutex::default() }))
    }

    async fn check_nothing_is_left(&self) -> Result<(), HarnessError> {
        let all = std::mem::take(&mut *self.pool.all.lock().unwrap_or_else(PoisonError::into_inner));
        let mut changed = vec![];
        for (leased, before) in all {
            let after = checksums(&leased.url).await?;
            changed.extend(difference(&before, &after).into_iter().map(|table| format!("{}.{table}", leased.name)));
            drop_database(self.server.url(), &leased.name).await?;
        }
        if changed.is_empty() {
            return Ok(());
        }
        Err(format!("isolated cases changed what the migrations had put into {}", changed.join(", ")).into())
    }
}

/// The tables that differ.
fn difference(before: &Checksums, after: &Checksums) -> Vec<String> {
    let tables = before.keys().chain(after.keys()).collect::<std::collections::BTreeSet<_>>();
    tables.into_iter().filter(|table| before.get(*table) != after.get(*table)).cloned().collect()
}

/// A leased database, in one outer transaction.
struct RolledBack {
    leased: Leased,
    pool: Arc<Pool>,
    store: Mutex<Option<Arc<RolledBackStore>>>,
}

#[async_trait]
impl Database for RolledBack {
    async fn open(&self) -> Result<Arc<dyn Store>, HarnessError> {
        let store = Arc::new(RolledBackStore::open(&self.leased.url).await?);
        let before = self.store.lock().unwrap_or_else(PoisonError::into_inner).replace(store.clone());
        if before.is_some() {
            return Err("an isolated case has one handle".into());
        }
        Ok(store)
    }

    async fn discard(&self) -> Result<(), HarnessError> {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(store) = store {
            // A database whose case did not let go is not leased again.
            Arc::into_inner(store).ok_or("the case has not let go of its store")?.finish().await?;
        }
        self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(self.leased.clone());
        Ok(())
    }
}

/// A database of a case's own.
struct Own {
    leased: Leased,
    server: Arc<Server>,
    stores: Mutex<Vec<MySqlStore>>,
}

#[async_trait]
impl Database for Own {
    async fn open(&self) -> Result<Arc<dyn Store>, HarnessError> {
        let store = MySqlStore::connect(&self.leased.url).await?;
        self.stores.lock().unwrap_or_else(PoisonError::into_inner).push(store.clone());
        Ok(Arc::new(store))
    }

    async fn discard(&self) -> Result<(), HarnessError> {
        let stores = std::mem::take(&mut *self.stores.lock().unwrap_or_else(PoisonError::into_inner));
        for store in stores {
            store.close().await;
        }
        drop_database(self.server.url(), &self.leased.name).await?;
        Ok(())
    }
}
