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

    /// Ends the turn with a job on the writer's thread: the next one is let in
    /// when it is done.
    pub(crate) fn end_with(&mut self, job: impl FnOnce(&mut Owned) + Send + 'static) {
        let Some(reads) = self.reads.take() else { return };
        let job = move |owned: &mut Owned| {
            job(owned);
            drop(reads);
        };
        let _ = self.orders.send(Order::Do(Box::new(job)));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.is_writing {
            // Whoever gave up waiting has left work with the thread, a COMMIT
            // perhaps. What the next one read before that is done would be of
            // before it.
            self.end_with(Owned::end);
        } else if let Some(mut reads) = self.reads.take() {
            reads.end();
        }
    }
}
