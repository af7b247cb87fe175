//! What every operation has to say of itself.

use std::collections::{BTreeMap, BTreeSet};

use messenger_http::problem::all_codes;
use messenger_tests::http::{Contract, Operation};
use messenger_tests::json::walk;
use serde_json::{Value, json};

use crate::{DOCUMENT, assert_none, follow};

/// What operation ids begin with: a word that a user of the API would say.
const VERBS: [&str; 25] = [
    "accept", "add", "block", "cancel", "change", "create", "decline", "delete", "edit", "end", "get", "issue",
    "leave", "list", "login", "logout", "mark", "refresh", "register", "remove", "send", "set", "stream", "unblock",
    "update",
];

/// The operations that anyone may ask, and the one that a token helps but is
/// not needed for. Whoever opens another one says so here.
const OPEN: [&str; 5] = ["get_health", "get_ready", "login_user", "refresh_tokens", "register_user"];
const TOKEN_IS_OPTIONAL: [&str; 1] = ["logout_user"];

/// Codes that no operation gives: they say that there is none.
const CODES_OF_NO_OPERATION: [&str; 2] = ["not_found", "method_not_allowed"];

fn operations() -> &'static [Operation] {
    Contract::get().operations()
}

/// Everything wrong, operation by operation.
fn wrong_of(check: impl Fn(&Operation) -> Result<(), String>) -> Vec<String> {
    let wrong = |operation: &Operation| check(operation).err().map(|reason| format!("{}: {reason}", operation.id));
    operations().iter().filter_map(wrong).collect()
}

fn demand(holds: bool, otherwise: impl Into<String>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

#[test]
fn operation_ids_are_a_verb_and_a_resource_and_stand_once() {
    let mut seen = BTreeSet::new();
    assert_none(
        "operation ids",
        &wrong_of(|operation| {
            let (verb, resource) = operation.id.split_once('_').ok_or("it has one word")?;
            demand(VERBS.contains(&verb), format!("{verb} is a new verb"))?;
            let is_snake = resource.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            demand(is_snake && !resource.is_empty(), "it is not in snake case")?;
            let reads = ["get", "list", "stream"].contains(&verb);
            demand(reads == (operation.method == "GET"), format!("{verb} is {}", operation.method))
        }),
    );
    for operation in operations() {
        assert!(seen.insert(&operation.id), "{} stands twice", operation.id);
    }
}

#[test]
fn every_operation_is_filed_under_one_tag_and_told_in_a_line() {
    let tags = DOCUMENT["tags"].as_array().expect("tags");
    let known: BTreeMap<_, _> = tags.iter().map(|tag| (text(tag, "name"), text(tag, "description"))).collect();
    assert_none(
        "tags and summaries",
        &wrong_of(|operation| {
            let tags = operation.described["tags"].as_array().map_or(&[][..], Vec::as_slice);
            let [tag] = tags else { return Err(format!("its tags are {tags:?}")) };
            let description = known.get(tag.as_str().unwrap_or_default()).ok_or("its tag is not told")?;
            demand(!description.is_empty(), "its tag has no description")?;
            let summary = text(&operation.described, "summary");
            demand((3..=40).contains(&summary.len()), format!("its summary has {} letters", summary.len()))?;
            demand(!summary.ends_with('.'), "its summary is a title, not a sentence")?;
            demand(!text(&operation.described, "description").is_empty(), "it has no description")
        }),
    );
}

#[test]
fn every_path_is_versioned_and_tells_its_parameters() {
    assert_none(
        "paths and parameters",
        &wrong_of(|operation| {
            let is_service = operation.described["tags"][0] == "service";
            demand(operation.path.starts_with("/v1/") != is_service, "it has no version, or needs none")?;
            let parts: Vec<_> = operation.path.split('/').skip(1).collect();
            let (named, fixed): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| part.starts_with('{'));
            let is_kebab = |part: &str| part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
            demand(fixed.into_iter().all(|part| part == "v1" || is_kebab(part)), "its path is not in kebab case")?;
            let mut told = vec![];
            for parameter in operation.described["parameters"].as_array().into_iter().flatten() {
                let name = text(parameter, "name");
                demand(!text(parameter, "description").is_empty(), format!("{name} has no description"))?;
                demand(parameter["schema"].is_object(), format!("{name} has no schema"))?;
                if parameter["in"] == "path" {
                    demand(parameter["required"] == true, format!("{name} is not required"))?;
                    told.push(format!("{{{name}}}"));
                }
                if name == "limit" {
                    let bounds = ["minimum", "maximum", "default"].map(|bound| parameter["schema"][bound].clone());
                    demand(bounds == [json!(1), json!(100), json!(50)], "its limit is not 1 to 100, 50 when absent")?;
                }
            }
            demand(told == named, format!("its path has {named:?} and its parameters {told:?}"))
        }),
    );
}

