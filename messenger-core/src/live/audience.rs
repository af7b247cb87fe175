//! Who may see an event, found out for a whole batch in a few reads.
//!
//! Members of conversations are cached. The log itself keeps the cache right:
//! a batch in which a conversation's members change loads them anew, so what
//! comes after a removal goes to nobody who was removed (I7).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::error::Result;
use crate::event::{Audience, Event, Fact, Position};
use crate::id::{ConversationId, UserId};
use crate::store::Snapshot;

/// How many memberships are cached at the most: about 24 bytes each.
const MAX_CACHED: usize = 500_000;

/// A conversation's members and from which position on each sees events.
type Members = Arc<Vec<(UserId, Position)>>;

#[derive(Default)]
pub(super) struct Audiences {
    members: HashMap<ConversationId, Members>,
    cached: usize,
}

impl Audiences {
    /// The users who may see each event, in the order of the events.
    pub(super) async fn resolve(
        &mut self,
        snapshot: &mut Box<dyn Snapshot>,
        events: &[Event],
    ) -> Result<Vec<Vec<UserId>>> {
        self.load(snapshot, events).await?;
        let mut receivers = Vec::with_capacity(events.len());
        for event in events {
            receivers.push(match event.event.audience {
                Audience::User(user) => vec![user],
                Audience::Conversation(id) => self.members_at(id, event.position),
                Audience::Acquaintances(user) => {
                    let mut users = snapshot.friendships().find_acquaintances(user).await?;
                    users.push(user);
                    users
                }
            });
        }
        Ok(receivers)
    }

    /// Forgets everything: the log is another one.
    pub(super) fn clear(&mut self) {
        self.members.clear();
        self.cached = 0;
    }

    fn members_at(&self, id: ConversationId, position: Position) -> Vec<UserId> {
        let members = self.members.get(&id).map_or(&[][..], |members| members.as_slice());
        members.iter().filter(|(_, joined)| *joined <= position).map(|(user, _)| *user).collect()
    }

    async fn load(&mut self, snapshot: &mut Box<dyn Snapshot>, events: &[Event]) -> Result<()> {
        if self.cached > MAX_CACHED {
            self.clear();
        }
        let mut wanted = HashSet::new();
        for event in events {
            if let Audience::Conversation(id) = event.event.audience
                && (changes_members(event.event.fact) || !self.members.contains_key(&id))
            {
                wanted.insert(id);
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = wanted.into_iter().collect();
        let mut found: HashMap<ConversationId, Vec<(UserId, Position)>> = HashMap::new();
        for member in snapshot.conversations().find_audiences(&ids).await? {
            found.entry(member.conversation_id).or_default().push((member.user_id, member.joined_position));
        }
        for id in ids {
            let members = found.remove(&id).unwrap_or_default();
            self.cached += members.len();
            if let Some(before) = self.members.insert(id, Arc::new(members)) {
                self.cached -= before.len();
            }
        }
        Ok(())
    }
}

fn changes_members(fact: Fact) -> bool {
    fact.admits_members() || matches!(fact, Fact::MemberRemoved { .. })
}
