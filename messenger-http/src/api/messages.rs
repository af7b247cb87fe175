//! What is said, and how far one has read.

use messenger_core::error::FieldErrors;
use messenger_core::id::{ConversationId, MessageId};
use messenger_core::message::{ClientId, MessageBody, Seq};
use messenger_core::service::history::{self, HistoryAt};
use messenger_core::service::messages::{Draft, Sent};
use messenger_core::{Error, Messenger};
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use uuid::Uuid;

use super::Tag;
use crate::answer::{Answer, CreatedOrFound, NoContent, Text, Written};
use crate::auth::Authenticated;
use crate::body::JsonBody;
use crate::pages::{Pages, Question};
use crate::params::{Query, invalid, page_limit, page_request};
use crate::problem::{Code, Failure, Problem, operation_errors};
use crate::values::keep_optional;
use crate::wire;

pub(crate) struct MessagesApi {
    pub(crate) messenger: Messenger,
    pub(crate) pages: Pages,
}

operation_errors! {
    SendMessage: [not_friends, conversation_not_found, message_not_found, client_id_reused, invalid_value];
    ListMessages: [conversation_not_found];
    ListRecentMessages: [];
    GetMessage: [conversation_not_found, message_not_found];
    EditMessage: [not_allowed, not_friends, conversation_not_found, message_not_found, message_deleted, invalid_value];
    DeleteMessage: [not_allowed, conversation_not_found, message_not_found];
    MarkRead: [conversation_not_found, invalid_value];
}

#[OpenApi(prefix_path = "/v1", tag = "Tag::Messages")]
impl MessagesApi {
    /// Send a message
    ///
    /// A repeated `client_id` is the same send: 200 with the message as it is
    /// now. With another payload it is refused.
    #[oai(path = "/conversations/:conversation_id/messages", method = "post", operation_id = "send_message")]
    async fn send_message(
        &self,
        viewer: Authenticated,
        /// The conversation's id.
        conversation_id: Path<Uuid>,
        body: JsonBody<wire::NewMessage>,
    ) -> Result<CreatedOrFound<wire::Message>, Failure<SendMessage>> {
        let new = body.0;
        let mut errors = FieldErrors::new();
        let body = errors.keep("body", MessageBody::parse(&new.body));
        let client_id = keep_optional(&mut errors, "client_id", new.client_id.as_deref(), ClientId::parse);
        let Some(body) = body else { return Err(Error::Invalid(errors).into()) };
        errors.into_result()?;
        let draft = Draft { body, client_id, reply_to: new.reply_to.map(MessageId::from_uuid) };
        let id = ConversationId::from_uuid(conversation_id.0);
        Ok(match self.messenger.send_message(viewer.0.user_id, id, draft).await? {
            Sent::Stored(message) => CreatedOrFound::Created(message.into()),
            Sent::Repeated(message) => CreatedOrFound::Found(message.into()),
        })
    }

    /// List messages
    ///
    /// A stretch of the conversation in ascending `seq`: the latest, or those
    /// just before, just after or around a number. Deleted messages are in it,
    /// without a body.
    #[oai(path = "/conversations/:conversation_id/messages", method = "get", operation_id = "list_messages")]
    #[allow(clippy::too_many_arguments, reason = "one for each parameter of the query")]
    async fn list_messages(
        &self,
        viewer: Authenticated,
        /// The conversation's id.
        conversation_id: Path<Uuid>,
        /// Only messages before this `seq`. At most one of `before`, `after`
        /// and `around`.
        #[oai(validator(minimum(value = "0")))]
        before: Query<Option<i64>>,
        /// Only messages after this `seq`.
        #[oai(validator(minimum(value = "0")))]
        after: Query<Option<i64>>,
        /// The messages on both sides of this `seq`, and the one itself.
        #[oai(validator(minimum(value = "0")))]
        around: Query<Option<i64>>,
        /// How many messages: 1 to 100, 50 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> Result<Text<wire::MessagePage>, Failure<ListMessages>> {
        let at = place(before.0, after.0, around.0)?;
        let conversation = ConversationId::from_uuid(conversation_id.0);
        let question = Question { conversation, at, limit: page_limit(limit.0)? };
        Ok(self.pages.read(&self.messenger, viewer.0.user_id, question).await?)
    }

    /// List recent messages
    ///
    /// Newest first, over all of one's conversations.
    #[oai(path = "/messages/recent", method = "get", operation_id = "list_recent_messages")]
    async fn list_recent_messages(
        &self,
        viewer: Authenticated,
        /// How many items the page may hold: 1 to 100, 50 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Written<wire::RecentMessagePage>, Failure<ListRecentMessages>> {
        let page = self.messenger.list_recent_messages(viewer.0.user_id, page_request(limit.0, cursor.0)?).await?;
        Ok(Written(wire::RecentMessagePage::of(page, Into::into)))
    }

