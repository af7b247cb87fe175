//! Opening connections, with the settings that the store's promises rest on.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::checkpoint::LOG_FILE_BYTES;
use crate::lock::private;
use crate::options::OpenError;

/// How many prepared statements a connection keeps: more than there are.
const STATEMENT_CACHE: usize = 128;

/// How many KiB of pages the writer keeps, which is taken as it is needed. A
/// batch of sends to hundreds of conversations touches hundreds of pages, and
/// so does the next one: with SQLite's 2 MB they were read again each time.
const WRITER_CACHE_KIB: i64 = 16 * 1024;

/// The absolute path of a database file. SQLite gives names such as `:memory:`
/// and the empty name a meaning of their own; an absolute path has none. A link
/// is followed, as SQLite does: the lock stands beside the file, whatever name
/// it was opened by.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, OpenError> {
    let path = std::path::absolute(path).map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
    Ok(std::fs::canonicalize(&path).unwrap_or(path))
}

/// Makes the database file if it is not there. SQLite would make it readable by
/// others; the `-wal` and `-shm` files get the mode of the database from SQLite.
pub(crate) fn create_file(path: &Path) -> Result<(), OpenError> {
    match private().write(true).create_new(true).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(OpenError::Io { path: path.to_owned(), source }),
    }
}

/// Opens a file that is there, with nothing set but the time to wait.
pub(crate) fn open_plain(path: &Path, busy_timeout: Duration) -> rusqlite::Result<Connection> {
    // The mutex of SQLite's own is not needed: one thread at a time has the
    // connection.
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(busy_timeout)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // On macOS fsync alone does not reach the disk; elsewhere this is ignored.
    connection.pragma_update(None, "fullfsync", true)?;
    Ok(connection)
}

/// Opens the connection that writes.
pub(crate) fn open_writer(path: &Path, busy_timeout: Duration) -> rusqlite::Result<Connection> {
    let connection = open_serving(path, busy_timeout)?;
    enter_wal(&connection, busy_timeout)?;
    connection.pragma_update(None, "journal_size_limit", LOG_FILE_BYTES)?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    Ok(connection)
}

/// Opens a connection that reads.
pub(crate) fn open_reader(path: &Path, busy_timeout: Duration) -> rusqlite::Result<Connection> {
    let connection = open_serving(path, busy_timeout)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Opens a connection of a server that is neither.
pub(crate) fn open_serving(path: &Path, busy_timeout: Duration) -> rusqlite::Result<Connection> {
    let connection = open_plain(path, busy_timeout)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // A plan is made once for a statement, not anew whenever what is bound to
    // it changes: that took a third of the time of a page of history.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    rusqlite::vtab::array::load_module(&connection)?;
    Ok(connection)
}

/// Turns on write-ahead logging. SQLite does not always wait `busy_timeout` for
/// the exclusive lock that the first change of mode needs, so this does.
fn enter_wal(connection: &Connection, busy_timeout: Duration) -> rusqlite::Result<()> {
    let started = Instant::now();
    loop {
        let entered: rusqlite::Result<String> =
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0));
        match entered {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                let problem = format!("write-ahead logging is not to be had here: the journal mode stays {mode}");
                let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN);
                return Err(rusqlite::Error::SqliteFailure(code, Some(problem)));
            }
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && started.elapsed() < busy_timeout =>
            {
                sleep(Duration::from_millis(10));
            }
            Err(error) => return Err(error),
        }
    }
}
