//! Who is online, here and on other nodes.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::id::{NodeId, UserId};

/// Where a user may be online.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    /// On this node: connected, or just no longer.
    Here,
    /// On another one.
    There(NodeId),
    /// On one that left a moment ago: its users come back elsewhere.
    Left,
}

/// Who is online. A user is for as long as there is any place where they are.
/// It holds about 100 bytes for each user who is online on any node.
#[derive(Default)]
pub(super) struct Online {
    places: HashMap<UserId, Vec<Place>>,
    nodes: HashMap<NodeId, HashSet<UserId>>,
    /// Until when who closed the last connection here, or was on a node that
    /// left, counts as online.
    grace: HashMap<(UserId, Gone), Instant>,
    changed: BTreeSet<UserId>,
}

/// From where someone may have gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Gone {
    FromHere,
    FromNode,
}

impl Online {
    pub(super) fn contains(&self, user: UserId) -> bool {
        self.places.contains_key(&user)
    }

    /// Everybody who is online on this node.
    pub(super) fn here(&self) -> Vec<UserId> {
        let here = self.places.iter().filter(|(_, places)| places.contains(&Place::Here));
        here.map(|(user, _)| *user).collect()
    }

    /// A user has a connection here. `true` when that is news.
    pub(super) fn connected(&mut self, user: UserId) -> Change {
        self.grace.remove(&(user, Gone::FromHere));
        self.add(user, Place::Here)
    }

    /// A user has no connection here any more.
    pub(super) fn disconnected(&mut self, user: UserId, until: Instant) {
        if self.places.get(&user).is_some_and(|places| places.contains(&Place::Here)) {
            self.grace.insert((user, Gone::FromHere), until);
        }
    }

    /// Ends the grace of those whose time is over; answers who is no longer
    /// online on this node.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<UserId> {
        let over: Vec<_> = self.grace.iter().filter(|(_, until)| **until <= now).map(|(key, _)| *key).collect();
        let mut gone = Vec::new();
        for (user, from) in over {
            self.grace.remove(&(user, from));
            match from {
                Gone::FromNode => self.remove(user, Place::Left),
                Gone::FromHere => {
                    self.remove(user, Place::Here);
                    gone.push(user);
                }
            }
        }
        gone
    }

    /// When [`Online::expire`] has something to do.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.grace.values().min().copied()
    }

    /// A user came online on another node.
    pub(super) fn arrived(&mut self, node: NodeId, user: UserId) {
        if self.nodes.entry(node).or_default().insert(user) {
            self.add(user, Place::There(node));
        }
    }

    /// A user is no longer online on another node.
    pub(super) fn departed(&mut self, node: NodeId, user: UserId) {
        if self.nodes.get_mut(&node).is_some_and(|users| users.remove(&user)) {
            self.remove(user, Place::There(node));
        }
    }

    /// These, and nobody else, are online on another node.
    pub(super) fn replace(&mut self, node: NodeId, users: Vec<UserId>) {
        let users: HashSet<_> = users.into_iter().collect();
        let before = self.nodes.remove(&node).unwrap_or_default();
        for user in before.difference(&users) {
            self.remove(*user, Place::There(node));
        }
        for user in users.difference(&before) {
            self.add(*user, Place::There(node));
        }
        self.nodes.insert(node, users);
    }

    /// Another node died: who was online on it has been away for long.
    pub(super) fn died(&mut self, node: NodeId) {
        for user in self.nodes.remove(&node).unwrap_or_default() {
            self.remove(user, Place::There(node));
        }
    }

    /// Another node left, with all its connections just now.
    pub(super) fn left(&mut self, node: NodeId, now: Instant, grace: Duration) {
        for user in self.nodes.remove(&node).unwrap_or_default() {
            self.add(user, Place::Left);
            self.grace.insert((user, Gone::FromNode), now + grace);
            self.remove(user, Place::There(node));
        }
    }

    /// Who may have come online or gone offline since the last time.
    pub(super) fn take_changed(&mut self) -> BTreeSet<UserId> {
        std::mem::take(&mut self.changed)
    }

    fn add(&mut self, user: UserId, place: Place) -> Change {
        let places = self.places.entry(user).or_default();
        if places.contains(&place) {
            return Change::None;
        }
        if places.is_empty() {
            self.changed.insert(user);
        }
        places.push(place);
        Change::Made
    }

    fn remove(&mut self, user: UserId, place: Place) {
        if let Some(places) = self.places.get_mut(&user) {
            places.retain(|other| *other != place);
            if places.is_empty() {
                self.places.remove(&user);
                self.changed.insert(user);
            }
        }
    }
}

