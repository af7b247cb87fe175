//! What is recorded while a scenario runs, for the checker.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Conversations by id, each with its messages by seq.
pub(super) type State = BTreeMap<String, BTreeMap<i64, Value>>;

/// A send that was answered with success.
#[derive(Debug, Clone)]
pub(super) struct Acked {
    pub(super) conversation: String,
    pub(super) client_id: String,
    pub(super) message: String,
    pub(super) seq: i64,
    /// When it was first tried, and when it was acknowledged.
    pub(super) began: Instant,
    pub(super) at: Instant,
}

impl Acked {
    /// From the first try to the acknowledgement.
    pub(super) fn took(&self) -> Duration {
        self.at.saturating_duration_since(self.began)
    }
}

/// An event that came.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) event: String,
    pub(super) kind: String,
    pub(super) conversation: String,
    /// The message that it names, and its seq.
    pub(super) message: String,
    pub(super) seq: i64,
    pub(super) at: Instant,
}

/// What one client did and saw.
#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    pub(super) name: String,
    /// What a snapshot showed before anything happened.
    pub(super) start: State,
    /// What it shows now, by the events alone.
    pub(super) shown: State,
    /// Where it goes on from.
    pub(super) cursor: String,
    pub(super) acked: Vec<Acked>,
    /// When the send that is under way was first tried.
    pub(super) sending: Option<Instant>,
    pub(super) seen: Vec<Seen>,
    /// What must not happen, and did.
    pub(super) wrongs: Vec<String>,
    pub(super) counts: Counts,
}

/// What a scenario cost its clients.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    /// Connections that broke or were refused.
    pub(super) reconnects: u64,
    /// Connections that went on from a cursor.
    pub(super) resumes: u64,
    /// Streams that were told to connect again, and those that just broke.
    pub(super) told: u64,
    pub(super) untold: u64,
    /// Sends that were tried again.
    pub(super) retries: u64,
    /// Sends and polls whose connection ended before the answer.
    pub(super) cut_off: u64,
}

impl Record {
    /// Takes an event and the cursor after it: together, so that what is shown
    /// and where to go on from never differ.
    pub(super) fn take(&mut self, event: &Value, cursor: &str) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (kind, conversation) = (text(&event["kind"]), text(&event["conversation_id"]));
        let message = &event["data"];
        if kind.starts_with("message.") {
            let seq = message["seq"].as_i64().unwrap_or_default();
            self.shown.entry(conversation.clone()).or_default().insert(seq, message.clone());
            let (event, message) = (text(&event["id"]), text(&message["id"]));
            self.seen.push(Seen { event, kind, conversation, message, seq, at: Instant::now() });
        }
        cursor.clone_into(&mut self.cursor);
    }

    pub(super) fn wrong(&mut self, what: impl Into<String>) {
        self.wrongs.push(what.into());
    }
}

/// All of a scenario.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) records: Vec<Record>,
    /// What a new snapshot shows to each at the end, in the order of `records`.
    pub(super) fresh: Vec<State>,
}
