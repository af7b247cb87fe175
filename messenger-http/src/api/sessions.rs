//! One's own logins, device by device.

use messenger_core::Messenger;
use messenger_core::id::SessionId;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use uuid::Uuid;

use super::Tag;
use crate::answer::{Answer, NoContent};
use crate::auth::Authenticated;
use crate::params::{Query, page_request};
use crate::problem::{Failure, operation_errors};
use crate::wire;

pub(crate) struct SessionsApi(pub(crate) Messenger);

operation_errors! {
    ListSessions: [];
    EndSession: [session_not_found];
    EndOtherSessions: [];
}

#[OpenApi(prefix_path = "/v1/sessions", tag = "Tag::Sessions")]
impl SessionsApi {
    /// List one's sessions
    ///
    /// Latest first.
    #[oai(path = "/", method = "get", operation_id = "list_sessions")]
    async fn list_sessions(
        &self,
        viewer: Authenticated,
        /// How many items the page may hold: 1 to 100, 50 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Answer<wire::SessionPage>, Failure<ListSessions>> {
        let page = self.0.list_sessions(&viewer.0, page_request(limit.0, cursor.0)?).await?;
        Ok(Answer(wire::SessionPage::of(page, |session| wire::Session::new(session, viewer.0.session_id))))
    }

    /// End a session
    ///
    /// Its access token is refused from now on.
    #[oai(path = "/:session_id", method = "delete", operation_id = "end_session")]
    async fn end_session(
        &self,
        viewer: Authenticated,
        /// The session's id.
        session_id: Path<Uuid>,
    ) -> Result<NoContent, Failure<EndSession>> {
        self.0.end_session(&viewer.0, SessionId::from_uuid(session_id.0)).await?;
        Ok(NoContent)
    }

    /// End all other sessions
    ///
    /// All but the one in which this is asked.
    #[oai(path = "/", method = "delete", operation_id = "end_other_sessions")]
    async fn end_other_sessions(&self, viewer: Authenticated) -> Result<NoContent, Failure<EndOtherSessions>> {
        self.0.end_other_sessions(&viewer.0).await?;
        Ok(NoContent)
    }
}
