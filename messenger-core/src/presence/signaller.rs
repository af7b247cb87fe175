//! The signaller: follows who comes and goes, here and on other nodes, finds
//! out who may know, and tells them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::crossings::Crossings;
use super::notices::{Notes, Notices, Touched};
use super::online::{Change, Online};
use super::options::PresenceOptions;
use super::peers::Peers;
use super::signal::Signal;
use super::typing;
use super::views::Views;
use crate::Messenger;
use crate::conversation::MAX_MEMBERS_FOR_PRESENCE;
use crate::error::Result;
use crate::id::{NodeId, UserId};
use crate::live::Hub;
use crate::messenger::Inner;
use crate::store::PresenceContact;
use crate::user::PresencePolicy;

/// How often it looks whether the messenger is still there.
const IDLE: Duration = Duration::from_secs(5);
/// The pause after the store has failed.
const RETRY: Duration = Duration::from_millis(500);
/// About how many users one question asks.
const BATCH: usize = 256;

/// Serves the connections of one hub with signals.
pub(crate) struct Signaller {
    messenger: Weak<Inner>,
    hub: Arc<Hub>,
    notices: Arc<Notices>,
    options: PresenceOptions,
    online: Online,
    views: Views,
    peers: Peers,
    /// Whose contacts have to be read: what they are shown, and who they are
    /// shown to.
    pending: BTreeSet<UserId>,
    /// Who has a connection that was told nothing yet.
    ungreeted: BTreeSet<UserId>,
    touched: Touched,
    crossings: Crossings,
    failures: u32,
}

impl Signaller {
    /// Starts to serve until the messenger is dropped or shut down.
    pub(crate) fn spawn(inner: &Arc<Inner>, hub: Arc<Hub>) -> tokio::task::JoinHandle<()> {
        let options = inner.presence;
        let signaller = Self {
            messenger: Arc::downgrade(inner),
            hub,
            notices: inner.notices.clone(),
            options,
            online: Online::default(),
            views: Views::default(),
            peers: Peers::new(options),
            pending: BTreeSet::new(),
            ungreeted: BTreeSet::new(),
            touched: Touched::default(),
            crossings: Crossings::default(),
            failures: 0,
        };
        tokio::spawn(signaller.run())
    }

    async fn run(mut self) {
        loop {
            let Some(inner) = self.messenger.upgrade() else { return };
            let messenger = Messenger { inner };
            let notes = self.notices.take();
            if notes.shut_down {
                return self.leave(&messenger).await;
            }
            let outcome = self.step(&messenger, notes).await;
            drop(messenger);
            match (&outcome, self.failures) {
                (Err(error), 0) => tracing::warn!(%error, "presence cannot be kept up, trying again"),
                (Ok(()), 1..) => tracing::info!(failures = self.failures, "presence is kept up again"),
                _ => {}
            }
            self.failures = if outcome.is_err() { self.failures.saturating_add(1) } else { 0 };
            self.rest().await;
        }
    }

    /// Waits until there may be something to do.
    async fn rest(&self) {
        let now = Instant::now();
        if self.failures > 0 {
            return tokio::time::sleep(RETRY).await;
        }
        let times = [self.online.next_expiry(), self.peers.next_post(), Some(now + IDLE)];
        let until = times.into_iter().flatten().min().unwrap_or(now);
        // Woken or not, it looks for itself.
        let _ = timeout_at(until, self.notices.filled()).await;
    }

    /// What fails is kept to be tried again, save typing, which is old by then.
    async fn step(&mut self, messenger: &Messenger, notes: Notes) -> Result<()> {
        self.see_who_moved(&notes.moved);
        for user in self.online.expire(Instant::now()) {
            self.peers.tell_offline(user);
        }
        self.touched.merge(notes.touched);
        let mut typing = notes.typing;
        if let Some(board) = messenger.inner.store.board() {
            if let Some(nodes) = notes.nodes {
                self.peers.seen(nodes);
            }
            self.peers.tell_typing(&typing);
            let new = NodeId::from_uuid(messenger.inner.ids.new_uuid(messenger.inner.clock.now()));
            self.peers.post(board, &self.online, new).await?;
            typing.extend(self.peers.read(board, &mut self.online).await?);
        }
        self.pending.append(&mut self.online.take_changed());
        self.look_at_touched(messenger).await?;
        self.look_at_pending(messenger).await?;
        if !typing.is_empty() {
            typing::tell(messenger, &self.hub, &typing).await?;
        }
        Ok(())
    }

