//! What a send costs at least: the statements that the SQLite store runs for
//! it, in a plain loop over one connection, on the same thread.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params};
use uuid::Uuid;

use crate::Outcome;
use crate::stored::BODY;

/// How many sends share a transaction in the loop that the lane is held
/// against.
pub const BATCH: u64 = 100;

/// After how many messages of a conversation the store writes their keys.
const KEYS_AFTER: i64 = 128;

/// A connection to a database that the store made and migrated, with the
/// store's settings.
pub struct Bare {
    connection: Connection,
    user: Uuid,
    groups: Vec<Uuid>,
}

impl Bare {
    /// Opens the file.
    pub fn open(path: &Path, user: Uuid, groups: Vec<Uuid>) -> Outcome<Self> {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        if mode != "wal" {
            return Err(format!("the journal mode stays {mode}").into());
        }
        connection.set_prepared_statement_cache_capacity(128);
        Ok(Self { connection, user, groups })
    }

    /// Sends the messages with these numbers in one durable transaction.
    pub fn send(&mut self, numbers: std::ops::Range<u64>) -> Outcome<()> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut position: i64 = self
            .connection
            .prepare_cached("SELECT head FROM log_partitions WHERE partition_id = 0")?
            .query_row([], |row| row.get(0))?;
        for number in numbers {
            position += 1;
            self.send_one(number, position)?;
        }
        self.connection
            .prepare_cached("UPDATE log_partitions SET head = ?1 WHERE partition_id = 0")?
            .execute([position])?;
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    fn send_one(&self, number: u64, position: i64) -> Outcome<()> {
        let connection = &self.connection;
        let group = self.groups[usize::try_from(number)? % self.groups.len()];
        let client_id = number.to_string();
        // Sortable by time like the store's, so that the index grows at its end.
        let id = Uuid::from_u128(u128::from(number) << 64 | 1);
        let at = i64::try_from(number)?;
        let last_seq: i64 = connection
            .prepare_cached("SELECT * FROM conversations WHERE id = ?1")?
            .query_row([group], |row| row.get("last_seq"))?;
        let own: i64 = connection
            .prepare_cached("SELECT * FROM memberships WHERE conversation_id = ?1 AND user_id = ?2")?
            .query_row(params![group, self.user], |row| row.get("own_after_read"))?;
        let sent: Option<Value> = connection
            .prepare_cached(
                "SELECT seq FROM message_keys WHERE conversation_id = ?1 AND client_id = ?2 AND sender_id = ?3",
            )?
            .query_row(params![group, client_id, self.user], |row| row.get("seq"))
            .optional()?;
        if sent.is_some() {
            return Err("a client id was used twice".into());
        }
        connection
            .prepare_cached(
                "INSERT INTO messages (id, conversation_id, seq, sender_id, body, client_id, payload_hash, reply_to,
                                       created_at, edited_at, deleted_at, sent_position)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, ?8, NULL, NULL, ?9)",
            )?
            .execute(params![id, group, last_seq + 1, self.user, BODY, client_id, [0_u8; 32], at, position])?;
        connection
            .prepare_cached(
                "UPDATE conversations SET last_seq = ?2, updated_at = ?3, last_position = ?4 WHERE id = ?1",
            )?
            .execute(params![group, last_seq + 1, at, position])?;
        connection
            .prepare_cached("UPDATE memberships SET own_after_read = ?3 WHERE conversation_id = ?1 AND user_id = ?2")?
            .execute(params![group, self.user, own + 1])?;
        connection
            .prepare_cached(
                "INSERT INTO events (partition_id, position, audience_kind, audience_id, kind, conversation_id,
                                     subject_id, other_id, at, actor_id, tag, by_message)
                 VALUES (0, ?1, 'conversation', ?2, 'message.sent', ?2, ?3, NULL, ?4, ?5, 1, 1)",
            )?
            .execute(params![position, group, id, at, self.user])?;
        if (last_seq + 1) % KEYS_AFTER == 0 {
            self.write_keys(group)?;
        }
        Ok(())
    }

    fn write_keys(&self, group: Uuid) -> Outcome<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO message_keys (conversation_id, client_id, sender_id, seq)
                 SELECT m.conversation_id, m.client_id, m.sender_id, m.seq
                 FROM conversations c CROSS JOIN messages m ON m.conversation_id = c.id AND m.seq > c.keyed_seq
                 WHERE c.id = ?1 AND m.client_id IS NOT NULL",
            )?
            .execute([group])?;
        self.connection
            .prepare_cached("UPDATE conversations SET keyed_seq = last_seq WHERE id = ?1")?
            .execute([group])?;
        Ok(())
    }
}