    /// See a message
    ///
    /// A deleted one is without its body.
    #[oai(path = "/conversations/:conversation_id/messages/:message_id", method = "get", operation_id = "get_message")]
    async fn message(
        &self,
        viewer: Authenticated,
        /// The conversation's id.
        conversation_id: Path<Uuid>,
        /// The message's id.
        message_id: Path<Uuid>,
    ) -> Result<Answer<wire::Message>, Failure<GetMessage>> {
        let (conversation, message) = ids(&conversation_id, &message_id);
        Ok(Answer(self.messenger.message(viewer.0.user_id, conversation, message).await?.into()))
    }

    /// Edit a message
    ///
    /// Its sender may, as long as they may send.
    #[oai(
        path = "/conversations/:conversation_id/messages/:message_id",
        method = "patch",
        operation_id = "edit_message"
    )]
    async fn edit_message(
        &self,
        viewer: Authenticated,
        /// The conversation's id.
        conversation_id: Path<Uuid>,
        /// The message's id.
        message_id: Path<Uuid>,
        body: JsonBody<wire::MessageEdit>,
    ) -> Result<Answer<wire::Message>, Failure<EditMessage>> {
        let (conversation, message) = ids(&conversation_id, &message_id);
        let body = MessageBody::parse(&body.0.body).map_err(|error| Error::Invalid(error.at("body")))?;
        Ok(Answer(self.messenger.edit_message(viewer.0.user_id, conversation, message, body).await?.into()))
    }

    /// Delete a message
    ///
    /// Its sender may, and the owner and admins of a group. Its number stays.
    #[oai(
        path = "/conversations/:conversation_id/messages/:message_id",
        method = "delete",
        operation_id = "delete_message"
    )]
    async fn delete_message(
        &self,
        viewer: Authenticated,
        /// The conversation's id.
        conversation_id: Path<Uuid>,
        /// The message's id.
        message_id: Path<Uuid>,
    ) -> Result<NoContent, Failure<DeleteMessage>> {
        let (conversation, message) = ids(&conversation_id, &message_id);
        self.messenger.delete_message(viewer.0.user_id, conversation, message).await?;
        Ok(NoContent)
    }

    /// Mark as read
    ///
    /// Up to and with this `seq`. The marker never moves back.
    #[oai(path = "/conversations/:conversation_id/read", method = "put", operation_id = "mark_read")]
    async fn mark_read(
        &self,
        viewer: Authenticated,
        /// The conversation's id.
        conversation_id: Path<Uuid>,
        body: JsonBody<wire::ReadMarker>,
    ) -> Result<Answer<wire::ReadState>, Failure<MarkRead>> {
        let seq = Seq::parse(body.0.seq).map_err(|error| Error::Invalid(error.at("seq")))?;
        let id = ConversationId::from_uuid(conversation_id.0);
        let state = self.messenger.mark_read(viewer.0.user_id, id, seq).await?;
        Ok(Answer(wire::ReadState { read_seq: state.read_seq.get(), unread_count: state.unread_count }))
    }
}

fn ids(conversation: &Path<Uuid>, message: &Path<Uuid>) -> (ConversationId, MessageId) {
    (ConversationId::from_uuid(conversation.0), MessageId::from_uuid(message.0))
}

/// Where in the conversation to look; at most one place may be named.
fn place(before: Option<i64>, after: Option<i64>, around: Option<i64>) -> Result<HistoryAt, Problem> {
    let seq = |name: &str, seq: i64| Seq::parse(seq).map_err(|error| invalid(name, error.to_string()));
    match (before, after, around) {
        (None, None, None) => Ok(HistoryAt::Latest),
        (Some(before), None, None) => Ok(HistoryAt::Before(seq("before", before)?)),
        (None, Some(after), None) => Ok(HistoryAt::After(seq("after", after)?)),
        (None, None, Some(around)) => Ok(HistoryAt::Around(seq("around", around)?)),
        _ => {
            let given = [("before", before), ("after", after), ("around", around)];
            let given = given.into_iter().filter(|(_, value)| value.is_some());
            let problem = Problem::new(Code::InvalidParameter);
            Err(given
                .fold(problem, |problem, (name, _)| problem.field(name, "give at most one of before, after, around")))
        }
    }
}

impl From<history::MessagePage> for wire::MessagePage {
    fn from(page: history::MessagePage) -> Self {
        let items = page.items.into_iter().map(Into::into).collect();
        Self { items, has_before: page.has_before, has_after: page.has_after }
    }
}
