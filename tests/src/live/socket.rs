//! A WebSocket client.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::Failure;
use super::described::check_socket;
use super::frame::{Frame, Live};
use super::stream::PATIENCE;

pub(crate) struct Socket(WebSocketStream<TcpStream>);

/// Why a handshake was refused.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) problem: Value,
}

impl Socket {
    /// Connects with `query`, such as `?after=…`, and maybe a token. A small
    /// buffer shows soon that a client does not read.
    pub(crate) async fn connect(
        address: SocketAddr,
        query: &str,
        token: Option<&str>,
        receive_buffer: Option<u32>,
    ) -> Result<Result<Self, Refused>, Failure> {
        let mut request = format!("ws://{address}/v1/events/ws{query}").into_client_request()?;
        if let Some(token) = token {
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse()?);
        }
        let socket = TcpSocket::new_v4()?;
        if let Some(size) = receive_buffer {
            socket.set_recv_buffer_size(size)?;
        }
        let stream = socket.connect(address).await?;
        match timeout(PATIENCE, client_async(request, stream)).await? {
            Ok((socket, _)) => Ok(Ok(Self(socket))),
            Err(tungstenite::Error::Http(response)) => {
                let status = response.status().as_u16();
                let body = response.into_body().unwrap_or_default();
                Ok(Err(Refused { status, problem: serde_json::from_slice(&body).unwrap_or_default() }))
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn send(&mut self, message: Message) -> Result<(), Failure> {
        Ok(self.0.send(message).await?)
    }

    /// The next message of any kind.
    pub(crate) async fn message(&mut self) -> Result<Option<Message>, Failure> {
        let message = timeout(PATIENCE, self.0.next()).await.map_err(|_| "nothing comes over the WebSocket")?;
        Ok(message.transpose()?)
    }
}

impl Live for Socket {
    async fn next(&mut self) -> Result<Frame, Failure> {
        loop {
            let text = match self.message().await? {
                Some(Message::Text(text)) => text,
                Some(Message::Ping(_) | Message::Pong(_)) => continue,
                Some(Message::Close(frame)) => return Ok(Frame::End(frame.map(|frame| frame.code.into()))),
                None => return Ok(Frame::End(None)),
                Some(other) => return Err(format!("not text: {other:?}").into()),
            };
            let frame: Value = serde_json::from_str(&text)?;
            check_socket(&frame)?;
            let cursor = || frame["cursor"].as_str().map(str::to_owned).ok_or("a frame without its cursor");
            return Ok(match frame["type"].as_str() {
                Some("event") if frame["event"]["id"].is_null() && frame.get("cursor").is_none() => {
                    Frame::Signal(frame["event"].clone())
                }
                Some("event") => Frame::Event { event: frame["event"].clone(), cursor: cursor()? },
                Some("caught_up") => Frame::CaughtUp { cursor: cursor()? },
                Some("heartbeat") => {
                    cursor()?;
                    Frame::Heartbeat
                }
                Some("reconnect") => Frame::Reconnect { after_ms: frame["after_ms"].as_u64().ok_or("no after_ms")? },
                _ => return Err(format!("an unknown frame: {frame}").into()),
            });
        }
    }
}
