//! The live transports: server-sent events and WebSocket, on the same cursors
//! and with the same events as the long poll.
//!
//! They are routed by hand: OpenAPI has no words for them.

mod closing;
mod connect;
mod sse;
mod websocket;

pub(crate) use closing::Closing;
pub(crate) use connect::parse_cursor;
pub(crate) use sse::SseEndpoint;
pub(crate) use websocket::WebSocketEndpoint;

use std::sync::Arc;
use std::time::Duration;

use messenger_core::delivery::Delivery;
use messenger_core::id::IdGenerator;
use poem_openapi::types::ToJSON as _;

use crate::wire;

/// How long a client should wait before it connects again when the server
/// stops: spread out, so that not all come at once.
const RECONNECT_WITHIN: Duration = Duration::from_secs(5);

/// How many updates one write may carry.
const FRAMES_PER_WRITE: usize = 64;

/// An event as JSON. Every transport carries the same, so it is made once
/// however many connections it goes to.
fn event_json(delivery: &Delivery) -> &str {
    delivery.rendered(|delivery| wire::Event::from(delivery).to_json_string())
}

fn reconnect_after_ms(ids: &Arc<dyn IdGenerator>) -> u64 {
    let mut random = [0; 2];
    ids.fill_random(&mut random);
    let within = u64::try_from(RECONNECT_WITHIN.as_millis()).unwrap_or(0);
    u64::from(u16::from_be_bytes(random)) * within / u64::from(u16::MAX)
}
