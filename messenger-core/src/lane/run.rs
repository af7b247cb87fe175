//! Has a batch done: one transaction, or as many as it takes to tell the
//! operation that cannot be done from those that can.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use super::batch::Batch;
use super::load::load;
use super::operation::{Answer, Operation};
use super::outcome::{Fate, Unanswered};
use super::write::write;
use crate::Messenger;
use crate::error::{Error, Result};
use crate::store::StoreError;

impl Messenger {
    /// Does the operations in their order and answers each, in that order.
    /// What is answered as done is durable.
    pub(crate) async fn run_batch(&self, operations: &[Operation]) -> Vec<Result<Answer>> {
        let mut answers = Vec::with_capacity(operations.len());
        // Parts that remain to be done, the next one last.
        let mut parts = vec![operations];
        while let Some(part) = parts.pop() {
            match catching(self.commit_together(part)).await {
                Ok(decided) => answers.extend(decided),
                Err(error) if part.len() > 1 && one_may_be_to_blame(&error) => {
                    tracing::debug!(operations = part.len(), %error, "a batch failed and is split");
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                Err(error) => answers.extend(part.iter().map(|_| Err(error.clone()))),
            }
        }
        answers
    }

    /// Does the operations in one transaction. An error is the answer to each.
    async fn commit_together(&self, operations: &[Operation]) -> Result<Vec<Result<Answer>>> {
        match self.retry(|| self.attempt_together(operations)).await? {
            Attempt::Done(answers) => Ok(answers),
            Attempt::Unanswered { unanswered, reason, answers } => match self.look_up(&unanswered).await {
                Fate::Committed => Ok(answers),
                Fate::RolledBack => Err(StoreError::Unavailable(reason).into()),
                Fate::Unknown => Err(StoreError::OutcomeUnknown(reason).into()),
            },
        }
    }

    async fn attempt_together(&self, operations: &[Operation]) -> Result<Attempt> {
        let mut change = self.begin_batch().await?;
        let facts = load(&mut change, operations).await?;
        let mut batch = Batch::new(change.now(), facts);
        let answers: Vec<_> = operations.iter().map(|operation| operation.decide(&mut batch)).collect();
        let writes = batch.into_writes();
        if writes.is_empty() {
            // The answers hold whatever becomes of a transaction without changes.
            if let Err(error) = change.rollback().await {
                tracing::debug!(%error, "a transaction without changes could not be rolled back");
            }
            return Ok(Attempt::Done(answers));
        }
        write(&mut change, &writes).await?;
        match self.commit(change).await {
            Ok(_) => Ok(Attempt::Done(answers)),
            Err(Error::Store(StoreError::OutcomeUnknown(reason))) => {
                Ok(Attempt::Unanswered { unanswered: Unanswered::of(operations, writes), reason, answers })
            }
            Err(error) => Err(error),
        }
    }
}

/// How far a transaction came.
enum Attempt {
    /// It is durable, or had nothing to change.
    Done(Vec<Result<Answer>>),
    /// COMMIT was not answered. The answers are true if it was carried out.
    Unanswered { unanswered: Unanswered, reason: String, answers: Vec<Result<Answer>> },
}

/// Whether a batch may have failed by one of its operations. A backend that is
/// away fails them all, and a conflict has been tried often enough.
fn one_may_be_to_blame(error: &Error) -> bool {
    matches!(error, Error::Store(StoreError::Unique(_) | StoreError::Defect(_)))
}

/// Turns a panic into an error, so that it ends one batch and not the lane.
async fn catching<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut work = pin!(work);
    let caught = std::future::poll_fn(|context| {
        // A future that panicked is dropped and never polled again, and what it
        // shares with others is the store's, which must bear a caller's end.
        match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(poll) => poll.map(Some),
            Err(_) => Poll::Ready(None),
        }
    });
    caught.await.unwrap_or_else(|| {
        tracing::error!("a batch panicked");
        Err(Error::Internal("a batch panicked".to_owned()))
    })
}
