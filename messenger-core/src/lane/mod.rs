//! Group commit: concurrent changes share transactions, and with them the cost
//! of making them durable.
//!
//! A commit waits for the disk, which takes as long as hundreds of inserts. So
//! sends, edits, deletes and read markers ride a *lane*: a task that takes what
//! is waiting, checks all of it with a few set-wise reads, writes all of it,
//! commits once, and answers each caller by itself. There is no timer: a batch
//! is what arrived while the last one was committing, so a lone send waits for
//! nobody.
//!
//! A refused change does not touch its neighbours, and a batch that fails is
//! split, so that one bad row refuses one caller. What waits is bounded: past
//! the bound callers are answered [`Error::Busy`](crate::Error::Busy) at once.
//!
//! A lane is a task like any other, unless the store does its work where it is
//! asked: then it has a thread of its own, on which a batch goes from end to end.
//!
//! A messenger runs a few lanes, each of which owns some partitions of the log,
//! so that the batches of one node do not wait for each other's counters.
//!
//! | file | what it does |
//! |---|---|
//! | `queue` | the bounded queues, and which lane takes what |
//! | `task` | the task behind a queue: takes, has it done, answers; its thread |
//! | `run` | one batch, one transaction; conflicts, splits, panics |
//! | `load`, `batch`, `write` | what a batch reads, knows and writes |
//! | `operation` | what rides; the rules themselves are the services' |
//! | `outcome` | finds out what became of a COMMIT without an answer |

mod batch;
mod load;
mod operation;
mod options;
mod outcome;
mod queue;
mod run;
mod task;
mod write;

pub(crate) use batch::Batch;
pub(crate) use operation::{Action, Answer, Outgoing};
pub use options::LaneOptions;
pub(crate) use queue::Lanes;
