//! Server-sent events (the HTML standard, section 9.2): `id` is the cursor, so
//! a client that reconnects by the standard goes on where it was.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use messenger_core::Messenger;
use messenger_core::id::IdGenerator;
use messenger_core::live::{CloseReason, Ended, Subscription, Update};
use poem::http::{HeaderValue, header};
use poem::web::sse::{Event, SSE};
use poem::{Endpoint, IntoResponse as _, Request, Response};
use poem_openapi::types::ToJSON as _;
use serde_json::json;

use super::connect::{Tickets, connect};
use super::reconnect_after_ms;
use crate::wire;

/// A comment that often keeps proxies from closing a quiet stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// `GET /v1/events/stream`.
pub(crate) struct SseEndpoint {
    pub(crate) messenger: Messenger,
    pub(crate) ids: Arc<dyn IdGenerator>,
}

impl Endpoint for SseEndpoint {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let subscription = connect(&self.messenger, &request, Tickets::Refused).await?;
        let ids = self.ids.clone();
        let events = stream::unfold(Some(subscription), move |subscription| next(subscription, ids.clone()));
        let mut response = SSE::new(events).keep_alive(KEEP_ALIVE).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // nginx would otherwise keep events back until a buffer is full.
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        Ok(response)
    }
}

async fn next(subscription: Option<Subscription>, ids: Arc<dyn IdGenerator>) -> Option<(Event, Option<Subscription>)> {
    let mut subscription = subscription?;
    match subscription.next().await {
        Ok(Update::Event(delivery)) => {
            let event = Event::message(wire::Event::from(&*delivery).to_json_string()).event_type(delivery.kind());
            Some((event.id(subscription.cursor().encode()), Some(subscription)))
        }
        Ok(Update::Signal(signal)) => {
            // Without an id: what a client goes on from stays what it was.
            let event = Event::message(wire::Signal::from(&signal).to_json_string()).event_type(signal.kind());
            Some((event, Some(subscription)))
        }
        Ok(Update::CaughtUp) => Some((mark("caught_up", &subscription), Some(subscription))),
        Ok(Update::Heartbeat) => Some((mark("heartbeat", &subscription), Some(subscription))),
        // Without another id the client goes on from the last one it saw.
        Err(Ended::Closed(CloseReason::ShuttingDown | CloseReason::Lagging) | Ended::Failed(_)) => {
            let data = json!({"after_ms": reconnect_after_ms(&ids)}).to_string();
            Some((Event::message(data).event_type("reconnect"), None))
        }
        Err(Ended::Closed(CloseReason::ResyncRequired)) => {
            Some((Event::message("{}").event_type("resync_required"), None))
        }
        Err(Ended::Closed(CloseReason::SessionEnded)) => None,
    }
}

fn mark(kind: &str, subscription: &Subscription) -> Event {
    Event::message("{}").event_type(kind).id(subscription.cursor().encode())
}
