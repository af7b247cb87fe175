//! The signaller: finds out who may have each signal, and hands it over.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::timeout;

use super::notices::Notices;
use super::signal::Signal;
use crate::Messenger;
use crate::error::Result;
use crate::friendship::UserPair;
use crate::id::{ConversationId, UserId};
use crate::live::Hub;
use crate::messenger::Inner;

/// How often it looks whether the messenger is still there.
const IDLE: Duration = Duration::from_secs(5);

/// Serves the connections of one hub with signals.
pub(crate) struct Signaller {
    messenger: Weak<Inner>,
    hub: Arc<Hub>,
    notices: Arc<Notices>,
}

impl Signaller {
    /// Starts to serve until the messenger is dropped or shut down.
    pub(crate) fn spawn(messenger: Weak<Inner>, hub: Arc<Hub>, notices: Arc<Notices>) {
        let signaller = Self { messenger, hub, notices };
        tokio::spawn(signaller.run());
    }

    async fn run(self) {
        loop {
            // Woken or not, it looks for itself.
            let _ = timeout(IDLE, self.notices.filled()).await;
            let Some(inner) = self.messenger.upgrade() else { return };
            let messenger = Messenger { inner };
            let notes = self.notices.take();
            if notes.shut_down {
                return;
            }
            if !notes.typing.is_empty()
                && let Err(error) = self.tell_typing(&messenger, &notes.typing).await
            {
                // It is old by the time of another try.
                tracing::debug!(%error, "typing was not passed on");
            }
        }
    }

    /// Tells other members of the conversation who are connected here, except
    /// where one of the two blocks the other. Rights are read now: who was
    /// removed a moment ago neither tells nor is told (I7).
    async fn tell_typing(&self, messenger: &Messenger, typing: &[(UserId, ConversationId)]) -> Result<()> {
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
            for other in self.hub.listening(members) {
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
        let signals = candidates.iter().map(|&(pair, user_id, conversation_id)| {
            (pair.other(user_id), Signal::Typing { at, user_id, conversation_id })
        });
        self.hub.signal(signals);
        Ok(())
    }
}
