//! The lock that keeps a second server from a database.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use crate::options::OpenError;

/// Held while a server has the database open. The operating system releases it
/// with the process, however that ends, so a crash leaves nothing to clean up.
///
/// The file is never removed: between its removal and another's lock on it, a
/// third server could make and lock a new one.
#[derive(Debug)]
pub(crate) struct ServerLock {
    _file: File,
}

impl ServerLock {
    /// Takes the lock of the database at `path`, without waiting for it.
    pub(crate) fn acquire(path: &Path) -> Result<Self, OpenError> {
        let lock = lock_path(path);
        let io = |source| OpenError::Io { path: lock.clone(), source };
        let file = private().read(true).write(true).create(true).truncate(false).open(&lock).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned(), lock }),
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }
}

/// Options that make a file which only its owner may read.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-lock");
    PathBuf::from(name)
}
