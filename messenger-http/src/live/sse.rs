//! Server-sent events (the HTML standard, section 9.2): `id` is the cursor, so
//! a client that reconnects by the standard goes on where it was.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use messenger_core::Messenger;
use messenger_core::id::IdGenerator;
use messenger_core::live::{CloseReason, Ended, Subscription, Update};
use poem::http::header;
use poem::{Body, Endpoint, Request, Response};
use poem_openapi::types::ToJSON as _;
use tokio::time::timeout;

use super::connect::{Tickets, connect};
use super::{FRAMES_PER_WRITE, event_json, reconnect_after_ms};
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
        let pieces = stream::unfold(Some(subscription), move |subscription| next(subscription, ids.clone()));
        Ok(Response::builder()
            .header(header::CONTENT_TYPE, "text/event-stream")
            .header(header::CACHE_CONTROL, "no-store")
            // nginx would otherwise keep events back until a buffer is full.
            .header("x-accel-buffering", "no")
            .body(Body::from_bytes_stream(pieces)))
    }
}

/// The next piece of the stream: whatever is there, so that events which come
/// together are written together.
async fn next(
    subscription: Option<Subscription>,
    ids: Arc<dyn IdGenerator>,
) -> Option<(io::Result<String>, Option<Subscription>)> {
    let mut subscription = subscription?;
    let mut piece = String::new();
    match timeout(KEEP_ALIVE, subscription.next()).await {
        Err(_) => piece.push_str(":\n\n"),
        Ok(Ok(update)) => {
            push(&mut piece, &update, &subscription);
            for _ in 1..FRAMES_PER_WRITE {
                let Some(update) = subscription.ready() else { break };
                push(&mut piece, &update, &subscription);
            }
        }
        Ok(Err(ended)) => return farewell(&ended, &ids).map(|piece| (Ok(piece), None)),
    }
    Some((Ok(piece), Some(subscription)))
}

fn push(piece: &mut String, update: &Update, subscription: &Subscription) {
    // JSON has no line breaks of its own, so one line of data is all of it.
    let mut moved = |kind, data| write!(piece, "id: {}\nevent: {kind}\ndata: {data}\n\n", subscription.encode_cursor());
    let written = match update {
        Update::Event(delivery) => moved(delivery.kind(), event_json(delivery)),
        Update::CaughtUp => moved("caught_up", "{}"),
        Update::Heartbeat => moved("heartbeat", "{}"),
        // Without an id: what a client goes on from stays what it was.
        Update::Signal(signal) => {
            let data = wire::Signal::from(signal).to_json_string();
            write!(piece, "event: {}\ndata: {data}\n\n", signal.kind())
        }
    };
    debug_assert!(written.is_ok(), "a string takes everything");
}

/// What is said last. Without another id the client goes on from the last one
/// it saw.
fn farewell(ended: &Ended, ids: &Arc<dyn IdGenerator>) -> Option<String> {
    match ended {
        Ended::Closed(CloseReason::ShuttingDown | CloseReason::Lagging) | Ended::Failed(_) => {
            let after_ms = reconnect_after_ms(ids);
            Some(format!("event: reconnect\ndata: {{\"after_ms\":{after_ms}}}\n\n"))
        }
        Ended::Closed(CloseReason::ResyncRequired) => Some("event: resync_required\ndata: {}\n\n".to_owned()),
        Ended::Closed(CloseReason::SessionEnded) => None,
    }
}
