//! Who is in a conversation.

use messenger_core::Messenger;
use messenger_core::id::{ConversationId, UserId};
use messenger_core::service::members::Member;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use uuid::Uuid;

use super::Tag;
use crate::answer::{Answer, Created, NoContent, Written};
use crate::auth::Authenticated;
use crate::body::JsonBody;
use crate::params::{Query, page_request};
use crate::problem::{Failure, operation_errors};
use crate::wire;

pub(crate) struct MembersApi(pub(crate) Messenger);

operation_errors! {
    ListMembers: [conversation_not_found];
    AddMember: [not_allowed, not_friends, conversation_not_found, already_member, group_full, not_a_group];
    ChangeRole: [not_allowed, conversation_not_found, member_not_found, not_a_group, invalid_value];
    RemoveMember: [not_allowed, conversation_not_found, member_not_found, not_a_group];
    LeaveConversation: [conversation_not_found, not_a_group];
}

#[OpenApi(prefix_path = "/v1/conversations", tag = "Tag::Members")]
impl MembersApi {
    /// List members
    ///
    /// The longest standing first.
    #[oai(path = "/:conversation_id/members", method = "get", operation_id = "list_members")]
    async fn list_members(
        &self,
        viewer: Authenticated,
        /// The conversation's id.
        conversation_id: Path<Uuid>,
        /// How many items the page may hold: 1 to 100, 50 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Written<wire::MemberPage>, Failure<ListMembers>> {
        let id = ConversationId::from_uuid(conversation_id.0);
        let page = self.0.list_members(viewer.0.user_id, id, page_request(limit.0, cursor.0)?).await?;
        Ok(Written(wire::MemberPage::of(page, Into::into)))
    }

    /// Add a member
    ///
    /// The owner and admins of a group add their own friends. The new member
    /// reads everything that was said before.
    #[oai(path = "/:conversation_id/members", method = "post", operation_id = "add_member")]
    async fn add_member(
        &self,
        viewer: Authenticated,
        /// The conversation's id.
        conversation_id: Path<Uuid>,
        body: JsonBody<wire::NewMember>,
    ) -> Result<Created<wire::Member>, Failure<AddMember>> {
        let id = ConversationId::from_uuid(conversation_id.0);
        let member = self.0.add_member(viewer.0.user_id, id, UserId::from_uuid(body.0.user_id)).await?;
        Ok(Created(member.into()))
    }

    /// Leave a group
    ///
    /// The owner who leaves hands over to the longest standing admin, or else
    /// member. With its last member a group is gone.
    #[oai(path = "/:conversation_id/members/me", method = "delete", operation_id = "leave_conversation")]
    async fn leave_conversation(
        &self,
        viewer: Authenticated,
        /// The conversation's id.
        conversation_id: Path<Uuid>,
    ) -> Result<NoContent, Failure<LeaveConversation>> {
        self.0.leave_conversation(viewer.0.user_id, ConversationId::from_uuid(conversation_id.0)).await?;
        Ok(NoContent)
    }

    /// Appoint a member
    ///
    /// The owner appoints. With `owner` the viewer hands over and is an admin
    /// from then on.
    #[oai(path = "/:conversation_id/members/:user_id", method = "patch", operation_id = "update_member")]
    async fn update_member(
        &self,
        viewer: Authenticated,
        /// The conversation's id.
        conversation_id: Path<Uuid>,
        /// The member's id.
        user_id: Path<Uuid>,
        body: JsonBody<wire::RoleChange>,
    ) -> Result<Answer<wire::Member>, Failure<ChangeRole>> {
        let id = ConversationId::from_uuid(conversation_id.0);
        let user = UserId::from_uuid(user_id.0);
        Ok(Answer(self.0.change_role(viewer.0.user_id, id, user, body.0.role.into()).await?.into()))
    }

    /// Remove a member
    ///
    /// The owner removes anyone, an admin removes members. Removing oneself is
    /// leaving.
    #[oai(path = "/:conversation_id/members/:user_id", method = "delete", operation_id = "remove_member")]
    async fn remove_member(
        &self,
        viewer: Authenticated,
        /// The conversation's id.
        conversation_id: Path<Uuid>,
        /// The member's id.
        user_id: Path<Uuid>,
    ) -> Result<NoContent, Failure<RemoveMember>> {
        let id = ConversationId::from_uuid(conversation_id.0);
        self.0.remove_member(viewer.0.user_id, id, UserId::from_uuid(user_id.0)).await?;
        Ok(NoContent)
    }
}

impl From<Member> for wire::Member {
    fn from(member: Member) -> Self {
        Self { user: member.user.into(), role: member.role.into(), joined_at: member.joined_at.into() }
    }
}
