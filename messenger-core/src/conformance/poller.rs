//! A reader of the log, as a node's tailer is one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::world::World;
use crate::event::{Event, Partition, Position};
use crate::store::StoreResult;

/// Polls the log while others write. What it sees has no gaps.
pub(super) struct Poller {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<StoreResult<Vec<Event>>>,
}

impl Poller {
    pub(super) fn start(w: &World) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (w, stopped) = (w.clone(), stop.clone());
        let task = tokio::spawn(async move {
            let mut seen: BTreeMap<Partition, Vec<Event>> = BTreeMap::new();
            loop {
                let last_round = stopped.load(Ordering::SeqCst);
                poll(&w, &mut seen).await?;
                if last_round {
                    return Ok(seen.into_values().flatten().collect());
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        Self { stop, task }
    }

    /// Everything it has seen, partition by partition; it reads to the end first.
    pub(super) async fn finish(self) -> StoreResult<Vec<Event>> {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.expect("the reader does not panic")
    }
}

/// Reads on, in every partition, from where it was.
///
/// As a node does, it asks first where the log stands, and then takes a snapshot,
/// which has all up to there. What lies beyond may have holes on MariaDB, which
/// takes a snapshot by going through the open transactions one by one: of two that
/// end one after the other meanwhile, it may see the second alone.
async fn poll(w: &World, seen: &mut BTreeMap<Partition, Vec<Event>>) -> StoreResult<()> {
    let heads = w.store.poll_log().await?;
    let mut snapshot = w.store.read().await?;
    for (partition, head) in heads {
        let known = seen.entry(partition).or_default();
        let last = known.last().map_or(Position::ZERO, |event| event.position);
        if head == last {
            continue;
        }
        let mut new = snapshot.events().list_events(partition, last, 10_000).await?;
        new.retain(|event| event.position <= head);
        for (event, expected) in new.iter().zip(last.get() + 1..) {
            assert_eq!(event.position.get(), expected, "a gap in {partition:?}");
        }
        assert_eq!(new.last().map(|event| event.position), Some(head), "the head is the last position");
        known.extend(new);
    }
    Ok(())
}
