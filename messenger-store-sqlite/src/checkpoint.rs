//! Moving the write-ahead log into the database file.
//!
//! SQLite's own way does it within COMMIT, so that whoever crosses the threshold
//! waits for it, and never waits for readers: while snapshots overlap without a
//! gap, the log is never begun anew. Measured with six readers of 3 to 8 ms
//! each: 300 MB of log within ten seconds. So the store does it itself: what no
//! reader stands in the way of is copied by a connection of its own, beside the
//! writer, which it took a third of the time of. When the log has become long
//! all the same, the writer waits for the readers of the moment, after a commit
//! was answered. Readers that come meanwhile need the log no more.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use crate::handle::Handle;
use crate::worker::Worker;

thread_local! {
    /// How many pages the log had after the commit under way on this thread.
    /// SQLite's hook takes nothing along.
    static LOG_PAGES: Cell<Option<i32>> = const { Cell::new(None) };
}

/// When to do what; in pages of 4 kB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Thresholds {
    /// Copy what no reader stands in the way of, each so many pages.
    pub(crate) copy: i32,
    /// Wait for readers, each so many pages.
    pub(crate) wait: i32,
}

impl Thresholds {
    /// 16 MB and 64 MB. SQLite's default of 4 MB is four batches of sends, which
    /// change mostly the same pages: each copy would serve few commits.
    pub(crate) const DEFAULT: Self = Self { copy: 4_000, wait: 16_384 };
}

/// To how much a long log file is cut when it is begun anew.
pub(crate) const LOG_FILE_BYTES: i64 = 64 * 1024 * 1024;

/// How long to wait for readers. The next transaction waits as long, so a
/// snapshot that is held for minutes must not hold it up each time.
const PATIENCE: Duration = Duration::from_millis(500);

/// Takes the place of SQLite's own checkpoints on a connection.
pub(crate) fn take_over(connection: &Connection) {
    connection.wal_hook(Some(|_, pages| {
        LOG_PAGES.set(Some(pages));
        Ok(())
    }));
}

/// Does what commits, and answers how many pages the log has since; none where
/// nothing was added to it.
pub(crate) fn with_log_pages<T>(commit: impl FnOnce() -> T) -> (T, Option<i32>) {
    LOG_PAGES.set(None);
    let done = commit();
    (done, LOG_PAGES.take())
}

/// Who sees to the log.
pub(crate) struct Checkpointer {
    copier: Worker,
    copying: Arc<AtomicBool>,
    last: Mutex<Last>,
}

/// How long the log was at the last checkpoints.
#[derive(Default)]
struct Last {
    copied_at: i32,
    waited_at: i32,
}

impl Checkpointer {
    /// With a connection that has nothing else to do.
    pub(crate) fn start(connection: Connection) -> std::io::Result<Self> {
        let copier = Worker::start("sqlite-checkpointer".to_owned(), connection)?;
        Ok(Self { copier, copying: Arc::default(), last: Mutex::default() })
    }

    /// Has done what is due when the log has so many pages, after a commit and
    /// before the next one's turn.
    pub(crate) fn after_commit(&self, pages: i32, thresholds: Thresholds, handle: &mut Handle) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if pages < last.copied_at {
            // The log was begun anew.
            *last = Last::default();
        }
        if pages - last.waited_at >= thresholds.wait {
            *last = Last { copied_at: pages, waited_at: pages };
            handle.end_turn_with(|owned| said(restart(&owned.connection)));
        } else if pages - last.copied_at >= thresholds.copy && !self.copying.swap(true, Ordering::AcqRel) {
            last.copied_at = pages;
            let copying = Arc::clone(&self.copying);
            self.copier.handle().later(move |owned| {
                said(owned.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())));
                copying.store(false, Ordering::Release);
            });
        }
    }
}

/// Nothing is lost: the log is as durable as the file.
fn said(done: rusqlite::Result<()>) {
    if let Err(error) = done {
        tracing::warn!(%error, "the write-ahead log could not be moved into the database file");
    }
}

/// Copies all of the log and waits until no reader needs it, so that the next
/// commit begins it anew.
fn restart(connection: &Connection) -> rusqlite::Result<()> {
    let usual: u32 = connection.pragma_query_value(None, "busy_timeout", |row| row.get(0))?;
    connection.busy_timeout(PATIENCE)?;
    let done = connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()));
    connection.busy_timeout(Duration::from_millis(u64::from(usual)))?;
    done
}
