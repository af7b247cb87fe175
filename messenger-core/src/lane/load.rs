//! What the rules of a batch need to know, in one set-wise read.

use std::collections::{BTreeSet, HashSet};

use super::batch::Facts;
use super::operation::{Action, Operation};
use crate::change::Change;
use crate::error::Result;
use crate::store::BatchKeys;

/// Locks the conversations of all operations, then reads what their rules
/// depend on. Whoever changes one of these facts locks the same rows. What a
/// viewer may not see is read too; every rule asks first whether they may.
pub(crate) async fn load(change: &mut Change, operations: &[Operation]) -> Result<Facts> {
    let places: BTreeSet<_> = operations.iter().map(|operation| (operation.conversation, operation.viewer)).collect();
    let spoken_in: BTreeSet<_> = operations
        .iter()
        .filter(|operation| operation.says_something())
        .map(|operation| operation.conversation)
        .collect();
    let sent: HashSet<_> = operations.iter().filter_map(Operation::sent_before).collect();
    let messages: BTreeSet<_> = operations.iter().filter_map(Operation::named_message).collect();
    let keys = BatchKeys {
        places: &Vec::from_iter(places),
        sent: &Vec::from_iter(sent),
        messages: &Vec::from_iter(messages),
        spoken_in: &Vec::from_iter(spoken_in),
    };
    let mut facts = Facts::of(change.read_batch(keys).await?);
    load_counts(change, operations, &mut facts).await?;
    Ok(facts)
}

/// How many own messages a moved marker leaves behind it. None are left at the
/// end of the conversation, nor where none stand after the present marker, so
/// there is nothing to count then.
async fn load_counts(change: &mut Change, operations: &[Operation], facts: &mut Facts) -> Result<()> {
    let mut keys = BTreeSet::new();
    for operation in operations {
        let Action::MarkRead { seq } = operation.action else { continue };
        let place = (operation.conversation, operation.viewer);
        let conversation = facts.conversations.get(&operation.conversation);
        let Some((conversation, membership)) = conversation.zip(facts.memberships.get(&place)) else { continue };
        if membership.own_after_read > 0 && seq > membership.read_seq && seq < conversation.last_seq {
            keys.insert((operation.conversation, operation.viewer, seq));
        }
    }
    if !keys.is_empty() {
        let keys: Vec<_> = keys.into_iter().collect();
        let counts = change.messages().count_each_sent_after(&keys).await?;
        facts.sent_after = keys.into_iter().zip(counts).collect();
    }
    Ok(())
}
