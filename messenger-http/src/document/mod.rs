//! The OpenAPI document: what poem-openapi makes of the operations, and what
//! it has no words for added in one pass.
//!
//! - [`errors`](self::errors): the errors of the gate, with their codes,
//!   headers and examples;
//! - [`schemas`](self::schemas): limits that are checked beyond the schema, and
//!   the list of codes;
//! - here: what concerns the document as a whole, and examples.

mod asyncapi;
mod errors;
mod examples;
mod schemas;

pub use asyncapi::{asyncapi_document, asyncapi_text};
use poem_openapi::OpenApiService;
use serde_json::{Value, json};

use crate::api::Described;

const DESCRIPTION: &str = "\
Users, friendships, direct and group conversations, and messages.

- **JSON**, `snake_case`. Ids are UUIDs; times are RFC 3339 in UTC with milliseconds, named `*_at`.
- **Sign in** with `POST /v1/auth/register` or `POST /v1/auth/login`, and send the access token as \
`Authorization: Bearer <access_token>`. It is valid for 15 minutes; `POST /v1/auth/refresh` gets the next one.
- **Lists are pages**: `limit` (1 to 100, default 50) and `cursor`; `next_cursor` of a page is the `cursor` of the next, \
null on the last.
- **Errors** are RFC 9457 problem details. `code` is stable; `errors` names every refused field or parameter.
- **Changes are safe to repeat** where a `client_id` is sent.
- Every answer carries `X-Request-Id`; one that you send (1 to 64 of `[A-Za-z0-9-]`) is kept.
";

/// The OpenAPI document as JSON, for an app that is mounted at `base_path`
/// (empty at the root).
pub fn document(base_path: &str) -> Value {
    let service = OpenApiService::new(Described, "messenger", env!("CARGO_PKG_VERSION")).description(DESCRIPTION);
    let mut document: Value = serde_json::from_str(&service.spec()).unwrap_or_default();
    document["openapi"] = json!("3.0.3");
    document["info"]["license"] = json!({"name": "MIT OR Apache-2.0"});
    document["servers"] = json!([{"url": if base_path.is_empty() { "/" } else { base_path }}]);
    schemas::refine(&mut document);
    let schemas = document["components"]["schemas"].clone();
    for_each_operation(&mut document, |operation| {
        tidy_parameters(operation);
        errors::add(operation, &schemas);
        if operation.get("security").is_none() {
            operation["security"] = json!([]);
        }
    });
    examples::add(&mut document);
    let codes = errors::met_codes(&document);
    // Not an `enum`: codes may be added, and a generated client that refuses an
    // unknown one would fail to tell the error at all.
    document["components"]["schemas"]["Problem"]["properties"]["code"]["x-extensible-enum"] = json!(codes);
    let (examples, headers) = errors::components(&codes);
    document["components"]["examples"] = examples;
    document["components"]["headers"] = headers;
    document
}

/// The document as text, as it is checked in and served.
pub fn document_text(base_path: &str) -> String {
    format!("{:#}\n", document(base_path))
}

fn for_each_operation(document: &mut Value, mut change: impl FnMut(&mut Value)) {
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for operation in paths.filter_map(|(_, path)| path.as_object_mut()).flatten().map(|(_, operation)| operation) {
        change(operation);
    }
}

/// Leaves out what says no more than the default does.
fn tidy_parameters(operation: &mut Value) {
    for parameter in list_mut(operation, "parameters") {
        let Some(parameter) = parameter.as_object_mut() else { continue };
        parameter.retain(|key, value| match key.as_str() {
            "deprecated" => value != false,
            "explode" => value != true,
            _ => true,
        });
        for bound in ["minimum", "maximum"] {
            // poem-openapi keeps them as floats; a parser of integer schemas
            // would stumble over `100.0`.
            if let Some(number) = parameter["schema"].get(bound).and_then(Value::as_f64) {
                parameter["schema"][bound] = whole(number);
            }
        }
        if parameter["name"] == "limit" {
            parameter["schema"]["default"] = json!(50);
        }
        if parameter["name"] == "ids" {
            parameter["schema"]["maxItems"] = json!(100);
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "bounds in schemas are small whole numbers")]
fn whole(number: f64) -> Value {
    json!(number as i64)
}

/// The items of a list that may not be there. (Indexing would put a null in its
/// place.)
fn list_mut<'a>(holder: &'a mut Value, name: &str) -> impl Iterator<Item = &'a mut Value> {
    holder.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where nulls stand outside of examples, in which they mean what they say.
    fn nulls(path: &str, value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Null => found.push(path.to_owned()),
            Value::Array(items) => items.iter().for_each(|item| nulls(path, item, found)),
            Value::Object(object) => {
                for (name, value) in object.iter().filter(|(name, _)| *name != "example" && *name != "examples") {
                    nulls(&format!("{path}/{name}"), value, found);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn building_the_document_leaves_no_nulls_behind() {
        let mut found = vec![];
        nulls("", &document(""), &mut found);
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn every_schema_that_is_refined_exists() {
        let document = document("");
        for (name, schema) in document["components"]["schemas"].as_object().expect("schemas") {
            assert!(schema.get("type").is_some() || schema.get("oneOf").is_some(), "{name} is not a schema");
            for (field, property) in schema["properties"].as_object().into_iter().flatten() {
                let described = ["type", "$ref", "allOf"].iter().any(|key| property.get(key).is_some());
                assert!(described, "{name}.{field} is not a property");
            }
        }
    }

    #[test]
    fn the_document_is_the_same_every_time() {
        assert_eq!(document_text(""), document_text(""));
    }
}
