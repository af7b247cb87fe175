//! WebSocket (RFC 6455): JSON frames, several to a write when several wait.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::SplitSink;
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

/// How long a client may take to read what is written to it. After that
/// nothing more waits for it: it is told to go on from its cursor.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the last words wait until the client reads again. Who does not
/// read in all this time finds a connection that broke, which asks the same
/// of it.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(20);

/// How long the client may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

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

type Sink = SplitSink<WebSocketStream, Message>;

/// Writes what happens until either side ends it.
async fn serve(socket: WebSocketStream, mut subscription: Subscription, ids: Arc<dyn IdGenerator>) {
    let (mut sink, mut incoming) = socket.split();
    let ended = loop {
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
        let update = match update {
            Ok(update) => update,
            Err(ended) => break ended,
        };
        match timeout(WRITE_TIMEOUT, write(&mut sink, update, &mut subscription)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) => break Ended::Closed(CloseReason::Lagging),
        }
    };
    // What waits for the client is given up. The write buffer stays, with the
    // frame that the socket has taken a part of: without the rest of it, no
    // other can follow.
    drop(subscription);
    let said = timeout(LAST_WORDS_TIMEOUT, async {
        for message in farewell(&ended, &ids) {
            sink.feed(message).await?;
        }
        sink.close().await
    });
    if let Ok(Ok(())) = said.await {
        // A socket closed with something unread in it is reset, and takes
        // along what the client has yet to read.
        let _ = timeout(CLOSE_TIMEOUT, async { while let Some(Ok(_)) = incoming.next().await {} }).await;
    }
}

/// Writes an update, and those that are there already with it.
async fn write(sink: &mut Sink, update: Update, subscription: &mut Subscription) -> io::Result<()> {
    sink.feed(frame(&update, subscription)).await?;
    for _ in 1..FRAMES_PER_WRITE {
        let Some(update) = subscription.ready() else { break };
        sink.feed(frame(&update, subscription)).await?;
    }
    sink.flush().await
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
