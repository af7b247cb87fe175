//! What the servers' errors mean to core.

use messenger_core::store::{StoreError, UniqueKey};
use sqlx::mysql::MySqlDatabaseError;

/// What an error leaves behind.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server refused a statement; the connection is in order, the
    /// transaction can only be rolled back.
    Statement(StoreError),
    /// The connection can no longer be trusted.
    Connection(StoreError),
}

impl Failure {
    /// The error itself.
    pub(crate) fn into_error(self) -> StoreError {
        match self {
            Self::Statement(error) | Self::Connection(error) => error,
        }
    }

    /// Says what an error means. `primary` is what a taken primary key is in
    /// the statement at hand: MariaDB does not say which table's it was.
    pub(crate) fn of(error: sqlx::Error, primary: UniqueKey) -> Self {
        match error {
            sqlx::Error::Database(error) => match error.try_downcast_ref::<MySqlDatabaseError>() {
                Some(error) => Self::of_server(error, primary),
                None => Self::Connection(StoreError::Defect(error.to_string())),
            },
            // The peer is gone, or what it says makes no sense any more.
            error @ (sqlx::Error::Io(_) | sqlx::Error::Tls(_)) => {
                Self::Connection(StoreError::Unavailable(error.to_string()))
            }
            error => Self::Connection(StoreError::Defect(error.to_string())),
        }
    }

    fn of_server(error: &MySqlDatabaseError, primary: UniqueKey) -> Self {
        let text = || format!("{} ({})", error.message(), error.number());
        match error.number() {
            // Lock wait timeout, deadlock; MariaDB's "record has changed since
            // last read"; a certification failure of group replication.
            1205 | 1213 | 1020 | 3101 => Self::Statement(StoreError::Conflict(text())),
            1062 | 1586 => Self::Statement(StoreError::Unique(unique_key(error.message(), primary))),
            // Out of disk, memory or prepared statements; a limit on a
            // statement's time; a cluster's node that is not ready.
            1021 | 1037 | 1038 | 1041 | 1047 | 1114 | 1461 | 1969 | 3024 => {
                Self::Statement(StoreError::Unavailable(text()))
            }
            // The server is going down or has cut this session off (idle for
            // too long, killed); too many connections when opening one. Or it
            // became a replica in a failover: a new connection may find the
            // new primary.
            1290
            | 1836
            | 1040
            | 1053
            | 1077
            | 1079
            | 1080
            | 1129
            | 1152..=1161
            | 1184
            | 1203
            | 1226
            | 1317
            | 1927
            | 4031 => Self::Connection(StoreError::Unavailable(text())),
            _ => Self::Statement(StoreError::Defect(text())),
        }
    }
}

/// Why a connection could not be opened, for a person. Never shows the
/// password: the servers do not repeat it, and neither does sqlx.
pub(crate) fn explain_opening(error: &sqlx::Error) -> String {
    match error {
        // sqlx's own text speaks of its cargo features.
        sqlx::Error::Configuration(inner) if inner.to_string().contains("RSA") => {
            "this account's password may only be sent over TLS, which is off here or at the server".to_owned()
        }
        error => error.to_string(),
    }
}

/// The key that a "Duplicate entry '…' for key '…'" names. MySQL puts the
/// table before it, MariaDB does not, so what counts follows the last dot.
fn unique_key(message: &str, primary: UniqueKey) -> UniqueKey {
    let name = message.trim_end_matches('\'').rsplit(['.', '\'']).next().unwrap_or_default();
    match name {
        "PRIMARY" => primary,
        "users_username" => UniqueKey::Username,
        "users_email" => UniqueKey::Email,
        "conversations_direct_pair" => UniqueKey::DirectConversation,
        "conversations_client_id" => UniqueKey::GroupClientId,
        "messages_client_id" => UniqueKey::MessageClientId,
        "messages_seq" => UniqueKey::MessageSeq,
        _ => UniqueKey::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_from_either_servers_message() {
        let name = |message| unique_key(message, UniqueKey::Membership);
        assert_eq!(name("Duplicate entry 'a.b' for key 'users.users_username'"), UniqueKey::Username);
        assert_eq!(name("Duplicate entry 'a.b' for key 'users_username'"), UniqueKey::Username);
        assert_eq!(name("Duplicate entry 'x' for key 'memberships.PRIMARY'"), UniqueKey::Membership);
        assert_eq!(name("Duplicate entry 'x' for key 'PRIMARY'"), UniqueKey::Membership);
        assert_eq!(name("Duplicate entry 'users_email' for key 'other'"), UniqueKey::Other);
    }
}
