//! What the rules of a batch need to know, in one set-wise read per kind.

use std::collections::{BTreeSet, HashSet};

use super::batch::Facts;
use super::operation::{Action, Operation};
use crate::change::Change;
use crate::conversation::ConversationKind;
use crate::error::Result;
use crate::message::SentMessage;

/// Locks the conversations of all operations, then reads what their rules
/// depend on. Whoever changes one of these facts locks the same rows.
pub(crate) async fn load(change: &mut Change, operations: &[Operation]) -> Result<Facts> {
    let mut facts = Facts::default();
    load_places(change, operations, &mut facts).await?;
    // What the viewer may not see is not looked for either.
    let operations: Vec<_> = operations.iter().filter(|operation| is_of_member(operation, &facts)).collect();
    load_messages(change, &operations, &mut facts).await?;
    load_peers(change, &operations, &mut facts).await?;
    load_counts(change, &operations, &mut facts).await?;
    Ok(facts)
}

fn is_of_member(operation: &Operation, facts: &Facts) -> bool {
    facts.memberships.contains_key(&(operation.conversation, operation.viewer))
}

async fn load_places(change: &mut Change, operations: &[Operation], facts: &mut Facts) -> Result<()> {
    let places: BTreeSet<_> = operations.iter().map(|operation| (operation.conversation, operation.viewer)).collect();
    let places: Vec<_> = places.into_iter().collect();
    let (locked, found) = change.conversations().lock_places(&places).await?;
    facts.conversations = locked.into_iter().map(|conversation| (conversation.id, conversation)).collect();
    facts.memberships = found.into_iter().map(|found| ((found.conversation_id, found.user_id), found)).collect();
    Ok(())
}

async fn load_messages(change: &mut Change, operations: &[&Operation], facts: &mut Facts) -> Result<()> {
    let keys: HashSet<_> = operations
        .iter()
        .filter_map(|operation| match &operation.action {
            Action::Send(outgoing) => {
                Some((operation.viewer, operation.conversation, outgoing.draft.client_id.clone()?))
            }
            _ => None,
        })
        .collect();
    if !keys.is_empty() {
        let keys: Vec<_> = keys.into_iter().collect();
        for SentMessage { message, payload_hash } in change.messages().find_sent(&keys).await? {
            if let Some(client_id) = message.client_id.clone() {
                facts.sent.insert((message.sender_id, message.conversation_id, client_id), (message.id, payload_hash));
            }
            facts.messages.insert(message.id, message);
        }
    }
    let ids: BTreeSet<_> = operations.iter().filter_map(|operation| operation.named_message()).collect();
    let ids: Vec<_> = ids.into_iter().filter(|id| !facts.messages.contains_key(id)).collect();
    if !ids.is_empty() {
        let found = change.messages().find_messages(&ids).await?;
        facts.messages.extend(found.into_iter().map(|message| (message.id, message)));
    }
    Ok(())
}

/// Who decides whether a direct conversation goes on.
async fn load_peers(change: &mut Change, operations: &[&Operation], facts: &mut Facts) -> Result<()> {
    let (mut pairs, mut peers) = (BTreeSet::new(), BTreeSet::new());
    for operation in operations.iter().filter(|operation| operation.says_something()) {
        let kind = facts.conversations.get(&operation.conversation).map(|conversation| &conversation.kind);
        if let Some(ConversationKind::Direct(pair)) = kind {
            pairs.insert(*pair);
            peers.insert(pair.other(operation.viewer));
        }
    }
    if !pairs.is_empty() {
        let pairs: Vec<_> = pairs.into_iter().collect();
        let states = change.friendships().find_pairs(&pairs).await?;
        facts.pairs = states.into_iter().map(|state| (state.pair, state)).collect();
        let peers: Vec<_> = peers.into_iter().collect();
        let users = change.users().find_users(&peers).await?;
        facts.users = users.into_iter().map(|user| (user.id, user)).collect();
    }
    Ok(())
}

/// How many own messages a moved marker leaves behind it. None are left at the
/// end of the conversation, nor where none stand after the present marker, so
/// there is nothing to count then.
async fn load_counts(change: &mut Change, operations: &[&Operation], facts: &mut Facts) -> Result<()> {
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
