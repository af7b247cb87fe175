//! Threads that own a connection each, and the way to them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use messenger_core::store::{StoreError, StoreResult};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::checkpoint::{self, Checkpoints, Thresholds};
use crate::error::SqlResult;

/// A connection as its thread sees it.
pub(crate) struct Owned {
    pub(crate) connection: Connection,
    pub(crate) checkpoints: Checkpoints,
    unit: Unit,
}

/// How the unit of work on a connection stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// There is none.
    None,
    /// Statements may run.
    Open,
    /// A statement failed. SQLite may have kept half of what a call wrote, or
    /// may have ended the transaction by itself, so that the next statement
    /// would commit on its own: nothing but the end is allowed.
    Failed,
}

impl Owned {
    /// Begins a unit of work.
    pub(crate) fn begin(&mut self, statements: &[&str]) -> SqlResult<()> {
        self.end();
        for statement in statements {
            let begun = self.connection.prepare_cached(statement).and_then(|mut statement| {
                let mut rows = statement.query([])?;
                while rows.next()?.is_some() {}
                Ok(())
            });
            if let Err(error) = begun {
                self.end();
                return Err(error.into());
            }
        }
        self.unit = Unit::Open;
        Ok(())
    }

    /// Does a part of the unit of work.
    pub(crate) fn work<T>(&mut self, work: impl FnOnce(&Connection) -> SqlResult<T>) -> StoreResult<T> {
        match self.unit {
            Unit::Open => {}
            Unit::None => return Err(StoreError::Defect("no transaction is open".to_owned())),
            Unit::Failed => {
                return Err(StoreError::Defect("the transaction failed before and can only be rolled back".to_owned()));
            }
        }
        // Until it has gone well it has failed: a panic leaves it so.
        self.unit = Unit::Failed;
        let done = work(&self.connection)?;
        self.unit = Unit::Open;
        Ok(done)
    }

    /// Ends the unit of work, if there is one, and undoes what it did.
    pub(crate) fn end(&mut self) {
        self.unit = Unit::None;
        if self.connection.is_autocommit() {
            return;
        }
        if let Err(error) = self.connection.prepare_cached("ROLLBACK").and_then(|mut end| end.execute([])) {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
    }
}

type Job = Box<dyn FnOnce(&mut Owned) + Send>;

enum Order {
    Do(Job),
    Stop,
}

/// The way to a connection's thread. What is sent over it is done one after the
/// other, in the order of sending.
#[derive(Clone)]
pub(crate) struct Handle {
    orders: Sender<Order>,
    begin: Option<&'static str>,
}

/// The thread did not answer: it panicked over the job, or it has stopped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoAnswer;

impl NoAnswer {
    pub(crate) const TEXT: &'static str = "the database thread gave no answer";
}

impl From<NoAnswer> for StoreError {
    fn from(_: NoAnswer) -> Self {
        Self::Defect(NoAnswer::TEXT.to_owned())
    }
}

impl Handle {
    /// Has the thread do a job and waits for the answer. When the caller stops
    /// waiting, the job is done all the same.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Owned) -> T + Send + 'static,
    ) -> Result<T, NoAnswer> {
        let (answer, answered) = oneshot::channel();
        self.send(Box::new(move |owned| {
            // Nobody may be waiting any more.
            let _ = answer.send(job(owned));
        }));
        answered.await.map_err(|_| NoAnswer)
    }

    /// The same way, for a unit of work that the first part of it begins with
    /// this statement: to begin by itself would be one more wait for the thread.
    pub(crate) fn beginning(self, statement: &'static str) -> Self {
        Self { begin: Some(statement), ..self }
    }

