//! The two transports: which messages each has, and how each frames an event.

use serde_json::{Map, Value, json};

use super::schemas;
use crate::live::Closing;
use crate::wire::{EVENT_KINDS, EventKind, Place};

const STREAM: &str = "\
Server-sent events, as the HTML standard has them: `text/event-stream`, read with `fetch`, as `EventSource` sends no \
`Authorization`. `event` is the kind, `data` the event as JSON, and `id` the cursor to go on from: a client that \
connects again sends the last one as `Last-Event-ID` (which wins) or as `after`. With neither, the stream begins now. \
Comments come every 15 seconds and say nothing.";

const SOCKET: &str = "\
A WebSocket with JSON text frames; `type` tells them apart. Every frame of the log has the cursor to go on from, given \
as `after` at the next connection; without it the stream begins now. What the server ends, it closes with one of the \
codes in `x-close-codes`; what breaks otherwise is gone on with as after 4000.";

/// `GET /v1/events/stream`.
pub(super) fn stream() -> Value {
    let mut messages = Map::new();
    for kind in EVENT_KINDS {
        let fields = match kind.place() {
            Place::Unlogged => json!({"type": "object", "required": ["event"], "properties": {
                "event": {"type": "string", "const": kind.kind},
            }}),
            Place::Conversation | Place::Elsewhere => fields(kind.kind),
        };
        messages.insert(kind.kind.to_owned(), event_message(kind, &event(kind), Some(&fields)));
    }
    let empty = json!({"type": "object", "maxProperties": 0});
    let marks = [("caught_up", CAUGHT_UP), ("heartbeat", HEARTBEAT)];
    for (name, summary) in marks {
        messages.insert(name.to_owned(), message(name, summary, &empty, Some(&fields(name))));
    }
    for (name, summary, payload) in
        [("reconnect", RECONNECT, after_ms(&[])), ("resync_required", RESYNC_REQUIRED, empty)]
    {
        let fields = json!({"type": "object", "required": ["event"], "properties": {
            "event": {"type": "string", "const": name},
        }});
        messages.insert(name.to_owned(), message(name, summary, &payload, Some(&fields)));
    }
    json!({
        "address": "/v1/events/stream",
        "title": "Server-sent events",
        "description": STREAM,
        "servers": [{"$ref": "#/servers/http"}],
        "messages": messages,
    })
}

/// `GET /v1/events/ws`.
pub(super) fn socket() -> Value {
    let mut messages = Map::new();
    for kind in EVENT_KINDS {
        let required: &[&str] = match kind.place() {
            Place::Unlogged => &["type", "event"],
            Place::Conversation | Place::Elsewhere => &["type", "event", "cursor"],
        };
        let mut payload = json!({
            "type": "object",
            "required": required,
            "properties": {"type": {"type": "string", "const": "event"}, "event": event(kind)},
        });
        if required.contains(&"cursor") {
            payload["properties"]["cursor"] = cursor();
        }
        messages.insert(kind.kind.to_owned(), event_message(kind, &payload, None));
    }
    for (name, summary) in [("caught_up", CAUGHT_UP), ("heartbeat", HEARTBEAT)] {
        let payload = json!({
            "type": "object",
            "required": ["type", "cursor"],
            "properties": {"type": {"type": "string", "const": name}, "cursor": cursor()},
        });
        messages.insert(name.to_owned(), message(name, summary, &payload, None));
    }
    let mut reconnect = after_ms(&["type"]);
    reconnect["properties"]["type"] = json!({"type": "string", "const": "reconnect"});
    messages.insert("reconnect".to_owned(), message("reconnect", RECONNECT, &reconnect, None));
    let codes: Vec<_> = Closing::ALL
        .iter()
        .map(|closing| json!({"code": closing.code, "reason": closing.reason, "description": closing.meaning}))
        .collect();
    json!({
        "address": "/v1/events/ws",
        "title": "WebSocket",
        "description": SOCKET,
        "servers": [{"$ref": "#/servers/ws"}],
        "messages": messages,
        "bindings": {"ws": {"method": "GET", "query": query(&["after", "ticket"]), "bindingVersion": "0.1.0"}},
        "x-close-codes": codes,
    })
}

/// What may stand in the query.
pub(super) fn query(names: &[&str]) -> Value {
    let all = [
        ("after", "The cursor to go on from; without it the stream begins now."),
        ("ticket", "Instead of an access token."),
    ];
    let properties: Map<_, _> = all
        .iter()
        .filter(|(name, _)| names.contains(name))
        .map(|(name, description)| ((*name).to_owned(), json!({"type": "string", "description": description})))
        .collect();
    json!({"type": "object", "properties": properties})
}

const CAUGHT_UP: &str = "All that had happened before has been sent. What follows is live.";
const HEARTBEAT: &str = "Nothing happened for a while; the cursor may have moved all the same.";
const RECONNECT: &str = "The connection ends. Connect again, with the last cursor, after so many milliseconds.";
const RESYNC_REQUIRED: &str = "The connection ends, and nothing can go on from the last cursor: take a new snapshot.";

fn event(kind: &EventKind) -> Value {
    json!({"$ref": format!("#/components/schemas/{}", schemas::name(kind))})
}

fn cursor() -> Value {
    json!({"type": "string", "description": "Where to go on from. Opaque."})
}

/// The fields of a server-sent event that moves the cursor.
fn fields(event: &str) -> Value {
    json!({
        "type": "object",
        "required": ["event", "id"],
        "properties": {"event": {"type": "string", "const": event}, "id": cursor()},
    })
}

fn after_ms(also_required: &[&str]) -> Value {
    let required: Vec<_> = also_required.iter().chain(&["after_ms"]).collect();
    json!({
        "type": "object",
        "required": required,
        "properties": {"after_ms": {
            "type": "integer",
            "minimum": 0,
            "description": "Random, so that not all clients come back at once.",
        }},
    })
}

fn event_message(kind: &EventKind, payload: &Value, fields: Option<&Value>) -> Value {
    message(kind.kind, kind.summary, payload, fields)
}

fn message(name: &str, summary: &str, payload: &Value, fields: Option<&Value>) -> Value {
    let mut message = json!({
        "name": name,
        "summary": summary,
        "contentType": "application/json",
        "payload": payload,
    });
    if let Some(fields) = fields {
        message["headers"] = fields.clone();
    }
    message
}
