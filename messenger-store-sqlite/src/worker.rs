//! A connection with a thread of its own: the writer's, as commits wait for the
//! disk.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
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

/// A connection, for whoever may block.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Owned>>);

impl Shared {
    /// Does a job here, unless it panics.
    pub(crate) fn guarded<T>(&self, job: impl FnOnce(&mut Owned) -> T) -> Option<T> {
        // A panic is caught within, so that there is no poison.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).guarded(job)
    }
}

/// A connection with a thread of its own. Dropping it waits until all that was
/// sent before is done; the connection is closed with the last who shares it.
pub(crate) struct Worker {
    orders: Sender<Order>,
    shared: Shared,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts a thread of this name for the connection.
    pub(crate) fn start(name: String, connection: Connection) -> std::io::Result<Self> {
        checkpoint::take_over(&connection);
        let owned = Owned::new(connection).map_err(std::io::Error::other)?;
        let shared = Shared(Arc::new(Mutex::new(owned)));
        let (sender, orders) = channel();
        let here = shared.clone();
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            while let Ok(Order::Do(job)) = orders.recv() {
                // The job takes its answer's sender with it when it panics, so
                // its caller learns of it; the thread goes on for the others.
                here.guarded(job);
            }
        })?;
        Ok(Self { orders: sender, shared, thread: Some(thread) })
    }

    /// A way to the thread. What is sent over all of them is done one after the
    /// other, in the order of sending.
    pub(crate) fn handle(&self) -> Handle {
        Handle::to_thread(self.orders())
    }

    /// The connection itself, for a thread that may block.
    pub(crate) fn shared(&self) -> Shared {
        self.shared.clone()
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
