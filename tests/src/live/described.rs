//! Holds what comes over a live connection to `asyncapi.json`.
//!
//! Every frame of every case is checked, and objects are closed here: a field
//! that the document does not tell is an error, though clients have to pass
//! over it.

use std::collections::HashMap;
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Value, json};

use super::Failure;

/// The checks of one channel, by the name of the message.
struct Channel {
    payloads: HashMap<String, Validator>,
    headers: HashMap<String, Validator>,
}

static STREAM: LazyLock<Channel> = LazyLock::new(|| Channel::of("stream"));
static SOCKET: LazyLock<Channel> = LazyLock::new(|| Channel::of("socket"));

impl Channel {
    fn of(name: &str) -> Self {
        let mut document = messenger_http::asyncapi_document("");
        close_objects(&mut document);
        let compiled = |part: &str| -> HashMap<String, Validator> {
            let messages = document["channels"][name]["messages"].as_object().expect("messages");
            let parts = messages.iter().filter_map(|(message, of)| Some((message, of.get(part)?)));
            parts.map(|(message, schema)| (message.clone(), validator(&document, schema))).collect()
        };
        Self { payloads: compiled("payload"), headers: compiled("headers") }
    }
}

fn validator(document: &Value, schema: &Value) -> Validator {
    let bound = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "components": document["components"],
        "allOf": [schema],
    });
    jsonschema::options().should_validate_formats(true).build(&bound).expect("a schema")
}

fn close_objects(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(close_objects),
        Value::Object(object) => {
            if object.get("properties").is_some_and(Value::is_object) && object.get("type") == Some(&json!("object")) {
                object.entry("additionalProperties").or_insert(json!(false));
            }
            object.iter_mut().for_each(|(_, item)| close_objects(item));
        }
        _ => {}
    }
}

/// Checks a server-sent event by its fields.
pub(super) fn check_stream(event: &str, id: Option<&str>, data: &Value) -> Result<(), Failure> {
    let mut fields = json!({"event": event});
    if let Some(id) = id {
        fields["id"] = json!(id);
    }
    check(&STREAM.headers, event, &fields)?;
    check(&STREAM.payloads, event, data)
}

/// Checks a WebSocket's frame.
pub(super) fn check_socket(frame: &Value) -> Result<(), Failure> {
    let name = if frame["type"] == "event" { &frame["event"]["kind"] } else { &frame["type"] };
    check(&SOCKET.payloads, name.as_str().unwrap_or_default(), frame)
}

fn check(messages: &HashMap<String, Validator>, name: &str, value: &Value) -> Result<(), Failure> {
    let validator = messages.get(name).ok_or_else(|| format!("asyncapi.json has no message {name:?}: {value}"))?;
    let misfits: Vec<_> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    if misfits.is_empty() { Ok(()) } else { Err(format!("not as asyncapi.json says: {misfits:?} in {value}").into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_the_document_does_not_tell_is_an_error() {
        let mark = json!({"type": "caught_up", "cursor": "AQ"});
        check_socket(&mark).expect("fits");
        for wrong in [
            json!({"type": "caught_up"}),
            json!({"type": "caught_up", "cursor": 1}),
            json!({"type": "caught_up", "cursor": "AQ", "more": true}),
            json!({"type": "unheard"}),
            json!({"type": "event", "event": {"kind": "message.sent"}, "cursor": "AQ"}),
        ] {
            check_socket(&wrong).expect_err("does not fit");
        }
        check_stream("heartbeat", Some("AQ"), &json!({})).expect("fits");
        check_stream("heartbeat", None, &json!({})).expect_err("it moves the cursor");
        check_stream("reconnect", Some("AQ"), &json!({"after_ms": 1})).expect_err("it moves none");
    }
}