    /// Takes note of whose connections came or went: the hub knows how many
    /// there are.
    fn see_who_moved(&mut self, moved: &BTreeSet<UserId>) {
        for &user in moved {
            if self.hub.connection_count_of(user) == 0 {
                self.online.disconnected(user, Instant::now() + self.options.grace);
            } else if self.online.connected(user) == Change::Made {
                self.peers.tell_online(user);
            }
            if !self.hub.listens(user) {
                self.views.close(user);
                self.ungreeted.remove(&user);
                continue;
            }
            self.ungreeted.insert(user);
            if !self.views.is_open(user) {
                self.views.open(user);
                self.pending.insert(user);
            }
        }
    }

    /// Finds out whom the changes of conversations touch.
    async fn look_at_touched(&mut self, messenger: &Messenger) -> Result<()> {
        if self.touched.everybody {
            self.pending.extend(self.views.viewers());
        }
        if !self.touched.conversations.is_empty() && !self.views.is_empty() {
            let ids: Vec<_> = self.touched.conversations.keys().copied().collect();
            let mut snapshot = messenger.read().await?;
            let found = snapshot.conversations().find_conversations(&ids).await?;
            let now = Instant::now();
            // Again if it fails below, which makes a group near that need not be.
            for (conversation, changes) in &self.touched.conversations {
                self.crossings.note(*conversation, *changes, now);
            }
            let near = found.iter().filter(|conversation| self.crossings.may_have_crossed(conversation));
            let near: Vec<_> = near.map(|conversation| conversation.id).collect();
            let members = snapshot.conversations().find_audiences(&near).await?;
            self.touched.users.extend(members.into_iter().map(|member| member.user_id));
        }
        self.pending.append(&mut self.touched.users);
        self.touched = Touched::default();
        Ok(())
    }

    /// Brings what is shown to and of the pending users in line with what
    /// holds, and tells what changes by it.
    async fn look_at_pending(&mut self, messenger: &Messenger) -> Result<()> {
        // Whoever is offline is seen by nobody, whatever else holds.
        for user in &self.pending {
            if !self.online.contains(*user) {
                self.views.show_only_to(*user, &HashSet::new());
            }
        }
        let (online, views) = (&self.online, &self.views);
        let nobody_watches = views.is_empty();
        self.pending.retain(|user| views.is_open(*user) || (online.contains(*user) && !nobody_watches));
        let mut outcome = Ok(());
        while let Some(batch) = next_batch(&self.pending) {
            match self.look_at(messenger, &batch).await {
                Ok(()) => self.pending.retain(|user| !batch.contains(user)),
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        self.tell(messenger);
        outcome
    }

    async fn look_at(&mut self, messenger: &Messenger, users: &[UserId]) -> Result<()> {
        let mut snapshot = messenger.read().await?;
        let mut contacts: HashMap<UserId, Vec<PresenceContact>> = HashMap::new();
        for contact in snapshot.friendships().find_presence_contacts(users, MAX_MEMBERS_FOR_PRESENCE).await? {
            contacts.entry(contact.user_id).or_default().push(contact);
        }
        for &user in users {
            let contacts = contacts.remove(&user).unwrap_or_default();
            let shown = contacts
                .iter()
                .filter(|contact| {
                    contact.other_policy == PresencePolicy::Shared && self.online.contains(contact.other_id)
                })
                .map(|contact| contact.other_id);
            self.views.show_only(user, &shown.collect());
            if self.online.contains(user) {
                let viewers = contacts
                    .iter()
                    .filter(|contact| contact.user_policy == PresencePolicy::Shared)
                    .map(|contact| contact.other_id);
                self.views.show_only_to(user, &viewers.collect());
            }
        }
        Ok(())
    }

    /// Tells what has changed, and new connections all that holds.
    fn tell(&mut self, messenger: &Messenger) {
        let at = messenger.inner.clock.now();
        let news = self.views.take_news();
        self.hub.signal(
            news.iter().map(|told| (told.viewer, Signal::Presence { at, user_id: told.subject, state: told.state })),
        );
        // Those whose own contacts could not be read wait for the next step.
        let ready: Vec<_> = self.ungreeted.difference(&self.pending).copied().collect();
        for user in ready {
            self.ungreeted.remove(&user);
            for outbox in self.hub.outboxes(user) {
                outbox.greet(self.views.shown_to(user), at);
            }
        }
    }

    async fn leave(mut self, messenger: &Messenger) {
        if let Some(board) = messenger.inner.store.board()
            && let Err(error) = self.peers.leave(board).await
        {
            tracing::warn!(%error, "other nodes could not be told that this one ends: they will notice");
        }
    }
}

impl Touched {
    fn merge(&mut self, mut other: Self) {
        self.everybody |= other.everybody;
        self.users.append(&mut other.users);
        for (conversation, changes) in other.conversations {
            *self.conversations.entry(conversation).or_default() += changes;
        }
    }
}

fn next_batch(pending: &BTreeSet<UserId>) -> Option<Vec<UserId>> {
    let batch: Vec<_> = pending.iter().take(BATCH).copied().collect();
    (!batch.is_empty()).then_some(batch)
}
