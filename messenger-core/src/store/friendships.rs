//! Requests, friendships and blocks as stores keep them.

use async_trait::async_trait;

use super::StoreResult;
use crate::clock::Timestamp;
use crate::friendship::{PairChange, PairState, UserPair};
use crate::id::UserId;
use crate::page::{Rows, Slice, TimeKey};
use crate::user::{PresencePolicy, User, UserQuery};

/// A user on someone's list of friends or blocks, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Friend {
    /// Who.
    pub user: User,
    /// Since when.
    pub since: Timestamp,
}

/// A pending request with both its users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FriendRequest {
    /// Who asked.
    pub requester: User,
    /// Who was asked.
    pub addressee: User,
    /// When.
    pub created_at: Timestamp,
}

/// Two users, seen from the first, between whom presence may show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresenceContact {
    /// Who was asked about.
    pub user_id: UserId,
    /// What they share.
    pub user_policy: PresencePolicy,
    /// The other one.
    pub other_id: UserId,
    /// What the other one shares.
    pub other_policy: PresencePolicy,
}

/// From where a request is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// By its addressee, who does not see hidden ones.
    Incoming,
    /// By its requester, who sees all.
    Outgoing,
}

/// Reads requests, friendships and blocks.
#[async_trait]
pub trait FriendshipQueries: Send {
    /// What holds between the two of each pair, in the order of `pairs`;
    /// [`PairState::strangers`] where nothing is stored.
    async fn find_pairs(&mut self, pairs: &[UserPair]) -> StoreResult<Vec<PairState>>;

    /// The user's friends; latest first, then user id descending. With a
    /// query, those whose username or folded display name contains it.
    async fn list_friends(
        &mut self,
        user: UserId,
        query: Option<&UserQuery>,
        slice: Slice<TimeKey>,
    ) -> StoreResult<Rows<Friend, TimeKey>>;

    /// The user's pending requests; latest first, then the other user's id
    /// descending.
    async fn list_friend_requests(
        &mut self,
        user: UserId,
        direction: Direction,
        slice: Slice<TimeKey>,
    ) -> StoreResult<Rows<FriendRequest, TimeKey>>;

    /// Whom the user blocks; latest first, then the blocked user's id
    /// descending.
    async fn list_blocks(&mut self, user: UserId, slice: Slice<TimeKey>) -> StoreResult<Rows<Friend, TimeKey>>;

    /// Users who are friends of both; latest friendship with `user` first, then
    /// id descending.
    async fn list_mutual_friends(
        &mut self,
        user: UserId,
        other: UserId,
        slice: Slice<TimeKey>,
    ) -> StoreResult<Rows<Friend, TimeKey>>;

    /// Whoever is shown the user in a list of their own, in any order, each
    /// once, without the user: friends, fellow members, those who block the
    /// user, and the other side of a pending request, unless it is hidden from
    /// them.
    async fn find_acquaintances(&mut self, user: UserId) -> StoreResult<Vec<UserId>>;

    /// The friends of each of these users, and their fellow members of groups
    /// of up to `largest_group` members, each once, in any order; not those
    /// with whom there is a block, either way. `users` holds each once.
    async fn find_presence_contacts(
        &mut self,
        users: &[UserId],
        largest_group: i64,
    ) -> StoreResult<Vec<PresenceContact>>;

    /// How many users are friends of both.
    async fn count_mutual_friends(&mut self, user: UserId, other: UserId) -> StoreResult<i64>;
}

/// Changes requests, friendships and blocks.
#[async_trait]
pub trait FriendshipRepository: FriendshipQueries {
    /// Writes the changes in order. The caller holds the locks of both users,
    /// and every change fits the stored state; one that does not is
    /// `Unique(Friendship)` or `Defect`.
    async fn apply_pair_changes(&mut self, pair: UserPair, changes: &[PairChange]) -> StoreResult<()>;
}
