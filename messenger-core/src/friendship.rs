//! What holds between two users: a request, a friendship, blocks; and the pure
//! state machine that moves it.
//!
//! A block is private. To the blocked, the blocker looks like a stranger who
//! accepts nothing, so a request to a blocker is kept but *hidden*: its
//! requester sees it pending, its addressee never sees it, not after an unblock
//! either.

use crate::clock::Timestamp;
use crate::error::Refusal;
use crate::event::{Audience, Fact};
use crate::id::UserId;

/// Two different users, in the order of their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserPair {
    low: UserId,
    high: UserId,
}

impl UserPair {
    /// The pair of two users; `None` when they are one and the same.
    pub fn try_new(one: UserId, other: UserId) -> Option<Self> {
        match one.cmp(&other) {
            std::cmp::Ordering::Less => Some(Self { low: one, high: other }),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => Some(Self { low: other, high: one }),
        }
    }

    /// The one with the lower id.
    pub const fn low(self) -> UserId {
        self.low
    }

    /// The one with the higher id.
    pub const fn high(self) -> UserId {
        self.high
    }

    /// Both, in the order in which they are locked.
    pub const fn both(self) -> [UserId; 2] {
        [self.low, self.high]
    }

    /// Whether the user is one of the two.
    pub fn contains(self, user: UserId) -> bool {
        user == self.low || user == self.high
    }

    /// The one who is not `user`. For a user who is neither, the lower.
    pub fn other(self, user: UserId) -> UserId {
        if user == self.low { self.high } else { self.low }
    }
}

/// Everything that holds between two users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairState {
    /// Whom it is about.
    pub pair: UserPair,
    /// A request or a friendship: never both, and never two requests.
    pub bond: Bond,
    /// Since when the lower blocks the higher.
    pub low_blocks_high: Option<Timestamp>,
    /// Since when the higher blocks the lower.
    pub high_blocks_low: Option<Timestamp>,
}

/// What ties two users together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bond {
    /// Nothing.
    None,
    /// One has asked the other.
    Requested(PendingRequest),
    /// They are friends.
    Friends {
        /// Since when.
        since: Timestamp,
    },
}

/// A request that waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingRequest {
    /// Who asked.
    pub requester: UserId,
    /// When.
    pub created_at: Timestamp,
    /// Whether the addressee sees it.
    pub visibility: Visibility,
}

/// Whether the addressee of a request sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Yes.
    Shown,
    /// No: made to a blocker, or there when the addressee blocked. For good.
    Hidden,
}

/// How another user stands to a viewer. Derived, never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relationship {
    /// Strangers, as far as the viewer may know.
    None,
    /// The viewer has asked.
    OutgoingRequest,
    /// The other has asked.
    IncomingRequest,
    /// They are friends.
    Friends,
    /// The viewer has blocked the other.
    Blocked,
}

/// One change of what holds between two users, for a store to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairChange {
    /// Stores a request.
    InsertRequest(PendingRequest),
    /// Hides the stored request from its addressee.
    HideRequest,
    /// Removes the stored request.
    DeleteRequest,
    /// Stores a friendship.
    InsertFriendship {
        /// Since when.
        since: Timestamp,
    },
    /// Removes the stored friendship.
    DeleteFriendship,
    /// Stores a block.
    InsertBlock {
        /// Who blocks the other of the pair.
        blocker: UserId,
        /// Since when.
        since: Timestamp,
    },
    /// Removes a stored block.
    DeleteBlock {
        /// Who no longer blocks the other of the pair.
        blocker: UserId,
    },
}

/// What an action does: writes and what is to be told of them. Empty when the
/// action finds everything as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Transition {
    /// For the store, in order.
    pub changes: Vec<PairChange>,
    /// For the log, in order.
    pub facts: Vec<(Audience, Fact)>,
}

/// What a friend request led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestOutcome {
    /// It waits for an answer.
    Pending,
    /// The other had asked too: they are friends now.
    Friends,
}

impl PairState {
    /// Nothing holds between them.
    pub const fn strangers(pair: UserPair) -> Self {
        Self { pair, bond: Bond::None, low_blocks_high: None, high_blocks_low: None }
    }

