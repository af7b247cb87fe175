//! What a live connection tells, whichever the transport.

use serde_json::Value;

use super::Failure;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Frame {
    Event {
        event: Value,
        cursor: String,
    },
    /// What is no event: it has no cursor.
    Signal(Value),
    CaughtUp {
        cursor: String,
    },
    Heartbeat,
    Reconnect {
        after_ms: u64,
    },
    /// Server-sent events say it; WebSocket closes with a code.
    Resync,
    /// The end, with WebSocket's close code.
    End(Option<u16>),
}

/// A live connection.
pub(crate) trait Live: Send {
    /// The next frame, within some seconds.
    fn next(&mut self) -> impl Future<Output = Result<Frame, Failure>> + Send;

    /// Everything up to `caught_up`, with the cursor there.
    fn catch_up(&mut self) -> impl Future<Output = Result<(Vec<Value>, String), Failure>> + Send {
        async {
            let mut events = vec![];
            loop {
                match self.next().await? {
                    Frame::Event { event, .. } => events.push(event),
                    Frame::CaughtUp { cursor } => return Ok((events, cursor)),
                    Frame::Heartbeat | Frame::Signal(_) => {}
                    other => return Err(format!("not yet caught up: {other:?}, after {}", kinds(&events)).into()),
                }
            }
        }
    }

    /// The next event with its cursor.
    fn event(&mut self) -> impl Future<Output = Result<(Value, String), Failure>> + Send {
        async {
            loop {
                match self.next().await? {
                    Frame::Event { event, cursor } => return Ok((event, cursor)),
                    Frame::Heartbeat | Frame::Signal(_) => {}
                    other => return Err(format!("not an event: {other:?}").into()),
                }
            }
        }
    }

    /// The next signal, when no event comes before it.
    fn signal(&mut self) -> impl Future<Output = Result<Value, Failure>> + Send {
        async {
            loop {
                match self.next().await? {
                    Frame::Signal(signal) => return Ok(signal),
                    Frame::Heartbeat => {}
                    other => return Err(format!("not a signal: {other:?}").into()),
                }
            }
        }
    }

    /// The next `count` events.
    fn events(&mut self, count: usize) -> impl Future<Output = Result<Vec<Value>, Failure>> + Send {
        async move {
            let mut events = vec![];
            while events.len() < count {
                events.push(self.event().await?.0);
            }
            Ok(events)
        }
    }

    /// Everything up to the end, which has to come.
    fn rest(&mut self) -> impl Future<Output = Result<Vec<Frame>, Failure>> + Send {
        async {
            let mut frames = vec![];
            loop {
                let frame = self.next().await?;
                let end = matches!(frame, Frame::End(_));
                if !matches!(frame, Frame::Heartbeat | Frame::Signal(_)) {
                    frames.push(frame);
                }
                if end {
                    return Ok(frames);
                }
            }
        }
    }
}

/// What kinds they are, for messages and comparisons.
pub(crate) fn kinds(events: &[Value]) -> String {
    let kinds: Vec<_> = events.iter().map(|event| event["kind"].as_str().unwrap_or("?")).collect();
    kinds.join(" ")
}

/// The bodies of the messages that were sent, in order.
pub(crate) fn bodies(events: &[Value]) -> Vec<&str> {
    let sent = events.iter().filter(|event| event["kind"] == "message.sent");
    sent.map(|event| event["data"]["body"].as_str().unwrap_or("?")).collect()
}
