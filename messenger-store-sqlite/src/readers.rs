//! The connections that read, lent one at a time.

use std::sync::{Arc, Mutex, PoisonError};

use messenger_core::store::{StoreError, StoreResult};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::owned::Owned;
use crate::store::Inner;

/// Those that nobody has.
pub(crate) struct Readers {
    /// As many as there are idle ones.
    permits: Arc<Semaphore>,
    // A std mutex: it is held for a push or a pop, never over an await.
    idle: Mutex<Vec<Owned>>,
}

impl Readers {
    pub(crate) fn new(readers: Vec<Owned>) -> Self {
        Self { permits: Arc::new(Semaphore::new(readers.len())), idle: Mutex::new(readers) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Owned>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection on loan. Dropping it ends its unit of work and gives it back.
pub(crate) struct Lent {
    owned: Option<Owned>,
    store: Arc<Inner>,
    // Freed when `drop` has given the connection back.
    _permit: OwnedSemaphorePermit,
}

impl Lent {
    /// Waits for one; first come, first served.
    pub(crate) async fn from(store: &Arc<Inner>) -> StoreResult<Self> {
        let defect = |text: &str| StoreError::Defect(text.to_owned());
        let permits = store.readers.permits.clone();
        let permit = permits.acquire_owned().await.map_err(|_| defect("the readers are closed"))?;
        let owned = store.readers.lock().pop().ok_or_else(|| defect("a permit without an idle reader"))?;
        Ok(Self { owned: Some(owned), store: store.clone(), _permit: permit })
    }

    pub(crate) fn owned(&mut self) -> &mut Owned {
        self.owned.as_mut().expect("it is here until it is dropped")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(mut owned) = self.owned.take() {
            owned.end();
            self.store.readers.lock().push(owned);
        }
    }
}
