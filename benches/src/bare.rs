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

/// After how many messages of a conversation the store writes their places and
/// keys.
const INDEX_AFTER: i64 = 128;

/// A connection to a database that the store made and migrated, with the
/// store's settings.
pub struct Bare {
    connection: Connection,
    user: Uuid,
    groups: Vec<Uuid>,
    /// The place of each group's last message.
    last_places: Vec<i64>,
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
        let last_places = vec![0; groups.len()];
        Ok(Self { connection, user, groups, last_places })
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

    fn send_one(&mut self, number: u64, position: i64) -> Outcome<()> {
        let connection = &self.connection;
        let at = usize::try_from(number)? % self.groups.len();
        let (group, previous) = (self.groups[at], self.last_places[at]);
        let client_id = number.to_string();
        // Sortable by time like the store's, so that the index grows at its end.
        let id = Uuid::from_u128(u128::from(number) << 64 | 1);
        let now = i64::try_from(number)?;
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
                "INSERT INTO messages (previous, id, conversation_id, seq, sender_id, body, client_id, payload_hash,
                                       reply_to, created_at, edited_at, deleted_at, sent_position)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL, ?9, NULL, NULL, ?10)",
            )?
            .execute(params![
                previous,
                id,
                group,
                last_seq + 1,
                self.user,
                BODY,
                client_id,
                [0_u8; 32],
                now,
                position
            ])?;
        let place = connection.last_insert_rowid();
        let updated = connection
            .prepare_cached(
                "UPDATE conversations SET last_seq = ?2, updated_at = ?3, last_position = ?4, last_place = ?6
                 WHERE id = ?1 AND last_place = ?5",
            )?
            .execute(params![group, last_seq + 1, now, position, previous, place])?;
        if updated != 1 {
            return Err("a group has other messages".into());
        }
        connection
            .prepare_cached("UPDATE memberships SET own_after_read = ?3 WHERE conversation_id = ?1 AND user_id = ?2")?
            .execute(params![group, self.user, own + 1])?;
        connection
            .prepare_cached(
                "INSERT INTO events (partition_id, position, audience_kind, audience_id, kind, conversation_id,
                                     subject_id, other_id, at, actor_id, tag, by_message)
                 VALUES (0, ?1, 'conversation', ?2, 'message.sent', ?2, ?3, NULL, ?4, ?5, 1, 1)",
            )?
            .execute(params![position, group, id, now, self.user])?;
        self.last_places[at] = place;
        if (last_seq + 1) % INDEX_AFTER == 0 {
            self.index(group)?;
        }
        Ok(())
    }

    fn index(&self, group: Uuid) -> Outcome<()> {
        for statement in [
            "WITH RECURSIVE latest (place, seq, previous, indexed_seq) AS (
                 SELECT m.place, m.seq, m.previous, c.indexed_seq
                 FROM conversations c CROSS JOIN messages m ON m.place = c.last_place WHERE c.id = ?1
                 UNION ALL
                 SELECT m.place, m.seq, m.previous, l.indexed_seq
                 FROM latest l CROSS JOIN messages m ON m.place = l.previous WHERE m.seq > l.indexed_seq)
             INSERT INTO message_places (conversation_id, seq, place) SELECT ?1, seq, place FROM latest ORDER BY seq",
            "INSERT INTO message_keys (conversation_id, client_id, sender_id, seq)
             SELECT m.conversation_id, m.client_id, m.sender_id, m.seq
             FROM conversations c CROSS JOIN message_places p ON p.conversation_id = c.id AND p.seq > c.indexed_seq
             CROSS JOIN messages m ON m.place = p.place WHERE c.id = ?1 ORDER BY m.client_id, m.sender_id",
            "UPDATE conversations SET indexed_seq = last_seq WHERE id = ?1",
        ] {
            self.connection.prepare_cached(statement)?.execute([group])?;
        }
        Ok(())
    }
}
