//! What a batch decided, in one set-wise write per kind.

use super::batch::Writes;
use crate::change::Change;
use crate::error::Result;
use crate::store::BatchRows;

/// Writes everything and notes the events.
pub(crate) async fn write(change: &mut Change, writes: &Writes) -> Result<()> {
    let rows = BatchRows {
        sent: &writes.inserted,
        messages: &writes.updated,
        conversations: &writes.conversations,
        memberships: &writes.memberships,
    };
    change.write_batch(rows).await?;
    for event in &writes.events {
        change.record(event.actor, event.audience, event.fact);
    }
    Ok(())
}
