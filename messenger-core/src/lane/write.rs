//! What a batch decided, in one set-wise write per kind.

use super::batch::Writes;
use crate::change::Change;
use crate::error::Result;

/// Writes everything and notes the events.
pub(crate) async fn write(change: &mut Change, writes: &Writes) -> Result<()> {
    if !writes.inserted.is_empty() {
        change.messages().insert_messages(&writes.inserted).await?;
    }
    if !writes.updated.is_empty() {
        change.messages().update_messages(&writes.updated).await?;
    }
    if !writes.conversations.is_empty() {
        change.conversations().update_conversations(&writes.conversations).await?;
    }
    if !writes.memberships.is_empty() {
        change.conversations().update_memberships(&writes.memberships).await?;
    }
    for event in &writes.events {
        change.record(event.actor, event.audience, event.fact);
    }
    Ok(())
}
