//! Forgetting events that nobody is expected to come back for.

use std::time::Duration;

use crate::Messenger;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::event::Position;

/// How many positions one step removes, so that no transaction is long.
const STEP: i64 = 5_000;

impl Messenger {
    /// Removes events that happened longer ago than `keep`, but for the latest
    /// of each partition, and answers how many those were. A client that comes
    /// back from before has to take a new snapshot
    /// ([`Error::ResyncRequired`](crate::Error::ResyncRequired)). Messages and
    /// everything else stay. To be called now and then, on any node.
    pub async fn purge_events(&self, keep: Duration) -> Result<u64> {
        let age = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
        let before = Timestamp::from_millis(self.inner.clock.now().as_millis().saturating_sub(age));
        let floors = self.read_latest().await?.events().log_floors().await?;
        let mut purged = 0;
        for (partition, floor) in floors {
            let Some(last) = self.inner.store.find_position_before(partition, before).await? else { continue };
            // Positions are dense from 1 (I3), so the floor tells how many
            // events lie below it; a floor of 0 means none ever did.
            let mut floor = floor.get().max(1);
            while floor < last.get() {
                let next = last.get().min(floor.saturating_add(STEP));
                self.inner.store.purge_events(partition, Position::from_stored(next)).await?;
                purged += next.abs_diff(floor);
                floor = next;
            }
        }
        Ok(purged)
    }
}