    /// Since when `blocker` blocks the other.
    pub fn blocked_since(&self, blocker: UserId) -> Option<Timestamp> {
        if blocker == self.pair.low() { self.low_blocks_high } else { self.high_blocks_low }
    }

    /// Whether either blocks the other.
    pub fn is_blocked_either_way(&self) -> bool {
        self.low_blocks_high.is_some() || self.high_blocks_low.is_some()
    }

    /// Since when they are friends.
    pub fn friends_since(&self) -> Option<Timestamp> {
        match self.bond {
            Bond::Friends { since } => Some(since),
            Bond::None | Bond::Requested(_) => None,
        }
    }

    /// How the other stands to `viewer`, who learns nothing of being blocked.
    pub fn relationship(&self, viewer: UserId) -> Relationship {
        if self.blocked_since(viewer).is_some() {
            return Relationship::Blocked;
        }
        match self.bond {
            Bond::Friends { .. } => Relationship::Friends,
            Bond::Requested(request) if request.requester == viewer => Relationship::OutgoingRequest,
            Bond::Requested(request) if request.visibility == Visibility::Shown => Relationship::IncomingRequest,
            Bond::None | Bond::Requested(_) => Relationship::None,
        }
    }

    /// `requester` asks the other.
    pub fn request(&self, requester: UserId, at: Timestamp) -> Result<(RequestOutcome, Transition), Refusal> {
        if self.blocked_since(requester).is_some() {
            return Err(Refusal::BlockedByYou);
        }
        let addressee = self.pair.other(requester);
        match self.bond {
            Bond::Friends { .. } => Err(Refusal::AlreadyFriends),
            Bond::Requested(pending) if pending.requester == requester => Err(Refusal::FriendRequestExists),
            Bond::Requested(pending) => Ok((RequestOutcome::Friends, self.befriend(pending, at))),
            Bond::None => {
                let blocked = self.blocked_since(addressee).is_some();
                let visibility = if blocked { Visibility::Hidden } else { Visibility::Shown };
                let request = PendingRequest { requester, created_at: at, visibility };
                let mut transition = Transition::default();
                transition.change(PairChange::InsertRequest(request));
                transition
                    .tell(requester, Fact::FriendRequestSent { requester_id: requester, addressee_id: addressee });
                if visibility == Visibility::Shown {
                    transition.tell(
                        addressee,
                        Fact::FriendRequestReceived { requester_id: requester, addressee_id: addressee },
                    );
                }
                Ok((RequestOutcome::Pending, transition))
            }
        }
    }

    /// `addressee` accepts what the other asked.
    pub fn accept(&self, addressee: UserId, at: Timestamp) -> Result<Transition, Refusal> {
        let pending = self.incoming(addressee)?;
        Ok(self.befriend(pending, at))
    }

    /// `addressee` declines what the other asked.
    pub fn decline(&self, addressee: UserId) -> Result<Transition, Refusal> {
        let pending = self.incoming(addressee)?;
        let mut transition = Transition::default();
        self.close(pending, &mut transition);
        Ok(transition)
    }

    /// `requester` takes back what they asked.
    pub fn cancel(&self, requester: UserId) -> Result<Transition, Refusal> {
        match self.bond {
            Bond::Requested(pending) if pending.requester == requester => {
                let mut transition = Transition::default();
                self.close(pending, &mut transition);
                Ok(transition)
            }
            _ => Err(Refusal::FriendRequestNotFound),
        }
    }

    /// Either ends the friendship.
    pub fn unfriend(&self) -> Result<Transition, Refusal> {
        let Bond::Friends { .. } = self.bond else {
            return Err(Refusal::FriendshipNotFound);
        };
        let mut transition = Transition::default();
        self.end_friendship(&mut transition);
        Ok(transition)
    }

