//! Live delivery: a tailer that follows the log, a hub that hands each event to
//! the connections that may see it, and subscriptions that join replay and live
//! without a gap or a repeat between.

mod audience;
mod hub;
mod subscription;
mod tailer;
mod wakeups;

pub use hub::CloseReason;
pub(crate) use hub::Hub;
pub use subscription::{Ended, Subscription, Update};
pub(crate) use tailer::Tailer;
pub use wakeups::{Commits, Polling};
