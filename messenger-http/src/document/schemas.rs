//! What schemas do not say by themselves: limits that core checks, so that they
//! are answered with 422 and all at once.

use serde_json::{Value, json};

/// Lengths in requests. They are told for people and forms; what counts is
/// what core says. Answers carry no limits: a client that checks them would
/// refuse what a later version may send.
const LENGTHS: [(&str, &str, u32, u32); 17] = [
    ("Registration", "username", 3, 32),
    ("Registration", "email", 3, 254),
    ("Registration", "password", 8, 128),
    ("Registration", "display_name", 1, 64),
    ("Registration", "device_name", 1, 64),
    ("Login", "device_name", 1, 64),
    ("PasswordChange", "new_password", 8, 128),
    ("MeChanges", "display_name", 1, 64),
    ("MeChanges", "bio", 1, 500),
    ("MeChanges", "avatar_url", 9, 2_048),
    ("FriendRequestByUsername", "username", 3, 32),
    ("NewGroup", "title", 1, 100),
    ("NewGroup", "client_id", 1, 64),
    ("ConversationChanges", "title", 1, 100),
    ("NewMessage", "body", 1, 8_000),
    ("NewMessage", "client_id", 1, 64),
    ("MessageEdit", "body", 1, 8_000),
];

const FORMATS: [(&str, &str, &str); 4] = [
    ("Registration", "email", "email"),
    ("Registration", "password", "password"),
    ("Login", "password", "password"),
    ("PasswordChange", "new_password", "password"),
];

pub(super) fn refine(document: &mut Value) {
    let schemas = &mut document["components"]["schemas"];
    for (schema, property, shortest, longest) in LENGTHS {
        let property = &mut schemas[schema]["properties"][property];
        property["minLength"] = json!(shortest);
        property["maxLength"] = json!(longest);
    }
    for (schema, property, format) in FORMATS {
        schemas[schema]["properties"][property]["format"] = json!(format);
    }
    schemas["NewGroup"]["properties"]["member_ids"]["maxItems"] = json!(100);
    schemas["ReadMarker"]["properties"]["seq"]["minimum"] = json!(0);
    // An object whose fields follow from the event's kind.
    schemas["Event"]["properties"]["data"]["type"] = json!("object");
    schemas["Event"]["properties"]["data"]["additionalProperties"] = json!(true);
    for (name, schema) in schemas.as_object_mut().into_iter().flatten() {
        if schema["title"] == **name {
            schema.as_object_mut().map(|schema| schema.remove("title"));
        }
        for (_, property) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
            unwrap_description(property);
        }
    }
}

/// poem-openapi says what it adds to a reference twice: beside `allOf`, where
/// it belongs, and as a schema of its own.
fn unwrap_description(property: &mut Value) {
    if let Some(parts) = property.get_mut("allOf").and_then(Value::as_array_mut) {
        parts.retain(|part| part.get("$ref").is_some());
    }
}
