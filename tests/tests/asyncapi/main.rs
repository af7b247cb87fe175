//! The `AsyncAPI` document: that the file in the repository is what the code
//! says, and that what it says is well formed and whole. Whether it is true is
//! for the live suite to see, which holds every frame to it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use jsonschema::Draft;
use messenger_core::event::Fact;
use messenger_tests::json::walk;
use serde_json::{Value, json};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| messenger_http::asyncapi_document(""));

const SPECIFICATION: &str = include_str!("schema/asyncapi-3.0.0.json");

fn schemas() -> impl Iterator<Item = (&'static String, &'static Value)> {
    DOCUMENT["components"]["schemas"].as_object().into_iter().flatten()
}

fn messages(channel: &str) -> &'static serde_json::Map<String, Value> {
    DOCUMENT["channels"][channel]["messages"].as_object().expect("messages")
}

#[test]
fn the_document_in_the_repository_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../asyncapi.json");
    let checked_in = fs::read_to_string(path).expect("asyncapi.json is missing: run `make openapi`");
    let generated = messenger_http::asyncapi_text("");
    let differs = checked_in.lines().zip(generated.lines()).position(|(left, right)| left != right);
    let line = differs.unwrap_or_else(|| checked_in.lines().count().min(generated.lines().count())) + 1;
    assert!(checked_in == generated, "asyncapi.json is not what the code says, from line {line}: run `make openapi`");
}

#[test]
fn the_document_is_an_asyncapi_document() {
    let specification: Value = serde_json::from_str(SPECIFICATION).expect("JSON");
    let validator = jsonschema::options().with_draft(Draft::Draft7).build(&specification).expect("a schema");
    for document in [&*DOCUMENT, &messenger_http::asyncapi_document("/chat")] {
        let wrong: Vec<_> =
            validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
    let mut wrong = DOCUMENT.clone();
    wrong["operations"]["stream_events"]["action"] = json!("say");
    assert!(!validator.is_valid(&wrong), "the schema tells a wrong document");
}

#[test]
fn every_kind_of_the_log_has_a_message_on_both_transports() {
    for channel in ["stream", "socket"] {
        for kind in Fact::KINDS {
            assert!(messages(channel).contains_key(*kind), "{channel} has no {kind}");
        }
        for mark in ["caught_up", "heartbeat", "reconnect"] {
            assert!(messages(channel).contains_key(mark), "{channel} has no {mark}");
        }
    }
    assert_eq!(
        messages("stream").keys().filter(|name| *name != "resync_required").collect::<Vec<_>>(),
        messages("socket").keys().collect::<Vec<_>>(),
        "what WebSocket says by closing"
    );
}

#[test]
fn every_reference_leads_somewhere_and_nothing_lies_about_unused() {
    let (mut broken, mut used) = (vec![], BTreeSet::new());
    walk("", &DOCUMENT, &mut |path, value| {
        if let Some(reference) = value["$ref"].as_str() {
            used.insert(reference);
            if reference.strip_prefix('#').and_then(|pointer| DOCUMENT.pointer(pointer)).is_none() {
                broken.push(format!("{path}: {reference}"));
            }
        }
    });
    assert!(broken.is_empty(), "references that lead nowhere: {broken:?}");
    let unused: Vec<_> =
        schemas().filter(|(name, _)| !used.contains(format!("#/components/schemas/{name}").as_str())).collect();
    assert!(unused.is_empty(), "schemas that nothing refers to: {unused:?}");
}

#[test]
fn a_schema_that_openapi_has_too_says_the_same_there() {
    let openapi = messenger_http::document("");
    let of_openapi = &openapi["components"]["schemas"];
    let mut shared = 0;
    for (name, schema) in schemas().filter(|(name, _)| of_openapi.get(name).is_some()) {
        shared += 1;
        for key in ["required", "enum", "description"] {
            assert_eq!(schema.get(key), of_openapi[name].get(key), "{name}: {key}");
        }
        let names = |schema: &Value| -> Vec<String> {
            schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
        };
        assert_eq!(names(schema), names(&of_openapi[name]), "{name}");
    }
    assert!(shared >= 5, "users and messages, at least, are in both");
}

#[test]
fn every_example_fits_its_schema_and_every_event_has_one() {
    for (name, schema) in schemas() {
        let examples = schema["examples"].as_array().map_or(&[][..], Vec::as_slice);
        assert!(!name.ends_with("Event") || examples.len() == 1, "{name} has no example");
        let bound = json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "components": DOCUMENT["components"],
            "allOf": [schema],
        });
        let validator = jsonschema::validator_for(&bound).expect("a schema");
        for example in examples {
            let wrong: Vec<_> = validator.iter_errors(example).map(|error| error.to_string()).collect();
            assert!(wrong.is_empty(), "{name}: {wrong:?}");
            assert!(!name.ends_with("Event") || example["data"].is_object(), "{name}'s example has no data");
        }
    }
}
