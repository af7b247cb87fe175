//! What makes a node look at the log: its own poll, and whoever knows that the
//! log has grown. Everything here is about latency, nothing about truth.

use std::time::Duration;

use tokio::sync::watch;

use crate::Messenger;

/// How often a node looks at the log by itself. It slows down from `busy` to
/// `idle`, doubling the pause each time it finds nothing new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Polling {
    /// The pause right after something happened. Default 5 ms. Where nobody is
    /// connected it is 25 ms at the least, or `idle` where that is shorter.
    pub busy: Duration,
    /// The longest pause: what an event of another node waits at most when no
    /// hint tells of it. Default 110 ms, so that an idle node asks at most ten
    /// times a second, its own sign of life included.
    pub idle: Duration,
}

impl Default for Polling {
    fn default() -> Self {
        Self { busy: Duration::from_millis(5), idle: Duration::from_millis(110) }
    }
}

/// Tells of a messenger's own commits, so that other nodes can be told to look.
#[derive(Debug, Clone)]
pub struct Commits(watch::Receiver<()>);

impl Commits {
    /// Waits for a commit. Those since the last call count as one, so who is
    /// slow misses none and holds up nobody. `None` when the messenger is gone.
    pub async fn next(&mut self) -> Option<()> {
        self.0.changed().await.ok()
    }
}

impl Messenger {
    /// Tells of the commits that this messenger makes from now on.
    pub fn commits(&self) -> Commits {
        Commits(self.inner.commits.subscribe())
    }

    /// The log may have grown by another node's doing: look now, if anybody is
    /// connected. Never needed for events to come, only for them to come sooner.
    pub fn wake(&self) {
        self.inner.committed.notify_one();
    }
}
