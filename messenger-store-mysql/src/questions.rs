//! Questions of several kinds, answered in one round trip.

use std::collections::VecDeque;

use messenger_core::store::StoreResult;

use crate::link::Link;
use crate::sql::{Answer, CHUNK, Columns, Script, Sql, read_all};

/// Statements that are answered together, and how many of them there are of
/// each kind.
#[derive(Default)]
pub(crate) struct Questions {
    script: Script,
    kinds: VecDeque<usize>,
}

impl Questions {
    /// Adds a kind: a statement for each chunk.
    pub(crate) fn about<T>(&mut self, items: &[T], statement: impl Fn(&[T]) -> Sql) {
        self.kinds.push_back(items.chunks(CHUNK).len());
        for some in items.chunks(CHUNK) {
            self.script.push(&statement(some));
        }
    }
}

/// The answers, kind by kind, in the order in which they were asked.
pub(crate) struct Answers {
    answers: std::vec::IntoIter<Answer>,
    kinds: VecDeque<usize>,
}

impl Answers {
    pub(crate) fn next<T>(&mut self, read: fn(&mut Columns<'_>) -> StoreResult<T>) -> StoreResult<Vec<T>> {
        let count = self.kinds.pop_front().unwrap_or_default();
        let of_kind: Vec<_> = self.answers.by_ref().take(count).collect();
        read_all(&of_kind, read)
    }
}

impl Link {
    /// Asks them all. Each statement sees what was committed before it, so what
    /// follows a lock sees no less than the lock.
    pub(crate) async fn ask(&mut self, questions: Questions) -> StoreResult<Answers> {
        let Questions { script, kinds } = questions;
        Ok(Answers { answers: self.answers(script).await?.into_iter(), kinds })
    }
}
