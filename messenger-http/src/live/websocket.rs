//! WebSocket (RFC 6455): JSON frames, several to a write when several wait.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use messenger_core::Messenger;
use messenger_core::id::IdGenerator;
use messenger_core::live::{CloseReason, Ended, Subscription, Update};
use poem::web::websocket::{CloseCode, Message, WebSocket, WebSocketStream};
use poem::{Endpoint, FromRequest as _, IntoResponse as _, Request, Response};
use poem_openapi::types::ToJSON as _;
use serde_json::json;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::closing::Closing;
use super::connect::{Tickets, connect};
use super::{FRAMES_PER_WRITE, event_json, reconnect_after_ms};
use crate::problem::{Code, Problem};
use crate::wire;

/// How long a client may take to read what is written to it. After that it is
/// cut off, and goes on from its cursor when it is back.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Clients send next to nothing, and most connections are idle: what is read
/// into stays small (the default is 128 KiB, for each).
const READ_BUFFER: usize = 1024;

/// How much is gathered for a write. It takes memory only once so much waits
/// for a connection.
const WRITE_BUFFER: usize = 16 * 1024;

/// The largest message of a client.
const LARGEST_MESSAGE: usize = 4 * 1024;

/// `GET /v1/events/ws`.
pub(crate) struct WebSocketEndpoint {
    pub(crate) messenger: Messenger,
    pub(crate) ids: Arc<dyn IdGenerator>,
}

impl Endpoint for WebSocketEndpoint {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let socket = WebSocket::from_request_without_body(&request).await;
        let socket = socket.map_err(|_| Problem::new(Code::UpgradeRequired))?;
        let subscription = connect(&self.messenger, &request, Tickets::Taken).await?;
        let ids = self.ids.clone();
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_message_size(Some(LARGEST_MESSAGE))
            .max_frame_size(Some(LARGEST_MESSAGE));
        Ok(socket.config(config).on_upgrade(move |socket| serve(socket, subscription, ids)).into_response())
    }
}

/// Writes what happens until either side ends it.
async fn serve(socket: WebSocketStream, mut subscription: Subscription, ids: Arc<dyn IdGenerator>) {
    let (mut sink, mut incoming) = socket.split();
    loop {
        let update = tokio::select! {
            update = subscription.next() => update,
            // Pings are answered by the library; there is nothing else to say.
            message = incoming.next() => match message {
                Some(Ok(Message::Close(_))) => {
                    // The library has its answer ready; this sends it. A
                    // client that is gone already does not miss it.
                    let _ = timeout(WRITE_TIMEOUT, sink.close()).await;
                    return;
                }
                Some(Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
        };
        let written = timeout(WRITE_TIMEOUT, async {
            match update {
                Ok(update) => {
                    sink.feed(frame(&update, &subscription)).await?;
                    for _ in 1..FRAMES_PER_WRITE {
                        let Some(update) = subscription.ready() else { break };
                        sink.feed(frame(&update, &subscription)).await?;
                    }
                    sink.flush().await?;
                    std::io::Result::Ok(true)
                }
                Err(ended) => {
                    for message in farewell(&ended, &ids) {
                        sink.feed(message).await?;
                    }
                    sink.close().await?;
                    Ok(false)
                }
            }
        });
        if !matches!(written.await, Ok(Ok(true))) {
            return;
        }
    }
}

fn frame(update: &Update, subscription: &Subscription) -> Message {
    let cursor = subscription.encode_cursor();
    // A cursor is of letters, digits, `-` and `_`: nothing in it to escape.
    Message::text(match update {
        Update::Event(delivery) => {
            format!(r#"{{"type":"event","event":{},"cursor":"{cursor}"}}"#, event_json(delivery))
        }
        // Without a cursor: what a client goes on from stays what it was.
        Update::Signal(signal) => {
            format!(r#"{{"type":"event","event":{}}}"#, wire::Signal::from(signal).to_json_string())
        }
        Update::CaughtUp => format!(r#"{{"type":"caught_up","cursor":"{cursor}"}}"#),
        Update::Heartbeat => format!(r#"{{"type":"heartbeat","cursor":"{cursor}"}}"#),
    })
}

fn farewell(ended: &Ended, ids: &Arc<dyn IdGenerator>) -> Vec<Message> {
    let closing = Closing::of(ended);
    let close = Message::close_with(CloseCode::from(closing.code), closing.reason);
    if matches!(ended, Ended::Closed(CloseReason::ShuttingDown)) {
        let reconnect = json!({"type": "reconnect", "after_ms": reconnect_after_ms(ids)});
        return vec![Message::text(reconnect.to_string()), close];
    }
    vec![close]
}