    /// Has the thread do a part of its unit of work: what every repository
    /// method does.
    pub(crate) async fn call<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Connection) -> SqlResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        self.run_begun(move |owned| owned.work(work)).await??
    }

    /// Has the thread do a job within the unit of work, which is begun unless
    /// it was. The inner error is that it could not be.
    pub(crate) async fn run_begun<T: Send + 'static>(
        &mut self,
        job: impl FnOnce(&mut Owned) -> T + Send + 'static,
    ) -> Result<StoreResult<T>, NoAnswer> {
        // Dropping this future does not keep the job from being done, so it
        // has begun from here on.
        let begin = self.begin.take();
        self.run(move |owned| {
            begin.map_or(Ok(()), |statement| owned.begin(&[statement]))?;
            Ok(job(owned))
        })
        .await
    }

    /// Has the thread undo whatever unit of work is open, later.
    pub(crate) fn end_later(&self) {
        if self.begin.is_none() {
            self.send(Box::new(Owned::end));
        }
    }

    /// Has the thread see to the write-ahead log, later.
    pub(crate) fn checkpoint_later(&self, thresholds: Thresholds) {
        self.send(Box::new(move |owned| owned.checkpoints.run_if_due(&owned.connection, thresholds)));
    }

    fn send(&self, job: Job) {
        // A thread that has stopped drops the job, and with it the sender of
        // its answer, which the one who waits notices.
        let _ = self.orders.send(Order::Do(job));
    }
}

/// A thread that owns a connection. Dropping it waits until all that was sent
/// before is done and the connection is closed.
pub(crate) struct Worker {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts a thread of this name for the connection.
    pub(crate) fn start(name: String, connection: Connection) -> std::io::Result<Self> {
        let (sender, orders) = channel();
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            checkpoint::take_over(&connection);
            let mut owned = Owned { connection, checkpoints: Checkpoints::default(), unit: Unit::None };
            while let Ok(Order::Do(job)) = orders.recv() {
                // The job takes its answer's sender with it when it panics, so
                // its caller learns of it; the thread goes on for the others.
                if catch_unwind(AssertUnwindSafe(|| job(&mut owned))).is_err() {
                    tracing::error!("a job on the database thread panicked");
                }
            }
        })?;
        Ok(Self { handle: Handle { orders: sender, begin: None }, thread: Some(thread) })
    }

    pub(crate) fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.handle.orders.send(Order::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker() -> Worker {
        let connection = Connection::open_in_memory().expect("memory is there");
        connection.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY)").expect("valid SQL");
        Worker::start("test".to_owned(), connection).expect("a thread starts")
    }

    fn insert(connection: &Connection) -> SqlResult<usize> {
        Ok(connection.execute("INSERT INTO t VALUES (1)", [])?)
    }

    fn count(owned: &mut Owned) -> i64 {
        owned.connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).expect("valid SQL")
    }

    #[tokio::test]
    async fn a_panic_is_answered_and_the_thread_goes_on() {
        let worker = worker();
        let mut handle = worker.handle();
        handle.run(|owned| owned.begin(&["BEGIN IMMEDIATE"])).await.expect("answers").expect("begins");
        handle.call(insert).await.expect("inserts");
        let answer = handle.call(|_| -> SqlResult<()> { panic!("on purpose") }).await;
        assert!(matches!(answer, Err(StoreError::Defect(_))), "{answer:?}");
        let answer = handle.call(insert).await;
        assert!(matches!(answer, Err(StoreError::Defect(_))), "nothing more may be done: {answer:?}");
        handle.end_later();
        assert_eq!(handle.run(count).await.expect("the thread lives"), 0);
    }

    #[tokio::test]
    async fn a_failed_unit_does_nothing_more_until_it_ends() {
        let worker = worker();
        let mut handle = worker.handle();
        let begin = |owned: &mut Owned| owned.begin(&["BEGIN IMMEDIATE"]);
        handle.run(begin).await.expect("answers").expect("begins");
        handle.call(insert).await.expect("inserts");
        assert!(matches!(handle.call(insert).await, Err(StoreError::Unique(_))));
        assert!(matches!(handle.call(insert).await, Err(StoreError::Defect(_))));
        handle.end_later();
        assert!(matches!(handle.call(insert).await, Err(StoreError::Defect(_))), "outside of any unit");
        handle.run(begin).await.expect("answers").expect("begins");
        handle.call(insert).await.expect("all is undone");
    }

    #[tokio::test]
    async fn a_stopped_thread_is_noticed() {
        let worker = worker();
        let handle = worker.handle();
        drop(worker);
        assert!(handle.run(count).await.is_err());
    }
}
