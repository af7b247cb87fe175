//! Friend requests, friendships and blocks.

use crate::Messenger;
use crate::change::{Change, Reads};
use crate::clock::Timestamp;
use crate::error::{Error, InvalidValue, Refusal, Result};
use crate::friendship::{PairState, RequestOutcome, Transition, UserPair};
use crate::id::UserId;
use crate::page::{ListScope, Page, PageRequest};
use crate::store::{Direction, Friend, FriendRequest, LockedPair};
use crate::user::{User, UserQuery, Username};

/// What a friend request led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FriendRequestSent {
    /// It waits for an answer.
    Pending(FriendRequest),
    /// The other had asked too: they are friends now.
    Friends(Friend),
}

impl Messenger {
    /// Asks a user for a friendship. Two requests that cross make one.
    ///
    /// # Errors
    ///
    /// [`Refusal::UserNotFound`], [`Refusal::AlreadyFriends`],
    /// [`Refusal::FriendRequestExists`], [`Refusal::BlockedByYou`]; invalid
    /// `user_id` for a request to oneself.
    pub async fn request_friendship(&self, viewer: UserId, addressee: UserId) -> Result<FriendRequestSent> {
        let pair = other_than(viewer, addressee, "user_id")?;
        self.transact(|mut change| async move {
            let LockedPair { state, users, .. } = change.lock_pair(pair).await?;
            let (requester, addressee) = in_view(users, viewer)?;
            let now = change.now();
            let (outcome, transition) = state.request(viewer, now)?;
            write(&mut change, viewer, pair, &transition).await?;
            change.done(match outcome {
                RequestOutcome::Pending => {
                    FriendRequestSent::Pending(FriendRequest { requester, addressee, created_at: now })
                }
                RequestOutcome::Friends => FriendRequestSent::Friends(Friend { user: addressee, since: now }),
            })
        })
        .await
    }

    /// Asks the user of this username; see [`Messenger::request_friendship`].
    pub async fn request_friendship_by_username(
        &self,
        viewer: UserId,
        username: &Username,
    ) -> Result<FriendRequestSent> {
        let found = self.read_latest().await?.users().find_user_by_username(username).await?;
        let addressee = found.ok_or(Refusal::UserNotFound)?.id;
        if addressee == viewer {
            return Err(not_oneself("username"));
        }
        self.request_friendship(viewer, addressee).await
    }

    /// Accepts what `requester` asked.
    pub async fn accept_friend_request(&self, viewer: UserId, requester: UserId) -> Result<Friend> {
        let pair = UserPair::try_new(viewer, requester).ok_or(Refusal::FriendRequestNotFound)?;
        self.transact(|mut change| async move {
            let LockedPair { state, users, .. } = change.lock_pair(pair).await?;
            let since = change.now();
            let transition = state.accept(viewer, since)?;
            write(&mut change, viewer, pair, &transition).await?;
            let (_, user) = in_view(users, viewer)?;
            change.done(Friend { user, since })
        })
        .await
    }

    /// Declines what `requester` asked.
    pub async fn decline_friend_request(&self, viewer: UserId, requester: UserId) -> Result<()> {
        let pair = UserPair::try_new(viewer, requester).ok_or(Refusal::FriendRequestNotFound)?;
        self.change_pair(viewer, pair, |state, _| state.decline(viewer)).await
    }

    /// Takes back what the viewer asked `addressee`.
    pub async fn cancel_friend_request(&self, viewer: UserId, addressee: UserId) -> Result<()> {
        let pair = UserPair::try_new(viewer, addressee).ok_or(Refusal::FriendRequestNotFound)?;
        self.change_pair(viewer, pair, |state, _| state.cancel(viewer)).await
    }

    /// Ends a friendship. The direct conversation stays readable to both.
    pub async fn unfriend(&self, viewer: UserId, other: UserId) -> Result<()> {
        let pair = UserPair::try_new(viewer, other).ok_or(Refusal::FriendshipNotFound)?;
        self.change_pair(viewer, pair, |state, _| state.unfriend()).await
    }

    /// Blocks a user. Blocking twice is blocking once.
    pub async fn block(&self, viewer: UserId, other: UserId) -> Result<()> {
        let pair = other_than(viewer, other, "user_id")?;
        self.transact(|mut change| async move {
            let LockedPair { state, users, .. } = change.lock_pair(pair).await?;
            in_view(users, viewer)?;
            let transition = state.block(viewer, change.now());
            write(&mut change, viewer, pair, &transition).await?;
            change.done(())
        })
        .await
    }

