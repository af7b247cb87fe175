//! Who waits where.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OnceCell, mpsc, oneshot};

use super::LaneOptions;
use super::operation::{Action, Answer, Operation};
use super::task;
use crate::Messenger;
use crate::error::{Error, Result};
use crate::event::PartitionCount;
use crate::id::{ConversationId, UserId};
use crate::store::{LaneThread, StoreError};

/// When a caller that found no room may find some: a full queue is worked off
/// in about a second on a slow disk, and HTTP counts in whole seconds.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// An operation whose caller waits.
pub(crate) struct Waiting {
    pub(crate) operation: Operation,
    pub(crate) reply: oneshot::Sender<Result<Answer>>,
}

/// All lanes of a messenger. They are laid out and started when they are first
/// used, so that a messenger may be made outside of a runtime.
pub(crate) struct Lanes {
    options: LaneOptions,
    layout: OnceCell<Layout>,
}

struct Layout {
    partitions: PartitionCount,
    // A std mutex: held for a try, never over an await.
    lanes: Vec<Mutex<Option<mpsc::Sender<Waiting>>>>,
}

impl Lanes {
    pub(crate) fn new(options: LaneOptions) -> Self {
        Self { options, layout: OnceCell::new() }
    }

    async fn layout(&self, messenger: &Messenger) -> Result<&Layout> {
        self.layout
            .get_or_try_init(|| async {
                let partitions = messenger.partitions().await?;
                let count = self.options.count.clamp(1, usize::from(partitions.get()));
                Ok(Layout { partitions, lanes: (0..count).map(|_| Mutex::default()).collect() })
            })
            .await
    }
}

impl Layout {
    /// The lane that owns the partition of this conversation.
    fn lane_of(&self, conversation: ConversationId) -> &Mutex<Option<mpsc::Sender<Waiting>>> {
        let partition = self.partitions.partition_of(conversation.as_uuid());
        &self.lanes[usize::from(partition.get()) % self.lanes.len()]
    }
}

impl Messenger {
    /// Has a lane do what `viewer` wants, and waits for the answer. A caller
    /// that stops waiting before its turn has come is left out.
    pub(crate) async fn ride(&self, viewer: UserId, conversation: ConversationId, action: Action) -> Result<Answer> {
        let layout = self.inner.lanes.layout(self).await?;
        let (reply, answered) = oneshot::channel();
        let waiting = Waiting { operation: Operation { viewer, conversation, action }, reply };
        self.enqueue(layout, waiting)?;
        answered.await.unwrap_or_else(|_| {
            // The runtime that the lane ran on was shut down.
            Err(StoreError::OutcomeUnknown("the lane was stopped".to_owned()).into())
        })
    }

    fn enqueue(&self, layout: &Layout, waiting: Waiting) -> Result<()> {
        let lane = layout.lane_of(waiting.operation.conversation);
        let mut lane = lane.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = match &*lane {
            Some(queue) => match queue.try_send(waiting) {
                Ok(()) => return Ok(()),
                Err(refused) => refused,
            },
            None => TrySendError::Closed(waiting),
        };
        match refused {
            TrySendError::Full(_) => Err(Error::Busy { retry_after: RETRY_AFTER }),
            // Not started yet, or ended with the runtime that it ran on.
            TrySendError::Closed(waiting) => {
                let queue = self.start_lane(layout.lanes.len())?;
                let sent = queue.try_send(waiting);
                *lane = Some(queue);
                sent.map_err(|_| Error::Internal("a new lane takes nothing".to_owned()))
            }
        }
    }

    fn start_lane(&self, lanes: usize) -> Result<mpsc::Sender<Waiting>> {
        let LaneOptions { batch_limit, queue_limit, .. } = self.inner.lanes.options;
        let (queue, taken) = mpsc::channel((queue_limit / lanes).max(1));
        let lane = task::run(Arc::downgrade(&self.inner), taken, batch_limit.max(1));
        match self.inner.store.lane_thread() {
            LaneThread::Shared => drop(tokio::spawn(lane)),
            LaneThread::Own => task::on_own_thread(lane)
                .map_err(|error| StoreError::Unavailable(format!("no thread for a lane: {error}")))?,
        }
        Ok(queue)
    }
}
