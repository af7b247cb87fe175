//! Parameters that are not what an operation takes.

use messenger_tests::http::{Operation, TestApp};
use serde_json::Value;

use super::fixture::{Fixture, operations};

cases! { "errors::parameters":
    a_wrong_value_is_refused_by_its_parameter,
    a_required_parameter_is_missed,
    a_parameter_is_given_once,
    several_wrong_parameters_are_named_at_once,
    a_cursor_that_is_none_is_a_bad_cursor,
}

/// Longer than it may be, by one character.
pub(super) fn too_long(longest: usize, is_email: bool) -> String {
    if is_email { format!("a@{}.org", "a".repeat(longest - 5)) } else { "a".repeat(longest + 1) }
}

/// What a parameter does not take.
fn wrong_values(name: &str, schema: &Value) -> Vec<String> {
    let texts = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
    if name.ends_with("_id") {
        return texts(&[
            "1",
            "bob",
            "0198c0de00017000800000000000001a",
            "%7B0198c0de-0001-7000-8000-000000000001%7D",
            "0198c0de-0001-7000-8000-00000000000g",
            "%F0%9F%A6%80",
            "%00",
            "..%2F..%2Fetc",
            "'%20OR%201=1",
        ]);
    }
    let mut wrong = match (name, schema["type"].as_str()) {
        // What is no cursor has a case of its own.
        ("cursor", _) | ("after", Some("string")) => return vec![],
        ("query", _) => vec![String::new(), too_long(100, false)],
        (_, Some("integer")) => texts(&["", "x", "1.5", "1e3", "9223372036854775808", " 1", "0x10"]),
        (_, Some("array")) => {
            let too_many: Vec<_> = (0..=100).map(|number| format!("0198c0de-0001-7000-8000-{number:012}")).collect();
            vec!["x".to_owned(), String::new(), too_many.join(",")]
        }
        (_, _) if schema["enum"].is_array() || name == "direction" => texts(&["", "sideways", "INCOMING"]),
        (name, other) => panic!("wrong values for {name}, {other:?}, are needed here"),
    };
    if let Some(least) = schema["minimum"].as_i64() {
        wrong.push((least - 1).to_string());
    }
    if let Some(most) = schema["maximum"].as_i64() {
        wrong.push((most + 1).to_string());
    }
    wrong
}

/// The parameters of the query that a valid request does not have and that can
/// be there beside what it has.
fn is_alternative(operation: &Operation, name: &str) -> bool {
    operation.id == "list_users" && name == "ids"
}

async fn a_wrong_value_is_refused_by_its_parameter(app: TestApp) {
    let fixture = Fixture::new(app).await;
    for operation in operations() {
        for (name, place, schema) in operation.parameters() {
            for wrong in wrong_values(name, schema) {
                let mut parts = fixture.valid(operation);
                if is_alternative(operation, name) {
                    parts.query.clear();
                }
                let parts =
                    if place == "path" { parts.with_path(name, &wrong) } else { parts.with_query(name, &wrong) };
                let answer = fixture.request(operation, &parts).await;
                answer.refused_fields(400, "invalid_parameter", &[name]);
            }
        }
    }
}

async fn a_required_parameter_is_missed(app: TestApp) {
    let fixture = Fixture::new(app).await;
    let mut required = 0;
    for operation in operations() {
        for parameter in operation.described["parameters"].as_array().into_iter().flatten() {
            if parameter["in"] == "query" && parameter["required"] == true {
                required += 1;
                let name = parameter["name"].as_str().expect("a name");
                let mut parts = fixture.valid(operation);
                parts.query.retain(|(known, _)| known != name);
                fixture.request(operation, &parts).await.refused_fields(400, "invalid_parameter", &[name]);
            }
        }
    }
    assert!(required > 0, "no parameter of the document is required");
}

async fn a_parameter_is_given_once(app: TestApp) {
    let fixture = Fixture::new(app).await;
    for operation in operations() {
        for (name, _, _) in operation.parameters().filter(|(name, place, _)| *place == "query" && *name != "ids") {
            let value = match name {
                "direction" => "incoming",
                "cursor" | "query" => "a",
                "wait" => "0",
                _ => "1",
            };
            let parts = fixture.valid(operation).with_query(name, value).and_query(name, value);
            fixture.request(operation, &parts).await.refused_fields(400, "invalid_parameter", &[name]);
        }
    }
}

async fn several_wrong_parameters_are_named_at_once(app: TestApp) {
    let fixture = Fixture::new(app).await;
    for operation in operations() {
        let (mut parts, mut names) = (fixture.valid(operation), vec![]);
        // A search's text is looked at when its form is known to be right.
        for (name, place, schema) in operation.parameters().filter(|(name, _, _)| *name != "query") {
            let Some(wrong) = wrong_values(name, schema).into_iter().next() else { continue };
            parts = if place == "path" { parts.with_path(name, &wrong) } else { parts.with_query(name, &wrong) };
            names.push(name);
        }
        if names.len() > 1 {
            fixture.request(operation, &parts).await.refused_fields(400, "invalid_parameter", &names);
        }
    }
}

async fn a_cursor_that_is_none_is_a_bad_cursor(app: TestApp) {
    let fixture = Fixture::new(app).await;
    let mut lists = 0;
    for operation in operations() {
        let is_cursor = |name: &str, schema: &Value| name == "cursor" || name == "after" && schema["type"] == "string";
        let cursor = operation.parameters().find(|(name, _, schema)| is_cursor(name, schema));
        let Some((name, _, _)) = cursor else { continue };
        lists += 1;
        for wrong in ["", "x", "AAAA", "!", "🦀", &"A".repeat(44), &"A".repeat(10_000), "%00", "AQ"] {
            let parts = fixture.valid(operation).with_query(name, wrong);
            fixture.request(operation, &parts).await.refused_fields(400, "bad_cursor", &[name]);
        }
    }
    assert!(lists >= 10, "the document has more lists than {lists}");
}