    /// Lifts a block. Without one nothing happens.
    pub async fn unblock(&self, viewer: UserId, other: UserId) -> Result<()> {
        let Some(pair) = UserPair::try_new(viewer, other) else { return Ok(()) };
        self.change_pair(viewer, pair, |state, _| Ok(state.unblock(viewer))).await
    }

    /// The viewer's friends, latest first; with a query, those whose username
    /// or display name contains it.
    pub async fn list_friends(
        &self,
        viewer: UserId,
        query: Option<&UserQuery>,
        page: PageRequest,
    ) -> Result<Page<Friend>> {
        friends(&mut self.read_latest().await?, viewer, query, &page).await
    }

    /// The viewer's pending requests, latest first.
    pub async fn list_friend_requests(
        &self,
        viewer: UserId,
        direction: Direction,
        page: PageRequest,
    ) -> Result<Page<FriendRequest>> {
        friend_requests(&mut self.read_latest().await?, viewer, direction, &page).await
    }

    /// Whom the viewer blocks, latest first.
    pub async fn list_blocks(&self, viewer: UserId, page: PageRequest) -> Result<Page<Friend>> {
        blocks(&mut self.read_latest().await?, viewer, &page).await
    }

    async fn change_pair(
        &self,
        viewer: UserId,
        pair: UserPair,
        decide: impl Fn(&PairState, Timestamp) -> Result<Transition, Refusal>,
    ) -> Result<()> {
        let decide = &decide;
        self.transact(|mut change| async move {
            let LockedPair { state, .. } = change.lock_pair(pair).await?;
            let transition = decide(&state, change.now())?;
            write(&mut change, viewer, pair, &transition).await?;
            change.done(())
        })
        .await
    }
}

pub(crate) async fn friends(
    reads: &mut dyn Reads,
    viewer: UserId,
    query: Option<&UserQuery>,
    page: &PageRequest,
) -> Result<Page<Friend>> {
    let folded = query.map_or("", UserQuery::folded);
    let scope = ListScope::new("friends", &[viewer.as_uuid().as_bytes(), folded.as_bytes()]);
    let rows = reads.friendships().list_friends(viewer, query, scope.slice(page)?).await?;
    Ok(scope.page(rows, |friend| friend))
}

pub(crate) async fn friend_requests(
    reads: &mut dyn Reads,
    viewer: UserId,
    direction: Direction,
    page: &PageRequest,
) -> Result<Page<FriendRequest>> {
    let list = match direction {
        Direction::Incoming => "incoming_friend_requests",
        Direction::Outgoing => "outgoing_friend_requests",
    };
    let scope = ListScope::new(list, &[viewer.as_uuid().as_bytes()]);
    let rows = reads.friendships().list_friend_requests(viewer, direction, scope.slice(page)?).await?;
    Ok(scope.page(rows, |request| request))
}

pub(crate) async fn blocks(reads: &mut dyn Reads, viewer: UserId, page: &PageRequest) -> Result<Page<Friend>> {
    let scope = ListScope::new("blocks", &[viewer.as_uuid().as_bytes()]);
    let rows = reads.friendships().list_blocks(viewer, scope.slice(page)?).await?;
    Ok(scope.page(rows, |block| block))
}

/// The viewer and the other one, both of whom must exist.
pub(crate) fn in_view(users: Vec<User>, viewer: UserId) -> Result<(User, User)> {
    let (mut viewers, mut others): (Vec<_>, Vec<_>) = users.into_iter().partition(|user| user.id == viewer);
    match (viewers.pop(), others.pop()) {
        (Some(viewer), Some(other)) => Ok((viewer, other)),
        _ => Err(Refusal::UserNotFound.into()),
    }
}

pub(crate) fn other_than(viewer: UserId, other: UserId, field: &str) -> Result<UserPair> {
    UserPair::try_new(viewer, other).ok_or_else(|| not_oneself(field))
}

fn not_oneself(field: &str) -> Error {
    InvalidValue::new("must be another user, not yourself").at(field).into()
}

async fn write(change: &mut Change, actor: UserId, pair: UserPair, transition: &Transition) -> Result<()> {
    if !transition.changes.is_empty() {
        change.friendships().apply_pair_changes(pair, &transition.changes).await?;
    }
    change.record_transition(actor, transition);
    Ok(())
}