#[test]
fn every_operation_needs_a_token_unless_it_is_listed_as_open() {
    assert_eq!(
        DOCUMENT["components"]["securitySchemes"]["bearer"]["scheme"], "bearer",
        "the scheme that Authorize works with"
    );
    assert_none(
        "security",
        &wrong_of(|operation| {
            let expected = match operation.id.as_str() {
                id if OPEN.contains(&id) => json!([]),
                id if TOKEN_IS_OPTIONAL.contains(&id) => json!([{"bearer": []}, {}]),
                _ => json!([{"bearer": []}]),
            };
            let security = &operation.described["security"];
            let same = |one: &Value, other: &Value| {
                let sorted = |value: &Value| {
                    let mut items: Vec<_> = value.as_array().into_iter().flatten().map(ToString::to_string).collect();
                    items.sort_unstable();
                    items
                };
                one.is_array() && sorted(one) == sorted(other)
            };
            demand(same(security, &expected), format!("its security is {security}, not {expected}"))
        }),
    );
}

#[test]
fn every_operation_lists_its_answers() {
    let statuses: BTreeMap<_, _> = all_codes().collect();
    assert_none(
        "answers",
        &wrong_of(|operation| {
            let responses = operation.described["responses"].as_object().ok_or("it has no answers")?;
            demand(responses.keys().any(|status| status.starts_with('2')), "it never succeeds")?;
            for (status, response) in responses {
                demand(!text(response, "description").is_empty(), format!("{status} has no description"))?;
                let request_id = &response["headers"]["X-Request-Id"];
                demand(request_id.is_object(), format!("{status} tells of no X-Request-Id"))?;
                if status.starts_with('2') {
                    continue;
                }
                let problem = &response["content"]["application/problem+json"];
                let schema = &problem["schema"]["$ref"];
                demand(schema == "#/components/schemas/Problem", format!("{status} is no problem"))?;
                let codes = response["x-codes"].as_array().ok_or_else(|| format!("{status} has no codes"))?;
                demand(!codes.is_empty(), format!("{status} has no codes"))?;
                for code in codes.iter().filter_map(Value::as_str) {
                    let known = statuses.get(code).ok_or_else(|| format!("{code} is no code"))?;
                    demand(known.as_str() == status, format!("{code} is {known}, not {status}"))?;
                    demand(text(response, "description").contains(code), format!("{status} does not describe {code}"))?;
                    demand(problem["examples"][code].is_object(), format!("{code} has no example"))?;
                }
            }
            Ok(())
        }),
    );
}

#[test]
fn the_codes_that_are_told_are_those_that_are_given() {
    let mut given = BTreeSet::new();
    walk("", &DOCUMENT["paths"], &mut |path, value| {
        if path.ends_with("/x-codes") {
            given.extend(value.as_array().into_iter().flatten().filter_map(Value::as_str));
        }
    });
    let told = DOCUMENT["components"]["schemas"]["Problem"]["properties"]["code"]["x-extensible-enum"].as_array();
    let told: BTreeSet<_> = told.expect("a list of codes").iter().filter_map(Value::as_str).collect();
    let expected: BTreeSet<_> = given.into_iter().chain(CODES_OF_NO_OPERATION).collect();
    assert_eq!(told, expected, "the codes that the schema tells, and those that are given");
}

#[test]
fn every_reference_leads_somewhere_and_nothing_lies_about_unused() {
    let (mut broken, mut used) = (vec![], BTreeSet::new());
    walk("", &DOCUMENT, &mut |path, value| {
        if let Some(reference) = value["$ref"].as_str() {
            used.insert(reference);
            if follow(reference).is_none() {
                broken.push(format!("{path}: {reference}"));
            }
        }
    });
    assert_none("references that lead nowhere", &broken);
    let unused: Vec<_> = ["schemas", "headers"]
        .into_iter()
        .flat_map(|kind| {
            DOCUMENT["components"][kind].as_object().expect("components").keys().map(move |name| (kind, name))
        })
        .map(|(kind, name)| format!("#/components/{kind}/{name}"))
        .filter(|reference| !used.contains(reference.as_str()))
        .collect();
    assert_none("components that nothing refers to", &unused);
}
