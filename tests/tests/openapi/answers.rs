//! The schemas: in answers every field is there, and says what it is.

use std::collections::BTreeSet;

use messenger_tests::json::walk;
use serde_json::Value;

use crate::{DOCUMENT, assert_none, follow};

/// The names of the schemas that are reached from here.
fn reach(value: &'static Value, reached: &mut BTreeSet<&'static str>) {
    walk("", value, &mut |_, value| {
        if let Some(reference) = value["$ref"].as_str().filter(|reference| reference.contains("/schemas/")) {
            let name = reference.rsplit('/').next().expect("a name");
            if reached.insert(name) {
                reach(follow(reference).expect("a schema"), reached);
            }
        }
    });
}

/// The names of the schemas of answers, or of requests.
fn schemas_of(key: &str) -> BTreeSet<&'static str> {
    let mut reached = BTreeSet::new();
    for methods in DOCUMENT["paths"].as_object().expect("paths").values() {
        for operation in methods.as_object().expect("methods").values() {
            reach(&operation[key], &mut reached);
        }
    }
    assert!(reached.len() > 5, "{key}: {reached:?}");
    reached
}

fn schema(name: &str) -> &'static Value {
    &DOCUMENT["components"]["schemas"][name]
}

/// Every property of these schemas, by its path.
fn properties(names: &BTreeSet<&'static str>) -> Vec<(String, &'static str, &'static Value)> {
    let of = |name: &&'static str| {
        let name = *name;
        schema(name)["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(move |(field, property)| (format!("{name}.{field}"), field.as_str(), property))
    };
    names.iter().flat_map(of).collect()
}

#[test]
fn every_field_of_an_answer_is_required() {
    let mut wrong = vec![];
    for name in schemas_of("responses") {
        let required: BTreeSet<_> =
            schema(name)["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let fields = schema(name)["properties"].as_object().into_iter().flatten().map(|(field, _)| field.as_str());
        wrong.extend(fields.filter(|field| !required.contains(field)).map(|field| format!("{name}.{field}")));
    }
    assert_none("fields of answers that are not required", &wrong);
}

#[test]
fn every_schema_and_field_is_described() {
    let all: BTreeSet<_> = schemas_of("responses").union(&schemas_of("requestBody")).copied().collect();
    let is_blank = |value: &Value| value["description"].as_str().is_none_or(str::is_empty);
    let mut wrong: Vec<_> = all.iter().filter(|name| is_blank(schema(name))).map(ToString::to_string).collect();
    for (path, _, property) in properties(&all) {
        if is_blank(property) && property.get("$ref").is_none() {
            wrong.push(path);
        }
    }
    assert_none("schemas and fields without a description", &wrong);
}

#[test]
fn every_type_is_told_with_its_format() {
    let all: BTreeSet<_> = schemas_of("responses").union(&schemas_of("requestBody")).copied().collect();
    let mut wrong = vec![];
    for (path, field, property) in properties(&all) {
        let format = property["format"].as_str();
        let fits = match (property["type"].as_str(), field) {
            (Some("integer"), _) => format == Some("int64"),
            // An event's id is its place in the log.
            (Some("string"), "id") => format == (path != "Event.id").then_some("uuid"),
            // Named by whoever sends it.
            (Some("string"), "client_id") => format.is_none(),
            (Some("string"), field) if field.ends_with("_id") || field == "reply_to" => format == Some("uuid"),
            (Some("string"), field) if field.ends_with("_at") || field == "since" => format == Some("date-time"),
            (Some("array"), field) if field.ends_with("_ids") => property["items"]["format"] == "uuid",
            (Some("string" | "boolean" | "array"), _) => true,
            // What an event's kind says it is.
            (Some("object"), "data") => path == "Event.data",
            // A reference, bare or with something said of it here.
            (None, _) => {
                property.get("$ref").is_some() || property["allOf"].as_array().is_some_and(|parts| parts.len() == 1)
            }
            (Some(_), _) => false,
        };
        if !fits {
            wrong.push(format!("{path}: {property}"));
        }
    }
    assert_none("types without their format", &wrong);
}

#[test]
fn what_may_be_absent_and_what_may_be_null_are_told_apart() {
    // An optional field of a request that is no change may as well be null; in
    // a change, null clears, and only what can be cleared takes it.
    let mut wrong = vec![];
    for name in schemas_of("requestBody") {
        let required: BTreeSet<_> =
            schema(name)["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (field, property) in schema(name)["properties"].as_object().into_iter().flatten() {
            let nullable = property["nullable"] == true;
            let optional = !required.contains(field.as_str());
            let is_change = name.ends_with("Changes");
            if nullable && !optional || !is_change && optional && !nullable {
                wrong.push(format!("{name}.{field}: required {}, nullable {nullable}", !optional));
            }
        }
    }
    assert_none("fields that are neither", &wrong);
    let clearable: Vec<_> = schema("MeChanges")["properties"]
        .as_object()
        .expect("properties")
        .iter()
        .filter(|(_, property)| property["nullable"] == true)
        .map(|(field, _)| field.as_str())
        .collect();
    assert_eq!(clearable, ["bio", "avatar_url"]);
}

#[test]
fn every_page_is_shaped_alike() {
    for (_, methods) in DOCUMENT["paths"].as_object().expect("paths") {
        for operation in methods.as_object().expect("methods").values() {
            let id = operation["operationId"].as_str().expect("an id");
            let names =
                |key: &str| operation[key].as_array().into_iter().flatten().filter_map(|item| item["name"].as_str());
            let takes: BTreeSet<_> = names("parameters").collect();
            // These two go on in both directions, and for ever.
            let is_page = id.starts_with("list_") && !["list_messages", "list_events"].contains(&id);
            assert_eq!(takes.contains("cursor"), is_page, "{id}");
            if takes.contains("cursor") {
                assert!(takes.contains("limit"), "{id} takes no limit");
                let reference = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].as_str();
                let page = follow(reference.expect("a page")).expect("a schema");
                let fields: Vec<_> = page["properties"].as_object().expect("fields").keys().collect();
                assert_eq!(fields, ["items", "next_cursor"], "{id}");
                assert_eq!(page["properties"]["next_cursor"]["nullable"], true, "{id}");
            }
        }
    }
}
