//! The task behind a queue, and what it runs on.

use std::sync::Weak;

use tokio::runtime::Builder;
use tokio::sync::mpsc;

use super::queue::Waiting;
use crate::Messenger;
use crate::messenger::Inner;

/// Takes what is waiting, has it done, answers; until the messenger is gone.
///
/// It holds the messenger for the time of a batch alone, and not any more when
/// the callers are answered: whoever then drops the last messenger has closed
/// the store.
pub(crate) async fn run(messenger: Weak<Inner>, mut queue: mpsc::Receiver<Waiting>, batch_limit: usize) {
    let mut taken = Vec::new();
    while queue.recv_many(&mut taken, batch_limit).await > 0 {
        // Nobody waits for an answer any more, so nobody is told of the change.
        taken.retain(|waiting: &Waiting| !waiting.reply.is_closed());
        if taken.is_empty() {
            continue;
        }
        let (operations, replies): (Vec<_>, Vec<_>) =
            taken.drain(..).map(|Waiting { operation, reply }| (operation, reply)).unzip();
        // Callers hold the messenger while they wait.
        let Some(inner) = messenger.upgrade() else { return };
        let messenger = Messenger { inner };
        let answers = messenger.run_batch(&operations).await;
        drop(messenger);
        for (reply, answer) in replies.into_iter().zip(answers) {
            // The caller may have gone away meanwhile.
            let _ = reply.send(answer);
        }
    }
}

/// Runs a lane on a thread of its own until it ends. What it pauses for is timed
/// there too, so it depends on no runtime of the callers'.
pub(crate) fn on_own_thread(lane: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
    // Made there: where the thread cannot be had, a runtime could not be dropped.
    let run = || match Builder::new_current_thread().enable_time().build() {
        Ok(runtime) => runtime.block_on(lane),
        Err(error) => tracing::error!(%error, "a lane could not be started"),
    };
    std::thread::Builder::new().name("lane".to_owned()).spawn(run).map(drop)
}