    /// `blocker` blocks the other: a friendship ends, the blocker's own request
    /// is taken back, the other's request is hidden. Blocking twice changes
    /// nothing.
    pub fn block(&self, blocker: UserId, at: Timestamp) -> Transition {
        let mut transition = Transition::default();
        if self.blocked_since(blocker).is_some() {
            return transition;
        }
        let blocked = self.pair.other(blocker);
        match self.bond {
            Bond::None => {}
            Bond::Friends { .. } => self.end_friendship(&mut transition),
            Bond::Requested(pending) if pending.requester == blocker => self.close(pending, &mut transition),
            Bond::Requested(pending) => {
                if pending.visibility == Visibility::Shown {
                    transition.change(PairChange::HideRequest);
                    transition
                        .tell(blocker, Fact::FriendRequestClosed { requester_id: blocked, addressee_id: blocker });
                }
            }
        }
        transition.change(PairChange::InsertBlock { blocker, since: at });
        transition.tell(blocker, Fact::BlockAdded { user_id: blocked });
        transition
    }

    /// `blocker` lifts the block. Without one, nothing changes.
    pub fn unblock(&self, blocker: UserId) -> Transition {
        let mut transition = Transition::default();
        if self.blocked_since(blocker).is_some() {
            transition.change(PairChange::DeleteBlock { blocker });
            transition.tell(blocker, Fact::BlockRemoved { user_id: self.pair.other(blocker) });
        }
        transition
    }

    /// The state after `changes`. Stores write the same changes; the suite
    /// compares the two.
    pub fn after(mut self, changes: &[PairChange]) -> Self {
        for change in changes {
            match *change {
                PairChange::InsertRequest(request) => self.bond = Bond::Requested(request),
                PairChange::HideRequest => {
                    if let Bond::Requested(request) = &mut self.bond {
                        request.visibility = Visibility::Hidden;
                    }
                }
                PairChange::DeleteRequest | PairChange::DeleteFriendship => self.bond = Bond::None,
                PairChange::InsertFriendship { since } => self.bond = Bond::Friends { since },
                PairChange::InsertBlock { blocker, since } => *self.block_of(blocker) = Some(since),
                PairChange::DeleteBlock { blocker } => *self.block_of(blocker) = None,
            }
        }
        self
    }

    fn block_of(&mut self, blocker: UserId) -> &mut Option<Timestamp> {
        if blocker == self.pair.low() { &mut self.low_blocks_high } else { &mut self.high_blocks_low }
    }

    /// The request that `addressee` can answer.
    fn incoming(&self, addressee: UserId) -> Result<PendingRequest, Refusal> {
        match self.bond {
            Bond::Requested(pending) if pending.requester != addressee && pending.visibility == Visibility::Shown => {
                Ok(pending)
            }
            _ => Err(Refusal::FriendRequestNotFound),
        }
    }

    fn befriend(&self, pending: PendingRequest, at: Timestamp) -> Transition {
        let mut transition = Transition::default();
        self.close(pending, &mut transition);
        transition.change(PairChange::InsertFriendship { since: at });
        for user in self.pair.both() {
            transition.tell(user, Fact::FriendshipStarted { user_id: self.pair.other(user) });
        }
        transition
    }

    /// Removes a request and tells whoever saw it.
    fn close(&self, pending: PendingRequest, transition: &mut Transition) {
        let addressee_id = self.pair.other(pending.requester);
        let fact = Fact::FriendRequestClosed { requester_id: pending.requester, addressee_id };
        transition.change(PairChange::DeleteRequest);
        transition.tell(pending.requester, fact);
        if pending.visibility == Visibility::Shown {
            transition.tell(addressee_id, fact);
        }
    }

    fn end_friendship(&self, transition: &mut Transition) {
        transition.change(PairChange::DeleteFriendship);
        for user in self.pair.both() {
            transition.tell(user, Fact::FriendshipEnded { user_id: self.pair.other(user) });
        }
    }
}

impl Transition {
    fn change(&mut self, change: PairChange) {
        self.changes.push(change);
    }

    fn tell(&mut self, user: UserId, fact: Fact) {
        self.facts.push((Audience::User(user), fact));
    }
}

#[cfg(test)]
#[path = "friendship_tests.rs"]
mod tests;
