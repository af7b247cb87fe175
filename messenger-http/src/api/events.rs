//! Following what happens: the snapshot, and the events after it.

use std::time::Duration;

use messenger_core::id::UserId;
use messenger_core::live::Update;
use messenger_core::page::Limit;
use messenger_core::service::events::{EventPage, Progress};
use messenger_core::session::TICKET_LIFETIME;
use messenger_core::{Error, Messenger};
use poem_openapi::OpenApi;

use super::Tag;
use crate::answer::{Created, Written};
use crate::auth::Authenticated;
use crate::live::parse_cursor;
use crate::params::{Query, invalid, page_limit};
use crate::problem::{Failure, operation_errors};
use crate::wire;

pub(crate) struct EventsApi(pub(crate) Messenger);

operation_errors! {
    GetSnapshot: [];
    ListEvents: [bad_cursor, resync_required];
    CreateTicket: [];
}

/// The longest that a request waits for something to happen.
const LONGEST_WAIT_SECONDS: i64 = 25;

#[OpenApi(prefix_path = "/v1", tag = "Tag::Events")]
impl EventsApi {
    /// See everything at once
    ///
    /// What a client shows first, as of one instant, with the cursor that the
    /// events go on from.
    #[oai(path = "/snapshot", method = "get", operation_id = "get_snapshot")]
    async fn snapshot(&self, viewer: Authenticated) -> Result<Written<wire::Snapshot>, Failure<GetSnapshot>> {
        Ok(Written(self.0.client_snapshot(viewer.0.user_id).await?.into()))
    }

    /// List events
    ///
    /// What happened after a cursor. With `wait`, an answer without events
    /// waits for one. The same events come as a stream: `GET
    /// /v1/events/stream` (server-sent events; `Last-Event-ID` wins over
    /// `after`), and `GET /v1/events/ws` (WebSocket; a browser sends a
    /// ticket). The streams also carry signals, `typing` and `presence`, which
    /// are no events: they have no id, move no cursor, and are not listed here.
    /// Who waits here counts as online.
    ///
    /// 410 says that the log does not go on from the cursor: take a new
    /// snapshot.
    #[oai(path = "/events", method = "get", operation_id = "list_events")]
    async fn events(
        &self,
        viewer: Authenticated,
        /// A cursor of a snapshot, or of an answer before. From now when
        /// absent.
        after: Query<Option<String>>,
        /// For how many seconds to wait for an event: 0 to 25, 0 when absent.
        #[oai(validator(minimum(value = "0"), maximum(value = "25")))]
        wait: Query<Option<i64>>,
        /// How many events: 1 to 100, 50 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> Result<Written<wire::EventPage>, Failure<ListEvents>> {
        let viewer = viewer.0.user_id;
        let limit = page_limit(limit.0)?;
        let wait = wait.0.unwrap_or(0);
        if !(0..=LONGEST_WAIT_SECONDS).contains(&wait) {
            return Err(invalid("wait", "must be 0 to 25").into());
        }
        let cursor = match after.0 {
            Some(text) => parse_cursor("after", &text, viewer)?,
            None => self.0.cursor(viewer).await?,
        };
        let mut page = self.0.events_after(viewer, &cursor, limit).await?;
        if page.events.is_empty() && wait > 0 {
            let wait = Duration::from_secs(wait.unsigned_abs());
            page = self.wait_for_events(viewer, page, wait, limit).await?;
        }
        Ok(Written(wire::EventPage {
            events: page.events.iter().map(Into::into).collect(),
            cursor: page.cursor.encode(),
            caught_up: page.caught_up == Progress::CaughtUp,
        }))
    }

    /// Make a ticket
    ///
    /// For a client that can send no header, such as a browser's WebSocket.
    #[oai(path = "/events/ticket", method = "post", operation_id = "create_ticket")]
    async fn ticket(&self, viewer: Authenticated) -> Result<Created<wire::Ticket>, Failure<CreateTicket>> {
        let ticket = self.0.issue_ticket(&viewer.0).await?;
        let expires_in = i64::try_from(TICKET_LIFETIME.as_secs()).unwrap_or(0);
        Ok(Created(wire::Ticket { ticket: ticket.expose().to_owned(), expires_in }))
    }
}

impl EventsApi {
    /// Waits until something happens, and reads what it is. When nothing does,
    /// or the server drains, the empty page stands.
    async fn wait_for_events(
        &self,
        viewer: UserId,
        page: EventPage,
        wait: Duration,
        limit: Limit,
    ) -> Result<EventPage, Error> {
        let mut subscription = self.0.subscribe(page.cursor.clone()).await?.without_signals();
        let happened = tokio::time::timeout(wait, async {
            loop {
                match subscription.next().await {
                    Ok(Update::Event(_)) => return true,
                    Ok(Update::CaughtUp | Update::Heartbeat | Update::Signal(_)) => {}
                    Err(_) => return false,
                }
            }
        });
        if happened.await == Ok(true) {
            return self.0.events_after(viewer, &page.cursor, limit).await;
        }
        Ok(EventPage { cursor: subscription.cursor(), ..page })
    }
}
