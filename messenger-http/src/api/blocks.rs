//! Keeping someone away.

use messenger_core::Messenger;
use messenger_core::id::UserId;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use uuid::Uuid;

use super::Tag;
use crate::answer::{Answer, NoContent};
use crate::auth::Authenticated;
use crate::params::{Query, page_request};
use crate::problem::{Failure, operation_errors};
use crate::wire;

pub(crate) struct BlocksApi(pub(crate) Messenger);

operation_errors! {
    ListBlocks: [];
    BlockUser: [user_not_found, invalid_value];
    UnblockUser: [];
}

#[OpenApi(prefix_path = "/v1/blocks", tag = "Tag::Blocks")]
impl BlocksApi {
    /// List blocked users
    ///
    /// Latest first.
    #[oai(path = "/", method = "get", operation_id = "list_blocks")]
    async fn list_blocks(
        &self,
        viewer: Authenticated,
        /// How many items the page may hold: 1 to 100, 50 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Answer<wire::FriendPage>, Failure<ListBlocks>> {
        let page = self.0.list_blocks(viewer.0.user_id, page_request(limit.0, cursor.0)?).await?;
        Ok(Answer(wire::FriendPage::of(page, Into::into)))
    }

    /// Block a user
    ///
    /// Ends a friendship and hides requests. The blocked does not learn of it.
    /// Blocking twice is blocking once.
    #[oai(path = "/:user_id", method = "put", operation_id = "block_user")]
    async fn block_user(
        &self,
        viewer: Authenticated,
        /// The user's id.
        user_id: Path<Uuid>,
    ) -> Result<NoContent, Failure<BlockUser>> {
        self.0.block(viewer.0.user_id, UserId::from_uuid(user_id.0)).await?;
        Ok(NoContent)
    }

    /// Unblock a user
    ///
    /// What was before is not restored.
    #[oai(path = "/:user_id", method = "delete", operation_id = "unblock_user")]
    async fn unblock_user(
        &self,
        viewer: Authenticated,
        /// The user's id.
        user_id: Path<Uuid>,
    ) -> Result<NoContent, Failure<UnblockUser>> {
        self.0.unblock(viewer.0.user_id, UserId::from_uuid(user_id.0)).await?;
        Ok(NoContent)
    }
}
