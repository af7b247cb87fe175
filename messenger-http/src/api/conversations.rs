//! Where messages live.

use messenger_core::conversation::{ConversationKind, Title};
use messenger_core::error::FieldErrors;
use messenger_core::id::{ConversationId, UserId};
use messenger_core::message::ClientId;
use messenger_core::service::ConversationView;
use messenger_core::service::conversations::{ConversationChanges, NewGroup, Opened};
use messenger_core::{Error, Messenger};
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use uuid::Uuid;

use super::Tag;
use crate::answer::{Answer, CreatedOrFound, NoContent, Written};
use crate::auth::Authenticated;
use crate::body::JsonBody;
use crate::params::{Query, page_request};
use crate::problem::{Failure, operation_errors};
use crate::values::keep_optional;
use crate::wire;

pub(crate) struct ConversationsApi(pub(crate) Messenger);

operation_errors! {
    CreateConversation: [not_friends, user_not_found, client_id_reused, conversation_not_found, invalid_value];
    ListConversations: [];
    GetConversation: [conversation_not_found];
    UpdateConversation: [not_allowed, conversation_not_found, not_a_group, invalid_value];
    SetTyping: [not_friends, conversation_not_found];
}

#[OpenApi(prefix_path = "/v1/conversations", tag = "Tag::Conversations")]
impl ConversationsApi {
    /// Open a conversation
    ///
    /// With `kind: "direct"`, the conversation with a user; two users have one
    /// and keep it. With `kind: "group"`, a new group; a repeated `client_id`
    /// gets the group that was made. 201 when it was made, 200 when it was
    /// there.
    #[oai(path = "/", method = "post", operation_id = "create_conversation")]
    async fn create_conversation(
        &self,
        viewer: Authenticated,
        body: JsonBody<wire::NewConversation>,
    ) -> Result<CreatedOrFound<wire::Conversation>, Failure<CreateConversation>> {
        let viewer = viewer.0.user_id;
        let opened = match body.0 {
            wire::NewConversation::Direct(new) => {
                self.0.open_direct_conversation(viewer, UserId::from_uuid(new.user_id)).await?
            }
            wire::NewConversation::Group(new) => self.0.create_group(viewer, new_group(new)?).await?,
        };
        Ok(match opened {
            Opened::Created(view) => CreatedOrFound::Created(view.into()),
            Opened::Existing(view) => CreatedOrFound::Found(view.into()),
        })
    }

    /// List conversations
    ///
    /// One's own, latest activity first.
    #[oai(path = "/", method = "get", operation_id = "list_conversations")]
    async fn list_conversations(
        &self,
        viewer: Authenticated,
        /// How many items the page may hold: 1 to 100, 50 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Written<wire::ConversationPage>, Failure<ListConversations>> {
        let page = self.0.list_conversations(viewer.0.user_id, page_request(limit.0, cursor.0)?).await?;
        Ok(Written(wire::ConversationPage::of(page, Into::into)))
    }

    /// See a conversation
    ///
    /// As the viewer, who is a member, sees it.
    #[oai(path = "/:conversation_id", method = "get", operation_id = "get_conversation")]
    async fn conversation(
        &self,
        viewer: Authenticated,
        /// The conversation's id.
        conversation_id: Path<Uuid>,
    ) -> Result<Answer<wire::Conversation>, Failure<GetConversation>> {
        let view = self.0.conversation(viewer.0.user_id, ConversationId::from_uuid(conversation_id.0)).await?;
        Ok(Answer(view.into()))
    }

    /// Change a group
    ///
    /// Its owner and admins may. An absent field stays as it is.
    #[oai(path = "/:conversation_id", method = "patch", operation_id = "update_conversation")]
    async fn update_conversation(
        &self,
        viewer: Authenticated,
        /// The conversation's id.
        conversation_id: Path<Uuid>,
        body: JsonBody<wire::ConversationChanges>,
    ) -> Result<Answer<wire::Conversation>, Failure<UpdateConversation>> {
        let mut errors = FieldErrors::new();
        let title = keep_optional(&mut errors, "title", body.0.title.as_deref(), Title::parse);
        errors.into_result()?;
        let id = ConversationId::from_uuid(conversation_id.0);
        let view = self.0.update_conversation(viewer.0.user_id, id, ConversationChanges { title }).await?;
        Ok(Answer(view.into()))
    }

    /// Say that one is typing
    ///
    /// The other members who follow the events by a stream get `typing`, unless
    /// one of the two blocks the other. It is no event: it has no id, moves no
    /// cursor, and may be lost. Clients show it for six seconds; say it again
    /// every three while the user goes on, what comes sooner is dropped.
    #[oai(path = "/:conversation_id/typing", method = "put", operation_id = "set_typing")]
    async fn set_typing(
        &self,
        viewer: Authenticated,
        /// The conversation's id.
        conversation_id: Path<Uuid>,
    ) -> Result<NoContent, Failure<SetTyping>> {
        self.0.set_typing(viewer.0.user_id, ConversationId::from_uuid(conversation_id.0)).await?;
        Ok(NoContent)
    }
}

fn new_group(new: wire::NewGroup) -> messenger_core::Result<NewGroup> {
    let mut errors = FieldErrors::new();
    let title = errors.keep("title", Title::parse(&new.title));
    let client_id = keep_optional(&mut errors, "client_id", new.client_id.as_deref(), ClientId::parse);
    let Some(title) = title else { return Err(Error::Invalid(errors)) };
    errors.into_result()?;
    Ok(NewGroup { title, member_ids: new.member_ids.into_iter().map(UserId::from_uuid).collect(), client_id })
}

impl From<ConversationView> for wire::Conversation {
    fn from(view: ConversationView) -> Self {
        let ConversationView { conversation, role, read_seq, unread_count, peer, last_message } = view;
        let (kind, title) = match conversation.kind {
            ConversationKind::Direct(_) => (wire::ConversationKind::Direct, None),
            ConversationKind::Group(group) => (wire::ConversationKind::Group, Some(group.title.to_string())),
        };
        Self {
            id: conversation.id.as_uuid(),
            kind,
            title: title.into(),
            role: role.into(),
            members_count: conversation.members_count,
            peer: peer.map(Into::into).into(),
            last_seq: conversation.last_seq.get(),
            read_seq: read_seq.get(),
            unread_count,
            last_message: last_message.map(Into::into).into(),
            created_at: conversation.created_at.into(),
            updated_at: conversation.updated_at.into(),
        }
    }
}