/// Whether something is news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Made,
    None,
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const GRACE: Duration = Duration::from_secs(5);

    fn user(number: u128) -> UserId {
        UserId::from_uuid(Uuid::from_u128(number))
    }

    fn node(number: u128) -> NodeId {
        NodeId::from_uuid(Uuid::from_u128(number))
    }

    fn changed(online: &mut Online) -> Vec<UserId> {
        online.take_changed().into_iter().collect()
    }

    #[tokio::test]
    async fn who_comes_back_within_the_grace_was_never_away() {
        let (mut online, now) = (Online::default(), Instant::now());
        assert_eq!(online.connected(user(1)), Change::Made);
        assert_eq!(changed(&mut online), [user(1)]);
        online.disconnected(user(1), now + GRACE);
        assert_eq!(online.expire(now + GRACE / 2), []);
        assert_eq!(online.connected(user(1)), Change::None);
        assert_eq!(online.expire(now + 2 * GRACE), []);
        assert!(online.contains(user(1)) && changed(&mut online).is_empty());
    }

    #[tokio::test]
    async fn who_stays_away_is_offline_after_the_grace() {
        let (mut online, now) = (Online::default(), Instant::now());
        online.connected(user(1));
        online.disconnected(user(1), now + GRACE);
        online.disconnected(user(1), now + 2 * GRACE);
        assert_eq!(online.next_expiry(), Some(now + 2 * GRACE), "the last closing counts");
        assert_eq!(online.expire(now + GRACE), []);
        online.take_changed();
        assert_eq!(online.expire(now + 2 * GRACE), [user(1)]);
        assert!(!online.contains(user(1)));
        assert_eq!((changed(&mut online), online.next_expiry()), (vec![user(1)], None));
    }

    #[tokio::test]
    async fn who_is_on_two_nodes_is_online_until_gone_from_both() {
        let (mut online, now) = (Online::default(), Instant::now());
        online.connected(user(1));
        online.replace(node(1), vec![user(1), user(2)]);
        assert_eq!(changed(&mut online), [user(1), user(2)]);
        online.disconnected(user(1), now);
        assert_eq!(online.expire(now), [user(1)], "no longer here");
        assert!(online.contains(user(1)) && changed(&mut online).is_empty());
        online.departed(node(1), user(1));
        online.departed(node(1), user(1));
        assert_eq!(changed(&mut online), [user(1)]);
        assert!(!online.contains(user(1)) && online.contains(user(2)));
    }

    #[tokio::test]
    async fn a_node_that_died_takes_its_users_with_it_at_once() {
        let mut online = Online::default();
        online.arrived(node(1), user(1));
        online.arrived(node(2), user(1));
        online.arrived(node(1), user(2));
        online.take_changed();
        online.died(node(1));
        assert_eq!(changed(&mut online), [user(2)]);
    }

    #[tokio::test]
    async fn the_users_of_a_node_that_left_have_the_grace_to_come_back() {
        let (mut online, now) = (Online::default(), Instant::now());
        online.replace(node(1), vec![user(1), user(2)]);
        online.take_changed();
        online.left(node(1), now, GRACE);
        online.connected(user(1));
        assert!(changed(&mut online).is_empty());
        assert_eq!(online.expire(now + GRACE), []);
        assert_eq!(changed(&mut online), [user(2)]);
    }
}
