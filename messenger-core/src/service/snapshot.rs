//! Everything a client shows first, and where to go on from.

use crate::Messenger;
use crate::cursor::Cursor;
use crate::error::Result;
use crate::id::UserId;
use crate::page::{Page, PageRequest};
use crate::service::conversations::own_conversations;
use crate::service::friendships::{blocks, friend_requests, friends};
use crate::service::users::find_user;
use crate::service::views::ConversationView;
use crate::store::{Direction, Friend, FriendRequest};
use crate::user::User;

/// One consistent state of what a client shows, with a cursor that goes on from
/// there. Of every list it is the first page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSnapshot {
    /// Ask for what happened after it.
    pub cursor: Cursor,
    /// The viewer's own account.
    pub me: User,
    /// See [`Messenger::list_friends`].
    pub friends: Page<Friend>,
    /// See [`Messenger::list_friend_requests`].
    pub incoming_friend_requests: Page<FriendRequest>,
    /// See [`Messenger::list_friend_requests`].
    pub outgoing_friend_requests: Page<FriendRequest>,
    /// See [`Messenger::list_blocks`].
    pub blocks: Page<Friend>,
    /// See [`Messenger::list_conversations`].
    pub conversations: Page<ConversationView>,
}

impl Messenger {
    /// Everything a client shows first. All of it is read from one state, in
    /// which nothing that happened before the cursor is missing. What happens just
    /// then may be in it and be told of after the cursor too, which does no harm.
    pub async fn client_snapshot(&self, viewer: UserId) -> Result<ClientSnapshot> {
        let (mut state, log) = self.read_log().await?;
        let first = PageRequest::default();
        Ok(ClientSnapshot {
            cursor: Cursor { epoch: log.epoch(), user_id: viewer, places: log.places() },
            me: find_user(state.users(), viewer).await?,
            friends: friends(&mut state, viewer, None, &first).await?,
            incoming_friend_requests: friend_requests(&mut state, viewer, Direction::Incoming, &first).await?,
            outgoing_friend_requests: friend_requests(&mut state, viewer, Direction::Outgoing, &first).await?,
            blocks: blocks(&mut state, viewer, &first).await?,
            conversations: own_conversations(&mut state, viewer, &first).await?,
        })
    }
}
