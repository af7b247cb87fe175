//! A client of server-sent events: the standard's line format.

use std::time::Duration;

use reqwest::Response;
use serde_json::Value;
use tokio::time::timeout;

use super::Failure;
use super::described::check_stream;
use super::frame::{Frame, Live};

/// How long a frame may take that has to come.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Stream {
    response: Response,
    buffer: Vec<u8>,
    last_id: String,
}

impl Stream {
    pub(super) fn new(response: Response) -> Self {
        Self { response, buffer: vec![], last_id: String::new() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// The bytes up to the next empty line.
    async fn block(&mut self) -> Result<Option<String>, Failure> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|two| two == b"\n\n") {
                let rest = self.buffer.split_off(end + 2);
                let block = std::mem::replace(&mut self.buffer, rest);
                return Ok(Some(String::from_utf8(block)?));
            }
            match self.response.chunk().await? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }

    fn parse(&mut self, block: &str) -> Result<Option<Frame>, Failure> {
        let (mut kind, mut data, mut id) = (String::new(), String::new(), None);
        for line in block.lines().filter(|line| !line.is_empty() && !line.starts_with(':')) {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
            match field {
                "id" => id = Some(value),
                "event" => kind = value,
                "data" => data.push_str(&value),
                other => return Err(format!("a field {other:?} in {block:?}").into()),
            }
        }
        if data.is_empty() {
            return Ok(None);
        }
        let value: Value = serde_json::from_str(&data)?;
        check_stream(&kind, id.as_deref(), &value)?;
        let has_id = id.is_some();
        self.last_id = id.unwrap_or_else(|| std::mem::take(&mut self.last_id));
        let cursor = self.last_id.clone();
        Ok(Some(match kind.as_str() {
            "caught_up" => Frame::CaughtUp { cursor },
            "heartbeat" => Frame::Heartbeat,
            "reconnect" => Frame::Reconnect { after_ms: value["after_ms"].as_u64().ok_or("no after_ms")? },
            "resync_required" => Frame::Resync,
            _ if value["kind"] == kind.as_str() && value["id"].is_null() && !has_id => Frame::Signal(value),
            _ if value["kind"] == kind.as_str() && has_id => Frame::Event { event: value, cursor },
            _ => return Err(format!("neither an event with an id nor a signal without: {block:?}").into()),
        }))
    }
}

impl Live for Stream {
    async fn next(&mut self) -> Result<Frame, Failure> {
        loop {
            let block = timeout(PATIENCE, self.block()).await.map_err(|_| "nothing comes over the stream")??;
            let Some(block) = block else { return Ok(Frame::End(None)) };
            if let Some(frame) = self.parse(&block)? {
                return Ok(frame);
            }
        }
    }
}
