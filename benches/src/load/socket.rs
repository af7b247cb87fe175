//! A WebSocket client that only reads: a frame costs it next to nothing, so
//! that thousands of clients do not hide what the server costs.

use std::net::SocketAddr;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

use super::world::User;
use crate::Outcome;

/// How much is read at once.
const PIECE: usize = 16 * 1024;

/// Opens a connection's close frame.
const CLOSE: u8 = 0x8;

/// A connection that is open.
pub struct Socket {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// How much of the buffer was handed out.
    read: usize,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A text frame.
    Text(&'a [u8]),
    /// The server closes, with this code.
    Close(u16),
    /// The connection is gone without a word.
    Gone,
}

impl Socket {
    /// Connects and asks for what happens after a cursor, or from now on.
    /// `number` spreads connections over the loopback's addresses, each of
    /// which has ports of its own.
    pub async fn connect(
        address: SocketAddr,
        user: &User,
        after: Option<&str>,
        number: usize,
        receive_buffer: Option<u32>,
    ) -> Outcome<Self> {
        let socket = TcpSocket::new_v4()?;
        if let Some(size) = receive_buffer {
            socket.set_recv_buffer_size(size)?;
        }
        let host = u8::try_from(1 + number % 8)?;
        socket.bind(([127, 0, 0, host], 0).into())?;
        let mut stream = socket.connect(address).await?;
        let query = after.map_or_else(String::new, |cursor| format!("?after={cursor}"));
        let authorization = std::str::from_utf8(&user.authorization)?;
        let request = format!(
            "GET /v1/events/ws{query} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Authorization: {authorization}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut socket = Self { stream, buffer: vec![], read: 0 };
        loop {
            if let Some(end) = socket.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                if !socket.buffer.starts_with(b"HTTP/1.1 101") {
                    return Err(format!("refused: {}", String::from_utf8_lossy(&socket.buffer)).into());
                }
                socket.read = end + 4;
                return Ok(socket);
            }
            if !socket.fill().await? {
                return Err("closed during the handshake".into());
            }
        }
    }

    /// The next frame.
    pub async fn next(&mut self) -> Outcome<Frame<'_>> {
        loop {
            if let Some((opcode, begin, end)) = self.frame() {
                self.read = end;
                let payload = &self.buffer[begin..end];
                return Ok(match (opcode, payload) {
                    (CLOSE, [high, low, ..]) => Frame::Close(u16::from_be_bytes([*high, *low])),
                    (CLOSE, _) => Frame::Gone,
                    _ => Frame::Text(payload),
                });
            }
            match self.fill().await {
                Ok(true) => {}
                Ok(false) | Err(_) => return Ok(Frame::Gone),
            }
        }
    }

    /// Reads up to the mark that says that what follows is live.
    pub async fn catch_up(&mut self) -> Outcome<()> {
        loop {
            match self.next().await? {
                Frame::Text(text) if text.starts_with(br#"{"type":"caught_up""#) => return Ok(()),
                Frame::Text(_) => {}
                other => return Err(format!("{other:?} before it caught up").into()),
            }
        }
    }

    /// The frame at the front of the buffer, if all of it is there: its opcode
    /// and where its payload is. A server masks nothing.
    fn frame(&self) -> Option<(u8, usize, usize)> {
        let (head, rest) = self.buffer.get(self.read..)?.split_first_chunk::<2>()?;
        let (extra, length) = match head[1] & 0x7f {
            126 => (2, usize::from(u16::from_be_bytes(*rest.first_chunk()?))),
            127 => (8, usize::try_from(u64::from_be_bytes(*rest.first_chunk()?)).ok()?),
            short => (0, usize::from(short)),
        };
        let begin = self.read + 2 + extra;
        let end = begin + length;
        (end <= self.buffer.len()).then_some((head[0] & 0x0f, begin, end))
    }

    async fn fill(&mut self) -> Outcome<bool> {
        self.buffer.drain(..self.read);
        self.read = 0;
        // An idle client holds no buffer.
        self.buffer.shrink_to(if self.buffer.is_empty() { 0 } else { PIECE });
        loop {
            self.stream.readable().await?;
            self.buffer.reserve(PIECE);
            match self.stream.try_read_buf(&mut self.buffer) {
                Ok(count) => return Ok(count > 0),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// The text after a mark, up to the next quotation mark.
pub fn text_after<'a>(frame: &'a [u8], mark: &[u8]) -> Option<&'a str> {
    let begin = frame.windows(mark.len()).position(|window| window == mark)? + mark.len();
    let length = frame[begin..].iter().position(|byte| *byte == b'"')?;
    std::str::from_utf8(&frame[begin..begin + length]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_after_a_mark_is_found() {
        let frame = br#"{"type":"event","client_id":"r1n20","cursor":"AQ"}"#;
        assert_eq!(text_after(frame, br#""client_id":""#), Some("r1n20"));
        assert_eq!(text_after(frame, br#""cursor":""#), Some("AQ"));
        assert_eq!(text_after(frame, br#""title":""#), None);
    }
}
