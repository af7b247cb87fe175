//! What the two halves of a client have in common: one that follows, and one
//! that sends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::cluster::Doors;
use super::history::Record;
use super::random::Random;
use crate::live::person::Person;

/// How far a scenario is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Everyone sends.
    Sending,
    /// Nobody begins to send; what was begun is finished, and all catch up.
    Settling,
    /// Nobody does anything.
    Over,
}

#[derive(Clone)]
pub(super) struct Client {
    pub(super) person: Person,
    pub(super) conversations: Arc<Vec<String>>,
    pub(super) doors: Arc<Doors>,
    pub(super) record: Arc<Mutex<Record>>,
    pub(super) random: Random,
    pub(super) stage: watch::Receiver<Stage>,
}

impl Client {
    // A std mutex: nothing is awaited while it is held.
    pub(super) fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a stage, or a later one.
    pub(super) async fn until(&self, stage: Stage) {
        // An error says that the driver is gone, which is as well.
        let _ = self.stage.clone().wait_for(|now| *now >= stage).await;
    }
}
