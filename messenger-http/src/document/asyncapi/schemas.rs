//! The schemas of events: the wire's own types, as JSON Schema.
//!
//! `AsyncAPI` speaks JSON Schema (draft 7), `OpenAPI` 3.0 a dialect in which a
//! value that may be null is `nullable`. Everything else is the same.

use poem_openapi::registry::Registry;
use poem_openapi::types::Type as _;
use serde_json::{Map, Value, json};

use crate::wire::{EVENT_KINDS, Event, EventKind, Place};

/// Every schema of the document, by its name.
pub(super) fn all() -> Map<String, Value> {
    let mut registry = Registry::new();
    Event::register(&mut registry);
    let data: Vec<_> = EVENT_KINDS.iter().map(|kind| value(&(kind.data)(&mut registry))).collect();
    let mut schemas: Map<String, Value> = registry
        .schemas
        .into_iter()
        .map(|(name, schema)| {
            let mut schema = value(&schema);
            to_json_schema(&mut schema);
            (name, schema)
        })
        .collect();
    // What all kinds have in common; clients meet it by kind only.
    let common = schemas.remove(&*Event::name()).unwrap_or_default();
    for (kind, data) in EVENT_KINDS.iter().zip(data) {
        let schema = event(kind, &common, &data, &schemas);
        schemas.insert(name(kind), schema);
    }
    schemas
}

/// The name of the schema of a kind's events: `MessageSentEvent`.
pub(super) fn name(kind: &EventKind) -> String {
    let words = kind.kind.split(['.', '_']).map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_uppercase() + rest
    });
    words.chain(["Event".to_owned()]).collect()
}

fn event(kind: &EventKind, common: &Value, data: &Value, schemas: &Map<String, Value>) -> Value {
    let mut schema = common.clone();
    schema["description"] = json!(kind.summary);
    let mut example = common["examples"][0].clone();
    example["kind"] = json!(kind.kind);
    let referred = data["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    example["data"] = referred.and_then(|name| schemas.get(name)).map_or(Value::Null, |of| of["examples"][0].clone());
    let properties = &mut schema["properties"];
    properties["kind"] = json!({"type": "string", "const": kind.kind});
    properties["data"] = json!({
        "description": "The present state of what the event names; null when that is gone.",
        "anyOf": [data, {"type": "null"}],
    });
    match kind.place() {
        Place::Conversation => {
            properties["conversation_id"]["description"] = json!("The conversation in which it happened.");
            properties["conversation_id"]["type"] = json!("string");
        }
        Place::Elsewhere => {
            properties["conversation_id"] = json!({"description": "Not in a conversation.", "type": "null"});
            example["conversation_id"] = Value::Null;
        }
        Place::Unlogged => {
            properties["id"] = json!({"description": "It is not in the log.", "type": "null"});
            example["id"] = Value::Null;
        }
    }
    schema["examples"] = json!([example]);
    schema
}

fn value(schema: &impl serde::Serialize) -> Value {
    // A type of strings, lists and maps: it cannot fail.
    serde_json::to_value(schema).unwrap_or_default()
}

/// Rewrites a schema of `OpenAPI` 3.0 as JSON Schema.
fn to_json_schema(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    object.remove("title");
    if let Some(example) = object.remove("example") {
        object.insert("examples".to_owned(), json!([example]));
    }
    if object.remove("nullable").is_some() {
        if let Some(name) = object.get("type").cloned() {
            object.insert("type".to_owned(), json!([name, "null"]));
        }
        if let Some(parts) = object.remove("allOf") {
            let referred = parts.as_array().and_then(|parts| parts.iter().find(|part| part.get("$ref").is_some()));
            object.insert("anyOf".to_owned(), json!([referred, {"type": "null"}]));
        }
    }
    if let Some(parts) = object.get_mut("allOf").and_then(Value::as_array_mut) {
        // The description stands beside it too.
        parts.retain(|part| part.get("$ref").is_some());
    }
    for list in ["allOf", "anyOf", "oneOf"] {
        object.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten().for_each(to_json_schema);
    }
    for one in ["items", "additionalProperties"] {
        object.get_mut(one).into_iter().for_each(to_json_schema);
    }
    for (_, property) in object.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        to_json_schema(property);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_null_is_said_as_json_schema_says_it() {
        let mut schema = json!({
            "type": "object",
            "example": {"nullable": true},
            "properties": {
                "title": {"type": "string", "nullable": true},
                "nullable": {"type": "boolean"},
                "user": {"nullable": true, "description": "Who.", "allOf": [{"$ref": "#/U"}, {"description": "Who."}]},
            },
        });
        to_json_schema(&mut schema);
        let expected = json!({
            "type": "object",
            "examples": [{"nullable": true}],
            "properties": {
                "title": {"type": ["string", "null"]},
                "nullable": {"type": "boolean"},
                "user": {"description": "Who.", "anyOf": [{"$ref": "#/U"}, {"type": "null"}]},
            },
        });
        assert_eq!(schema, expected);
    }

    #[test]
    fn an_event_is_in_a_conversation_or_not_by_its_kind() {
        let schemas = all();
        let type_of = |name: &str| schemas[name]["properties"]["conversation_id"]["type"].clone();
        assert_eq!(type_of("MessageSentEvent"), "string");
        assert_eq!(type_of("FriendRequestReceivedEvent"), "null");
    }
}
