//! The way to a connection, which all repositories are methods of.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use messenger_core::store::{StoreError, StoreResult};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::batch::{Batch, Positions};
use crate::error::SqlResult;
use crate::latest::Latest;
use crate::owned::{Begin, Owned};
use crate::readers::Lent;
use crate::turn::Turn;
use crate::worker::{Job, Order};

/// The way to a connection, and what the next unit of work on it begins with.
pub(crate) struct Handle {
    way: Way,
    begin: Option<Begin>,
    /// Whether what is asked together need not be of one state.
    is_latest: bool,
    /// What is written with whatever is done next.
    put_off: Option<Batch>,
}

#[allow(clippy::large_enum_variant, reason = "moved once for each snapshot, which costs less than a box")]
enum Way {
    /// To a thread that owns it.
    Thread(Sender<Order>),
    /// It is here, and whoever asks does the work: a page that an index leads
    /// to is read in less time than it takes to wake another thread. None while
    /// it is away for a long read.
    Here(Option<Lent>),
    /// To both, for a transaction: what it reads before it writes is read here.
    Turn(Turn),
}

/// The connection's thread did not answer: it panicked over the job, or it has
/// stopped.
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
    pub(crate) fn to_thread(orders: Sender<Order>) -> Self {
        Self::new(Way::Thread(orders), None)
    }

    /// The one way to a connection on loan, for a snapshot. It begins with the
    /// first read; so it would in SQLite, whatever BEGIN says.
    pub(crate) fn for_snapshot(lent: Lent) -> Self {
        Self::new(Way::Here(Some(lent)), Some(Begin::Read))
    }

    /// The same for who asks for the present each time.
    pub(crate) fn for_latest(lent: Lent) -> Self {
        Self { is_latest: true, ..Self::for_snapshot(lent) }
    }

    /// The way of the transaction whose turn it is, to the writer and to the
    /// connection that it reads with.
    pub(crate) fn for_transaction(turn: Turn) -> Self {
        turn.latest.begin();
        Self::new(Way::Turn(turn), Some(Begin::Read))
    }

    fn new(way: Way, begin: Option<Begin>) -> Self {
        Self { way, begin, is_latest: false, put_off: None }
    }

    /// Reads, within the unit of work. What may take long is for
    /// [`Self::call_long`].
    pub(crate) async fn call<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Connection) -> SqlResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        self.renew();
        self.run_begun(move |owned| owned.work(work)).await??
    }

    /// For who asks for the present: what was asked before is over.
    fn renew(&mut self) {
        if let Way::Here(Some(lent)) = &mut self.way
            && self.is_latest
        {
            lent.owned().end();
            self.begin = Some(Begin::Read);
        }
    }

    /// The same for a read that is one statement, and so of one state by itself:
    /// where the rest may be of another, it needs no transaction, to begin and
    /// end which takes as long as a row does.
    pub(crate) async fn ask<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Connection) -> SqlResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        self.renew();
        match &mut self.way {
            Way::Here(Some(lent)) if self.is_latest => {
                lent.owned().guarded(|owned| work(&owned.connection)).ok_or(NoAnswer)?.map_err(Into::into)
            }
            _ => self.call(work).await,
        }
    }

    /// The same for work that no index and no limit bounds: it is always done
    /// on a thread that may block.
    pub(crate) async fn call_long<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Connection) -> SqlResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        self.renew();
        // No transaction does what may take long.
        let Way::Here(here) = &mut self.way else { return self.call(work).await };
        let mut lent = here.take().ok_or(NoAnswer)?;
        let begin = self.begin.take();
        // When the caller stops waiting, the connection goes back from there.
        let working = tokio::task::spawn_blocking(move || {
            let done = lent.owned().guarded(|owned| {
                owned.begin_as(begin)?;
                owned.work(work)
            });
            (lent, done)
        });
        let (lent, done) = working.await.map_err(|_| NoAnswer)?;
        *here = Some(lent);
        done.ok_or(NoAnswer)?
    }

    /// Writes, within the unit of work.
    pub(crate) async fn change<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Connection) -> SqlResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        self.begin_writing()?;
        self.call(work).await
    }

    /// Writes a batch, together with whatever is done next, which fails if this
    /// fails.
    pub(crate) async fn write_later(&mut self, batch: Batch) -> StoreResult<()> {
        self.begin_writing()?;
        if self.put_off.is_some() {
            self.call(|_| Ok(())).await?;
        }
        self.put_off = Some(batch);
        Ok(())
    }

    /// For who writes it now.
    pub(crate) fn take_put_off(&mut self) -> Option<Batch> {
        self.put_off.take()
    }

    /// From here on everything goes to the writer, with the file's lock.
    pub(crate) fn begin_writing(&mut self) -> StoreResult<()> {
        if let Way::Turn(turn) = &mut self.way
            && !turn.is_writing
        {
            turn.reads.as_mut().ok_or(NoAnswer)?.finish_reading()?;
            turn.is_writing = true;
            self.begin = Some(Begin::Write);
        }
        Ok(())
    }

    /// Whether writing wakes no other thread.
    pub(crate) fn writes_here(&self) -> bool {
        matches!(&self.way, Way::Turn(turn) if turn.here.is_some())
    }

    /// Whether there is anything to undo.
    pub(crate) fn is_writing(&self) -> bool {
        matches!(&self.way, Way::Turn(turn) if turn.is_writing)
    }

    /// What the writer remembers, for whoever has the turn.
    pub(crate) fn latest(&self) -> Option<&Arc<Latest>> {
        match &self.way {
            Way::Turn(turn) => Some(&turn.latest),
            Way::Thread(_) | Way::Here(_) => None,
        }
    }

    /// Does a job within the unit of work, which is begun unless it was. The
    /// inner error is that it could not be.
    pub(crate) async fn run_begun<T: Send + 'static>(
        &mut self,
        job: impl FnOnce(&mut Owned) -> T + Send + 'static,
    ) -> Result<StoreResult<T>, NoAnswer> {
        // Dropping this future does not keep the job from being done, so it
        // has begun from here on.
        let (begin, put_off) = (self.begin.take(), self.put_off.take());
        let latest = self.latest().cloned();
        self.run(move |owned| {
            let begun = owned.begin_as(begin);
            if let (Err(_), Some(latest)) = (&begun, latest) {
                // Another process may have written.
                latest.forget_all();
            }
            begun?;
            if let Some(batch) = put_off {
                owned.work(|connection| batch.write(connection, &Positions::default()))?;
            }
            Ok(job(owned))
        })
        .await
    }

    /// Does a job and waits for the answer. When the caller stops waiting, the
    /// job is done all the same.
    pub(crate) async fn run<T: Send + 'static>(
        &mut self,
        job: impl FnOnce(&mut Owned) -> T + Send + 'static,
    ) -> Result<T, NoAnswer> {
        match &mut self.way {
            Way::Here(here) => here.as_mut().ok_or(NoAnswer)?.owned().guarded(job).ok_or(NoAnswer),
            Way::Turn(turn) if !turn.is_writing => turn.reads.as_mut().ok_or(NoAnswer)?.guarded(job).ok_or(NoAnswer),
            Way::Turn(Turn { here: Some(here), .. }) => here.guarded(job).ok_or(NoAnswer),
            Way::Thread(_) | Way::Turn(_) => {
                let (answer, answered) = oneshot::channel();
                self.send(Box::new(move |owned| {
                    // Nobody may be waiting any more.
                    let _ = answer.send(job(owned));
                }));
                answered.await.map_err(|_| NoAnswer)
            }
        }
    }

    /// The thread has answered that the unit of work has ended.
    pub(crate) fn has_ended(&mut self) {
        if let Way::Turn(turn) = &mut self.way {
            turn.is_writing = false;
        }
    }

    /// Has the writer's thread do a job before anyone else has the turn.
    pub(crate) fn end_turn_with(&mut self, job: impl FnOnce(&mut Owned) + Send + 'static) {
        if let Way::Turn(turn) = &mut self.way {
            turn.end_with(job);
        }
    }

    /// Has the thread do a job, later.
    pub(crate) fn later(&self, job: impl FnOnce(&mut Owned) + Send + 'static) {
        self.send(Box::new(job));
    }

    fn send(&self, job: Job) {
        if let Way::Thread(orders) | Way::Turn(Turn { orders, .. }) = &self.way {
            // A thread that has stopped drops the job, and with it the sender
            // of its answer, which the one who waits notices.
            let _ = orders.send(Order::Do(job));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::Worker;

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
        handle.run(|owned| owned.begin("BEGIN IMMEDIATE")).await.expect("answers").expect("begins");
        handle.call(insert).await.expect("inserts");
        let answer = handle.call(|_| -> SqlResult<()> { panic!("on purpose") }).await;
        assert!(matches!(answer, Err(StoreError::Defect(_))), "{answer:?}");
        let answer = handle.call(insert).await;
        assert!(matches!(answer, Err(StoreError::Defect(_))), "nothing more may be done: {answer:?}");
        handle.later(Owned::end);
        assert_eq!(handle.run(count).await.expect("the thread lives"), 0);
    }

    #[tokio::test]
    async fn a_failed_unit_does_nothing_more_until_it_ends() {
        let worker = worker();
        let mut handle = worker.handle();
        let begin = |owned: &mut Owned| owned.begin("BEGIN IMMEDIATE");
        handle.run(begin).await.expect("answers").expect("begins");
        handle.call(insert).await.expect("inserts");
        assert!(matches!(handle.call(insert).await, Err(StoreError::Unique(_))));
        assert!(matches!(handle.call(insert).await, Err(StoreError::Defect(_))));
        handle.later(Owned::end);
        assert!(matches!(handle.call(insert).await, Err(StoreError::Defect(_))), "outside of any unit");
        handle.run(begin).await.expect("answers").expect("begins");
        handle.call(insert).await.expect("all is undone");
    }

    #[tokio::test]
    async fn who_may_block_writes_without_another_thread() {
        let worker = worker();
        let reads = Connection::open_in_memory().and_then(Owned::new).expect("memory is there");
        let reads = Arc::new(tokio::sync::Mutex::new(reads));
        let here = std::thread::current().id();
        let written_on = async |turn| {
            let mut handle = Handle::for_transaction(turn);
            handle.change(|_| Ok(std::thread::current().id())).await.expect("answers")
        };
        let turn = Turn::new(reads.clone().lock_owned().await, &worker, Arc::default());
        assert_ne!(written_on(turn).await, here);
        let turn = Turn::new(reads.clone().lock_owned().await, &worker, Arc::default());
        assert_eq!(written_on(turn.written_here(&worker)).await, here);
    }

    #[tokio::test]
    async fn a_stopped_thread_is_noticed() {
        let worker = worker();
        let mut handle = worker.handle();
        drop(worker);
        assert!(handle.run(count).await.is_err());
    }
}
