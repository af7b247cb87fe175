//! A thread that owns a connection: the writer's, as commits wait for the disk.

use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

use crate::checkpoint;
use crate::handle::Handle;
use crate::owned::Owned;

pub(crate) type Job = Box<dyn FnOnce(&mut Owned) + Send>;

pub(crate) enum Order {
    Do(Job),
    Stop,
}

/// A thread that owns a connection. Dropping it waits until all that was sent
/// before is done and the connection is closed.
pub(crate) struct Worker {
    orders: Sender<Order>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts a thread of this name for the connection.
    pub(crate) fn start(name: String, connection: Connection) -> std::io::Result<Self> {
        checkpoint::take_over(&connection);
        let mut owned = Owned::new(connection).map_err(std::io::Error::other)?;
        let (sender, orders) = channel();
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            while let Ok(Order::Do(job)) = orders.recv() {
                // The job takes its answer's sender with it when it panics, so
                // its caller learns of it; the thread goes on for the others.
                owned.guarded(job);
            }
        })?;
        Ok(Self { orders: sender, thread: Some(thread) })
    }

    /// A way to the thread. What is sent over all of them is done one after the
    /// other, in the order of sending.
    pub(crate) fn handle(&self) -> Handle {
        Handle::to_thread(self.orders())
    }

    pub(crate) fn orders(&self) -> Sender<Order> {
        self.orders.clone()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
