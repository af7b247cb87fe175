//! Asking to be friends.

use messenger_core::Messenger;
use messenger_core::id::UserId;
use messenger_core::service::friendships::FriendRequestSent;
use messenger_core::store;
use messenger_core::user::Username;
use poem_openapi::param::Path;
use poem_openapi::{Enum, OpenApi};
use uuid::Uuid;

use super::Tag;
use crate::answer::{Answer, CreatedOrFound, NoContent};
use crate::auth::Authenticated;
use crate::body::JsonBody;
use crate::params::{Query, page_request};
use crate::problem::{Failure, operation_errors};
use crate::wire;

pub(crate) struct FriendRequestsApi(pub(crate) Messenger);

operation_errors! {
    SendFriendRequest: [user_not_found, already_friends, friend_request_exists, blocked_by_you, invalid_value];
    ListFriendRequests: [];
    AcceptFriendRequest: [friend_request_not_found];
    DeclineFriendRequest: [friend_request_not_found];
    CancelFriendRequest: [friend_request_not_found];
}

/// Who has asked whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case", remote = "store::Direction")]
enum Direction {
    /// Others have asked the viewer.
    Incoming,
    /// The viewer has asked others.
    Outgoing,
}

#[OpenApi(prefix_path = "/v1/friend-requests", tag = "Tag::FriendRequests")]
impl FriendRequestsApi {
    /// Ask to be friends
    ///
    /// 201 with the request, which waits for an answer. When the other has
    /// asked too, the two are friends at once: 200 with the friendship.
    #[oai(path = "/", method = "post", operation_id = "send_friend_request")]
    async fn send_friend_request(
        &self,
        viewer: Authenticated,
        body: JsonBody<wire::NewFriendRequest>,
    ) -> Result<CreatedOrFound<wire::FriendRequestSent>, Failure<SendFriendRequest>> {
        let viewer = viewer.0.user_id;
        let sent = match body.0 {
            wire::NewFriendRequest::ById(by) => {
                self.0.request_friendship(viewer, UserId::from_uuid(by.user_id)).await?
            }
            wire::NewFriendRequest::ByUsername(by) => {
                let username = Username::parse(&by.username)
                    .map_err(|error| error.at("username"))
                    .map_err(messenger_core::Error::Invalid)?;
                self.0.request_friendship_by_username(viewer, &username).await?
            }
        };
        Ok(match sent {
            FriendRequestSent::Pending(request) => {
                CreatedOrFound::Created(wire::FriendRequestSent::Pending(request.into()))
            }
            FriendRequestSent::Friends(friend) => {
                CreatedOrFound::Found(wire::FriendRequestSent::Friends(friend.into()))
            }
        })
    }

    /// List friend requests
    ///
    /// Those that wait for an answer, latest first.
    #[oai(path = "/", method = "get", operation_id = "list_friend_requests")]
    async fn list_friend_requests(
        &self,
        viewer: Authenticated,
        /// Who has asked whom.
        direction: Query<Direction>,
        /// How many items the page may hold: 1 to 100, 50 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Answer<wire::FriendRequestPage>, Failure<ListFriendRequests>> {
        let page = page_request(limit.0, cursor.0)?;
        let page = self.0.list_friend_requests(viewer.0.user_id, direction.0.into(), page).await?;
        Ok(Answer(wire::FriendRequestPage::of(page, Into::into)))
    }

    /// Accept a friend request
    ///
    /// The two are friends from now on.
    #[oai(path = "/:user_id/accept", method = "post", operation_id = "accept_friend_request")]
    async fn accept_friend_request(
        &self,
        viewer: Authenticated,
        /// Who has asked.
        user_id: Path<Uuid>,
    ) -> Result<Answer<wire::Friend>, Failure<AcceptFriendRequest>> {
        let friend = self.0.accept_friend_request(viewer.0.user_id, UserId::from_uuid(user_id.0)).await?;
        Ok(Answer(friend.into()))
    }

    /// Decline a friend request
    ///
    /// The one who asked may ask again.
    #[oai(path = "/:user_id/decline", method = "post", operation_id = "decline_friend_request")]
    async fn decline_friend_request(
        &self,
        viewer: Authenticated,
        /// Who has asked.
        user_id: Path<Uuid>,
    ) -> Result<NoContent, Failure<DeclineFriendRequest>> {
        self.0.decline_friend_request(viewer.0.user_id, UserId::from_uuid(user_id.0)).await?;
        Ok(NoContent)
    }

    /// Cancel a friend request
    ///
    /// Takes back what the viewer has asked.
    #[oai(path = "/:user_id", method = "delete", operation_id = "cancel_friend_request")]
    async fn cancel_friend_request(
        &self,
        viewer: Authenticated,
        /// Who was asked.
        user_id: Path<Uuid>,
    ) -> Result<NoContent, Failure<CancelFriendRequest>> {
        self.0.cancel_friend_request(viewer.0.user_id, UserId::from_uuid(user_id.0)).await?;
        Ok(NoContent)
    }
}
