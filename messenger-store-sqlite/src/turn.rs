//! Whose turn it is to write.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use tokio::sync::OwnedMutexGuard;

use crate::latest::Latest;
use crate::owned::Owned;
use crate::worker::{Order, Shared, Worker};

/// The right to write, which one transaction has at a time. So what a connection
/// reads meanwhile is what the writer would read, until that one writes.
pub(crate) struct Turn {
    // Taken when this is dropped.
    pub(crate) reads: Option<OwnedMutexGuard<Owned>>,
    pub(crate) orders: Sender<Order>,
    /// The writer's connection itself, for who may block.
    pub(crate) here: Option<Shared>,
    pub(crate) latest: Arc<Latest>,
    /// Whether the writer has, or is about to have, something to undo.
    pub(crate) is_writing: bool,
}

impl Turn {
    pub(crate) fn new(reads: OwnedMutexGuard<Owned>, writer: &Worker, latest: Arc<Latest>) -> Self {
        Self { reads: Some(reads), orders: writer.orders(), here: None, latest, is_writing: false }
    }

    /// For a thread that may block: it need not wake the writer's.
    pub(crate) fn written_here(mut self, writer: &Worker) -> Self {
        self.here = Some(writer.shared());
        self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(mut reads) = self.reads.take() else { return };
        if self.is_writing {
            // Whoever gave up waiting has left work with the thread, a COMMIT
            // perhaps. The next one is let in when that is done: what they read
            // before would be of before it.
            let end = move |owned: &mut Owned| {
                owned.end();
                drop(reads);
            };
            let _ = self.orders.send(Order::Do(Box::new(end)));
        } else {
            reads.end();
        }
    }
}
