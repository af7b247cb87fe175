//! Many tasks that start at once.

use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// How often a race is run: what goes wrong in a race goes wrong sometimes.
pub(super) const REPETITIONS: usize = 50;

/// Starts all tasks at once and waits for their answers, in the tasks' order.
pub(super) async fn at_once<T, F>(tasks: impl IntoIterator<Item = F>) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = tasks.into_iter().collect();
    let barrier = Arc::new(Barrier::new(tasks.len()));
    let mut running = JoinSet::new();
    for (index, task) in tasks.into_iter().enumerate() {
        let barrier = barrier.clone();
        running.spawn(async move {
            barrier.wait().await;
            (index, task.await)
        });
    }
    let mut answers = running.join_all().await;
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// Starts two different tasks at once.
pub(super) async fn against<A, B>(
    one: impl Future<Output = A> + Send + 'static,
    other: impl Future<Output = B> + Send + 'static,
) -> (A, B)
where
    A: Send + 'static,
    B: Send + 'static,
{
    let barrier = Arc::new(Barrier::new(2));
    let theirs = barrier.clone();
    let other = tokio::spawn(async move {
        theirs.wait().await;
        other.await
    });
    let one = tokio::spawn(async move {
        barrier.wait().await;
        one.await
    });
    (one.await.expect("no panic"), other.await.expect("no panic"))
}
