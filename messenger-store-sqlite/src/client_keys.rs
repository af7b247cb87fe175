//! Under which client ids messages were sent (I5).
//!
//! Client ids come in no order, so an index of all of them would cost each send
//! a page. Like places, the keys of a conversation's messages are written many
//! at once, to `message_keys`: see [`places`](crate::places). The latest messages
//! are looked through.

use std::collections::HashSet;

use messenger_core::id::{ConversationId, UserId};
use messenger_core::message::{ClientId, PayloadHash, SentMessage};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::error::SqlResult;
use crate::places::with_latest;
use crate::rows::{MESSAGE_COLUMNS, message, message_columns};

/// A sender, where, and the client id.
pub(crate) type Key = (UserId, ConversationId, ClientId);

/// The messages of these keys.
pub(crate) fn find_sent(connection: &Connection, keys: &HashSet<Key>) -> SqlResult<Vec<SentMessage>> {
    let mut found = Vec::new();
    for key in keys {
        match among_indexed(connection, key)? {
            Some(sent) => found.push(sent),
            None => found.extend(among_latest(connection, key, None)?),
        }
    }
    Ok(found)
}

/// The message of a key, if it is in the table.
pub(crate) fn among_indexed(
    connection: &Connection,
    (sender, conversation, client_id): &Key,
) -> SqlResult<Option<SentMessage>> {
    let mut select = connection.prepare_cached(concat!(
        "SELECT ",
        message_columns!("m"),
        ", m.payload_hash
         FROM message_keys k
         CROSS JOIN message_places i ON i.conversation_id = k.conversation_id AND i.seq = k.seq
         CROSS JOIN messages m ON m.place = i.place
         WHERE k.conversation_id = ?1 AND k.client_id = ?2 AND k.sender_id = ?3"
    ))?;
    let key = params![conversation.as_uuid(), client_id.as_str(), sender.as_uuid()];
    Ok(select.query_row(key, sent_message).optional()?)
}

/// The message of a key, if it is one of the latest; the last of them may be one
/// of which its conversation does not know yet.
pub(crate) fn among_latest(
    connection: &Connection,
    (sender, conversation, client_id): &Key,
    last_place: Option<i64>,
) -> SqlResult<Option<SentMessage>> {
    let mut select = connection.prepare_cached(concat!(
        with_latest!("coalesce(?4, c.last_place)", ""),
        "SELECT ",
        message_columns!("m"),
        ", m.payload_hash
         FROM latest CROSS JOIN messages m ON m.place = latest.place
         WHERE m.client_id = ?2 AND m.sender_id = ?3 ORDER BY latest.seq LIMIT 1"
    ))?;
    let key = params![conversation.as_uuid(), client_id.as_str(), sender.as_uuid(), last_place];
    Ok(select.query_row(key, sent_message).optional()?)
}

fn sent_message(row: &Row<'_>) -> rusqlite::Result<SentMessage> {
    let payload_hash = PayloadHash::from_stored(row.get(MESSAGE_COLUMNS)?);
    Ok(SentMessage { message: message(row)?, payload_hash })
}
