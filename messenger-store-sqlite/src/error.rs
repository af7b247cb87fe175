//! What SQLite's errors mean to a caller.

use messenger_core::store::{StoreError, UniqueKey};
use rusqlite::{ErrorCode, ffi};

/// What went wrong on a connection's thread.
#[derive(Debug)]
pub(crate) enum SqlError {
    /// SQLite's own word for it.
    Sqlite(rusqlite::Error),
    /// Said by the store itself.
    Store(StoreError),
}

pub(crate) type SqlResult<T> = Result<T, SqlError>;

impl From<rusqlite::Error> for SqlError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for SqlError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<SqlError> for StoreError {
    fn from(error: SqlError) -> Self {
        match error {
            SqlError::Store(error) => error,
            SqlError::Sqlite(error) => from_sqlite(&error),
        }
    }
}

/// A change that was meant for a stored row and met none.
pub(crate) fn not_stored(what: &str) -> SqlError {
    SqlError::Store(StoreError::Defect(format!("{what} is not stored")))
}

/// The error of a COMMIT that SQLite did not carry out.
pub(crate) fn from_commit(error: &rusqlite::Error) -> StoreError {
    match error {
        // The commit record was written and its sync failed. It does not count
        // in this process, but a crash before it is overwritten would find it.
        rusqlite::Error::SqliteFailure(code, _) if code.extended_code == ffi::SQLITE_IOERR_FSYNC => {
            StoreError::OutcomeUnknown(error.to_string())
        }
        _ => from_sqlite(error),
    }
}

fn from_sqlite(error: &rusqlite::Error) -> StoreError {
    let text = error.to_string();
    let rusqlite::Error::SqliteFailure(code, message) = error else {
        return StoreError::Defect(text);
    };
    match code.code {
        ErrorCode::ConstraintViolation => match code.extended_code {
            ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
                StoreError::Unique(unique_key(message.as_deref().unwrap_or_default()))
            }
            _ => StoreError::Defect(text),
        },
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::Conflict(text),
        ErrorCode::SystemIoFailure
        | ErrorCode::DiskFull
        | ErrorCode::CannotOpen
        | ErrorCode::ReadOnly
        | ErrorCode::PermissionDenied
        | ErrorCode::OutOfMemory
        | ErrorCode::NoLargeFileSupport
        | ErrorCode::FileLockingProtocolFailed => StoreError::Unavailable(text),
        _ => StoreError::Defect(text),
    }
}

/// The key that SQLite's message names by its columns, as in `UNIQUE constraint
/// failed: users.username`.
fn unique_key(message: &str) -> UniqueKey {
    let columns = message.rsplit_once(": ").map_or(message, |(_, columns)| columns);
    match columns {
        "users.id" => UniqueKey::UserId,
        "users.username" => UniqueKey::Username,
        "users.email" => UniqueKey::Email,
        "conversations.direct_low, conversations.direct_high" => UniqueKey::DirectConversation,
        "conversations.created_by, conversations.client_id" => UniqueKey::GroupClientId,
        "memberships.conversation_id, memberships.user_id" => UniqueKey::Membership,
        "message_places.conversation_id, message_places.seq" => UniqueKey::MessageSeq,
        "friend_requests.low_id, friend_requests.high_id"
        | "friendships.user_id, friendships.friend_id"
        | "blocks.blocker_id, blocks.blocked_id" => UniqueKey::Friendship,
        _ => UniqueKey::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some("x".to_owned()))
    }

    #[test]
    fn busy_is_a_conflict_and_may_be_tried_again() {
        for code in [ffi::SQLITE_BUSY, ffi::SQLITE_BUSY_SNAPSHOT, ffi::SQLITE_LOCKED] {
            assert!(matches!(from_commit(&failure(code)), StoreError::Conflict(_)), "{code}");
        }
    }

    #[test]
    fn a_full_or_broken_disk_is_unavailable() {
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_IOERR, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_CANTOPEN] {
            assert!(matches!(from_commit(&failure(code)), StoreError::Unavailable(_)), "{code}");
        }
    }

    #[test]
    fn a_commit_whose_sync_failed_is_unknown() {
        assert!(matches!(from_commit(&failure(ffi::SQLITE_IOERR_FSYNC)), StoreError::OutcomeUnknown(_)));
    }

    #[test]
    fn a_broken_rule_is_a_defect_and_no_taken_key() {
        for code in [ffi::SQLITE_CONSTRAINT_CHECK, ffi::SQLITE_CONSTRAINT_FOREIGNKEY, ffi::SQLITE_CORRUPT] {
            assert!(matches!(from_sqlite(&failure(code)), StoreError::Defect(_)), "{code}");
        }
    }
}
