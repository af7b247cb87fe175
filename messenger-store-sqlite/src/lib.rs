//! The embedded store: everything in one SQLite file, nothing to install.
//!
//! ```no_run
//! # async fn example() -> Result<(), messenger_store_sqlite::OpenError> {
//! let store = messenger_store_sqlite::SqliteStore::open("messenger.db").await?;
//! # Ok(()) }
//! ```
//!
//! # How it works
//!
//! SQLite has one writer at a time, so the store has one connection to write
//! with. Transactions wait their turn for it, first come first served. Until one
//! writes, it reads with a connection of its own: nobody else writes meanwhile,
//! but for tools of other processes, whose writes are noticed as a conflict. From
//! then on each call is one closure that is sent to the connection's thread. A
//! batch is done on the thread of its lane, which may wait for the disk: it is
//! read for with the write connection too, and what it writes goes together with
//! COMMIT.
//!
//! Snapshots have a small pool of further connections, which the writer neither
//! delays nor waits for (WAL). What an index and a limit bound is read where it
//! is awaited: a page takes tens of microseconds, and handing it to another
//! thread and back would take longer and cost more (measured over HTTP, a cheap
//! read: a third of the requests a second). What may take long, such as the
//! search of users or a resume, is read on one of Tokio's blocking threads.
//! Who keeps the file on a slow disk and serves much else in the same runtime
//! gives the store a runtime of its own.
//!
//! A commit is on disk when it is answered: `synchronous=FULL` syncs the
//! write-ahead log before COMMIT returns.
//!
//! The file and its companions (`-wal`, `-shm`, `-lock`) are made readable by
//! their owner alone. The lock file keeps a second server from the same
//! database; [`SqliteMigrator`] and other tools may read beside a server.
//!
//! # Compiling SQLite
//!
//! SQLite is compiled in as rusqlite has it, which works everywhere. It is
//! faster without a lock that all connections share for their memory, and with
//! fdatasync, as SQLite's own build has it. Only whoever builds the binary can
//! say so, in its `.cargo/config.toml`:
//!
//! ```toml
//! [env]
//! LIBSQLITE3_FLAGS = "-USQLITE_ENABLE_MEMORY_MANAGEMENT -DSQLITE_DEFAULT_MEMSTATUS=0 -DHAVE_FDATASYNC=1"
//! ```

mod batch;
mod batch_state;
mod by_ids;
mod checkpoint;
mod client_keys;
mod connection;
mod error;
mod handle;
mod latest;
mod lock;
mod log;
mod migrations;
mod migrator;
mod options;
mod owned;
mod places;
mod readers;
mod repositories;
mod rows;
mod search;
mod store;
#[cfg(test)]
mod tests;
mod transaction;
mod turn;
mod worker;

pub use migrator::SqliteMigrator;
pub use options::{MigrateOnOpen, OpenError, SqliteOptions};
pub use store::SqliteStore;

/// The version of the SQLite that is built in, such as `3.51.3`.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}
