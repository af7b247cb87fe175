//! Who is friends with whom.

use messenger_core::Messenger;
use messenger_core::id::UserId;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use uuid::Uuid;

use super::Tag;
use crate::answer::{NoContent, Written};
use crate::auth::Authenticated;
use crate::params::{Query, page_request, user_query};
use crate::problem::{Failure, operation_errors};
use crate::wire;

pub(crate) struct FriendsApi(pub(crate) Messenger);

operation_errors! {
    ListFriends: [];
    DeleteFriend: [friendship_not_found];
}

#[OpenApi(prefix_path = "/v1/friends", tag = "Tag::Friends")]
impl FriendsApi {
    /// List friends
    ///
    /// Latest first.
    #[oai(path = "/", method = "get", operation_id = "list_friends")]
    async fn list_friends(
        &self,
        viewer: Authenticated,
        /// Only those whose username or display name contains it: 1 to 100
        /// characters.
        query: Query<Option<String>>,
        /// How many items the page may hold: 1 to 100, 50 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Written<wire::FriendPage>, Failure<ListFriends>> {
        let query = query.0.as_deref().map(user_query).transpose()?;
        let page = page_request(limit.0, cursor.0)?;
        let page = self.0.list_friends(viewer.0.user_id, query.as_ref(), page).await?;
        Ok(Written(wire::FriendPage::of(page, Into::into)))
    }

    /// End a friendship
    ///
    /// The direct conversation of the two stays readable.
    #[oai(path = "/:user_id", method = "delete", operation_id = "delete_friend")]
    async fn delete_friend(
        &self,
        viewer: Authenticated,
        /// The friend's id.
        user_id: Path<Uuid>,
    ) -> Result<NoContent, Failure<DeleteFriend>> {
        self.0.unfriend(viewer.0.user_id, UserId::from_uuid(user_id.0)).await?;
        Ok(NoContent)
    }
}
