//! Writing the rows of conversations and memberships that are there.

use std::collections::HashMap;

use messenger_core::conversation::{Conversation, ConversationKind, Group, Membership};
use messenger_core::event::Position;
use messenger_core::id::ConversationId;
use messenger_core::store::StoreError;
use rusqlite::{Connection, params};

use crate::batch::Positions;
use crate::error::{SqlError, SqlResult, not_stored};
use crate::latest::LastPlace;

/// Those whose last event is not known yet get it when it is. Takes the last
/// places that it writes.
pub(crate) fn update_conversations(
    connection: &Connection,
    conversations: &[Conversation],
    positions: &Positions,
    last_places: &mut HashMap<ConversationId, LastPlace>,
) -> SqlResult<()> {
    let mut update = connection.prepare_cached(
        "UPDATE conversations SET title = ?2, members_count = ?3, last_seq = ?4, updated_at = ?5,
                                  last_position = coalesce(?6, last_position), last_place = coalesce(?8, last_place)
         WHERE id = ?1 AND last_place = coalesce(?7, last_place)",
    )?;
    for conversation in conversations {
        let title = match &conversation.kind {
            ConversationKind::Direct(_) => None,
            ConversationKind::Group(Group { title, .. }) => Some(title.as_str()),
        };
        let last = last_places.remove(&conversation.id);
        let updated = update.execute(params![
            conversation.id.as_uuid(),
            title,
            conversation.members_count,
            conversation.last_seq.get(),
            conversation.updated_at.as_millis(),
            positions.last(conversation.id).map(Position::get),
            last.map(|last| last.before),
            last.map(|last| last.after),
        ])?;
        if updated == 0 {
            return Err(last.map_or_else(|| not_stored("the conversation"), |_| misremembered()));
        }
    }
    Ok(())
}

pub(crate) fn update_last_places(
    connection: &Connection,
    last_places: &HashMap<ConversationId, LastPlace>,
) -> SqlResult<()> {
    let mut update =
        connection.prepare_cached("UPDATE conversations SET last_place = ?3 WHERE id = ?1 AND last_place = ?2")?;
    for (conversation, last) in last_places {
        if update.execute(params![conversation.as_uuid(), last.before, last.after])? == 0 {
            return Err(misremembered());
        }
    }
    Ok(())
}

/// Were it written, no one would find the messages from the place remembered to
/// the last one.
fn misremembered() -> SqlError {
    StoreError::Conflict("the last message of a conversation is another than was remembered".to_owned()).into()
}

pub(crate) fn update_memberships(connection: &Connection, memberships: &[Membership]) -> SqlResult<()> {
    let mut update = connection.prepare_cached(
        "UPDATE memberships SET role = ?3, read_seq = ?4, own_after_read = ?5
         WHERE conversation_id = ?1 AND user_id = ?2",
    )?;
    for membership in memberships {
        let updated = update.execute(params![
            membership.conversation_id.as_uuid(),
            membership.user_id.as_uuid(),
            membership.role.as_str(),
            membership.read_seq.get(),
            membership.own_after_read,
        ])?;
        if updated == 0 {
            return Err(not_stored("the membership"));
        }
    }
    Ok(())
}
