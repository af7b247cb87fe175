//! Who is told that someone types.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::signal::Signal;
use crate::Messenger;
use crate::error::Result;
use crate::friendship::UserPair;
use crate::id::{ConversationId, UserId};
use crate::live::Hub;

/// Tells other members of the conversation who are connected here, except where
/// one of the two blocks the other. Rights are read now: who was removed a
/// moment ago neither tells nor is told (I7).
pub(super) async fn tell(messenger: &Messenger, hub: &Hub, typing: &[(UserId, ConversationId)]) -> Result<()> {
    let conversations: BTreeSet<_> = typing.iter().map(|(_, conversation)| *conversation).collect();
    let conversations: Vec<_> = conversations.into_iter().collect();
    let mut snapshot = messenger.read().await?;
    let mut members: HashMap<ConversationId, HashSet<UserId>> = HashMap::new();
    for member in snapshot.conversations().find_audiences(&conversations).await? {
        members.entry(member.conversation_id).or_default().insert(member.user_id);
    }
    let mut candidates = Vec::new();
    for &(user_id, conversation_id) in typing {
        let Some(members) = members.get(&conversation_id).filter(|members| members.contains(&user_id)) else {
            continue;
        };
        for other in hub.listening(members) {
            if let Some(pair) = UserPair::try_new(user_id, other) {
                candidates.push((pair, user_id, conversation_id));
            }
        }
    }
    if candidates.is_empty() {
        return Ok(());
    }
    let pairs: BTreeSet<_> = candidates.iter().map(|(pair, ..)| *pair).collect();
    let pairs: Vec<_> = pairs.into_iter().collect();
    let states = snapshot.friendships().find_pairs(&pairs).await?;
    let apart = states.iter().filter(|state| state.is_blocked_either_way()).map(|state| state.pair);
    let apart: HashSet<_> = apart.collect();
    let at = messenger.inner.clock.now();
    candidates.retain(|(pair, ..)| !apart.contains(pair));
    hub.signal(candidates.iter().map(|&(pair, user_id, conversation_id)| {
        (pair.other(user_id), Signal::Typing { at, user_id, conversation_id })
    }));
    Ok(())
}
