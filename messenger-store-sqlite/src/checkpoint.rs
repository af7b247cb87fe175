//! Moving the write-ahead log into the database file.
//!
//! SQLite's own way does it within COMMIT, so that whoever crosses the threshold
//! waits for it, and never waits for readers: while snapshots overlap without a
//! gap, the log is never begun anew. Measured with six readers of 3 to 8 ms
//! each: 300 MB of log within ten seconds. So the store does it itself, after
//! the commit was answered, and when the log has become long, it waits for the
//! readers of the moment. Readers that come meanwhile need the log no more.

use std::cell::Cell;
use std::time::Duration;

use rusqlite::Connection;

thread_local! {
    /// How many pages the log had after the last commit of this thread's
    /// connection. SQLite's hook takes nothing along.
    static LOG_PAGES: Cell<i32> = const { Cell::new(0) };
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
    /// SQLite's default, 4 MB; and 64 MB.
    pub(crate) const DEFAULT: Self = Self { copy: 1_000, wait: 16_384 };
}

/// To how much a long log file is cut when it is begun anew.
pub(crate) const LOG_FILE_BYTES: i64 = 64 * 1024 * 1024;

/// How long to wait for readers. The next transaction waits as long, so a
/// snapshot that is held for minutes must not hold it up each time.
const PATIENCE: Duration = Duration::from_millis(500);

/// Where the log stood at the last checkpoints.
#[derive(Debug, Default)]
pub(crate) struct Checkpoints {
    copied_at: i32,
    waited_at: i32,
}

/// Takes the place of SQLite's own checkpoints on this thread's connection.
pub(crate) fn take_over(connection: &Connection) {
    connection.wal_hook(Some(|_, pages| {
        LOG_PAGES.set(pages);
        Ok(())
    }));
}

impl Checkpoints {
    /// Does what is due. Call it between transactions.
    pub(crate) fn run_if_due(&mut self, connection: &Connection, thresholds: Thresholds) {
        let pages = LOG_PAGES.get();
        if pages < self.copied_at {
            // The log was begun anew.
            *self = Self::default();
        }
        let done = if pages - self.waited_at >= thresholds.wait {
            self.waited_at = pages;
            restart(connection)
        } else if pages - self.copied_at >= thresholds.copy {
            connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
        } else {
            return;
        };
        self.copied_at = pages;
        // Nothing is lost: the log is as durable as the file.
        if let Err(error) = done {
            tracing::warn!(%error, "the write-ahead log could not be moved into the database file");
        }
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
