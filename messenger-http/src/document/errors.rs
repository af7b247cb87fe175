//! The errors of each operation: its own, which it lists, and those of the
//! gate, which follow from its description.

use std::collections::{BTreeMap, HashSet};

use messenger_core::error::Refusal;
use messenger_core::id::UserId;
use serde_json::{Map, Value, json};
use uuid::{Uuid, uuid};

use crate::answer::JSON;
use crate::problem::{Code, PROBLEM_JSON, Problem, all_codes, status_of_code};

const EXAMPLE_USER: Uuid = uuid!("0198c0de-0001-7000-8000-000000000002");

/// The operations that are limited, by operation id.
pub(crate) const LIMITED: [&str; 2] = ["register_user", "login_user"];

pub(super) fn add(operation: &mut Value, schemas: &Value) {
    let mut by_status = BTreeMap::<u16, Vec<String>>::new();
    let mut list = |code: &str| {
        let Some(status) = status_of_code(code) else { return };
        let codes = by_status.entry(status.as_u16()).or_default();
        if !codes.iter().any(|known| known == code) {
            codes.push(code.to_owned());
        }
    };
    for code in gate_codes(operation) {
        list(code);
    }
    for (_, response) in operation["responses"].as_object().into_iter().flatten() {
        if response["content"].get(PROBLEM_JSON).is_some() {
            // An operation's own codes stand here as a note, see `Failure`.
            response["description"].as_str().unwrap_or_default().split_whitespace().for_each(&mut list);
        }
    }
    let limited = is_limited(operation);
    let fields = Fields::of(operation, schemas);
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    for (status, codes) in by_status {
        responses.insert(status.to_string(), response(&codes, &fields));
    }
    responses.sort_keys();
    for (status, response) in responses {
        response["headers"] = headers(status, limited);
    }
}

/// The codes that clients can meet: those of the operations, and those of what
/// is no operation.
pub(super) fn met_codes(document: &Value) -> Vec<&'static str> {
    let paths = document["paths"].as_object().into_iter().flatten().filter_map(|(_, path)| path.as_object());
    let responses = paths.flatten().filter_map(|(_, operation)| operation["responses"].as_object()).flatten();
    let mut met: HashSet<_> = responses.filter_map(|(_, response)| response["x-codes"].as_array()).flatten().collect();
    let outside = [json!(Code::NotFound.as_str()), json!(Code::MethodNotAllowed.as_str())];
    met.extend(&outside);
    all_codes().map(|(code, _)| code).filter(|code| met.contains(&json!(code))).collect()
}

/// What operations share: one example for each code, and the headers.
pub(super) fn components(codes: &[&str]) -> (Value, Value) {
    let example = |code: &&str| ((*code).to_owned(), json!({"value": problem(code, &Fields::default()).into_json()}));
    let examples: Map<_, _> = codes.iter().map(example).collect();
    let header = |(name, ty, description): &(&str, &str, &str)| {
        ((*name).to_owned(), json!({"description": description, "schema": {"type": ty}}))
    };
    let headers: Map<_, _> = HEADERS.iter().map(header).collect();
    (examples.into(), headers.into())
}

const HEADERS: [(&str, &str, &str); 6] = [
    ("X-Request-Id", "string", "Names the request in the server's log."),
    ("RateLimit-Limit", "integer", "How many requests an address may make at once."),
    ("RateLimit-Remaining", "integer", "How many of them are left."),
    ("RateLimit-Reset", "integer", "In how many seconds all of them are there again."),
    ("WWW-Authenticate", "string", "How to authenticate (RFC 6750)."),
    ("Retry-After", "integer", "After how many seconds to try again."),
];

fn is_limited(operation: &Value) -> bool {
    LIMITED.iter().any(|id| operation["operationId"] == *id)
}

/// What an operation's examples of refused input name.
struct Fields {
    body: String,
    value: (String, String),
    parameter: (String, &'static str),
    cursor: &'static str,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            body: "username".to_owned(),
            value: ("username".to_owned(), "must have 3 to 32 characters".to_owned()),
            parameter: ("limit".to_owned(), "must be 1 to 100"),
            cursor: "cursor",
        }
    }
}

impl Fields {
    fn of(operation: &Value, schemas: &Value) -> Self {
        let reference = operation["requestBody"]["content"][JSON]["schema"]["$ref"].as_str().unwrap_or_default();
        let name = reference.rsplit('/').next().unwrap_or_default();
        let properties = schemas[name]["properties"].as_object();
        let first = |map: &Map<String, Value>| map.keys().next().cloned();
        let body = properties.and_then(first).unwrap_or_else(|| "user_id".to_owned());
        let limited = properties.into_iter().flatten().find_map(|(field, property)| {
            let (shortest, longest) = (property["minLength"].as_u64()?, property["maxLength"].as_u64()?);
            Some((field.clone(), format!("must have {shortest} to {longest} characters")))
        });
        let fallback = match name {
            "ReadMarker" => ("seq", "must not be above the last message's seq, 1"),
            "RoleChange" => ("role", "the owner hands over by making another member the owner"),
            _ => ("user_id", "must be another user, not yourself"),
        };
        let value = limited.unwrap_or_else(|| (fallback.0.to_owned(), fallback.1.to_owned()));
        let parameter = match operation["parameters"][0]["name"].as_str() {
            Some(id) if id.ends_with("_id") => (id.to_owned(), "must be a UUID"),
            Some("direction") => ("direction".to_owned(), "is missing"),
            _ => Self::default().parameter,
        };
        // The log's cursor has a name of its own.
        let takes_cursor =
            operation["parameters"].as_array().into_iter().flatten().any(|parameter| parameter["name"] == "cursor");
        Self { body, value, parameter, cursor: if takes_cursor { "cursor" } else { "after" } }
    }
}

/// What the gate answers, told by the description that it is made from.
fn gate_codes(operation: &Value) -> Vec<&'static str> {
    let security = operation["security"].as_array().map_or(&[][..], Vec::as_slice);
    let open = security.is_empty() || security.iter().any(|scheme| *scheme == json!({}));
    let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    let is_probe = operation["tags"][0] == "service";
    // What is set for a moment is not stored.
    let is_change = !["get_", "list_", "set_"]
        .iter()
        .any(|verb| operation["operationId"].as_str().is_some_and(|id| id.starts_with(verb)));
    let mut codes = vec![];
    if operation.get("requestBody").is_some() {
        codes.extend([Code::InvalidJson, Code::InvalidBody, Code::BodyTimeout]);
        codes.extend([Code::BodyTooLarge, Code::UnsupportedMediaType]);
    }
    if !parameters.is_empty() {
        codes.push(Code::InvalidParameter);
    }
    if parameters.iter().any(|parameter| parameter["name"] == "cursor") {
        codes.push(Code::BadCursor);
    }
    if !open {
        codes.push(Code::MissingToken);
    }
    if is_limited(operation) {
        codes.push(Code::RateLimited);
    }
    if !is_probe {
        codes.extend([Code::NotAcceptable, Code::Internal, Code::Unavailable]);
        if is_change {
            codes.push(Code::OutcomeUnknown);
        }
        codes.push(Code::Timeout);
    }
    let mut codes: Vec<_> = codes.into_iter().map(Code::as_str).collect();
    if !open {
        codes.push(Refusal::InvalidToken.code());
    }
    codes
}

fn response(codes: &[String], fields: &Fields) -> Value {
    let lines = codes.iter().map(|code| format!("`{code}`: {}.", problem(code, fields).into_body().detail));
    let examples = codes.iter().map(|code| (code.clone(), example(code, fields)));
    json!({
        "description": lines.collect::<Vec<_>>().join("\n\n"),
        "content": {PROBLEM_JSON: {
            "schema": {"$ref": "#/components/schemas/Problem"},
            "examples": examples.collect::<Map<_, _>>(),
        }},
        "x-codes": codes,
    })
}

/// The example of a code; the same for all operations unless it names fields.
fn example(code: &str, fields: &Fields) -> Value {
    match own(code) {
        Some(Code::InvalidBody | Code::InvalidParameter | Code::InvalidValue) => {
            json!({"value": problem(code, fields).into_json()})
        }
        Some(Code::BadCursor) if fields.cursor != Fields::default().cursor => {
            json!({"value": problem(code, fields).into_json()})
        }
        _ => json!({"$ref": format!("#/components/examples/{code}")}),
    }
}

fn own(code: &str) -> Option<Code> {
    Code::ALL.into_iter().find(|known| known.as_str() == code)
}

fn problem(code: &str, fields: &Fields) -> Problem {
    match own(code) {
        Some(code @ Code::InvalidBody) => Problem::new(code).field(&fields.body, "is missing"),
        Some(code @ Code::InvalidParameter) => Problem::new(code).field(&fields.parameter.0, fields.parameter.1),
        Some(code @ Code::InvalidValue) => Problem::new(code).field(&fields.value.0, &fields.value.1),
        Some(code @ Code::BadCursor) => Problem::new(code).field(fields.cursor, code.detail()),
        Some(code) => Problem::new(code),
        None => Refusal::from_code(code).map_or_else(|| Problem::new(Code::Internal), refused),
    }
}

fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::NotFriends(_) => Refusal::NotFriends(vec![UserId::from_uuid(EXAMPLE_USER)]).into(),
        refusal => refusal.into(),
    }
}

fn headers(status: &str, limited: bool) -> Value {
    let mut names = vec!["X-Request-Id"];
    if limited {
        names.extend(["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"]);
    }
    match status {
        "401" => names.push("WWW-Authenticate"),
        "429" | "503" => names.push("Retry-After"),
        _ => {}
    }
    let reference = |name: &str| (name.to_owned(), json!({"$ref": format!("#/components/headers/{name}")}));
    names.into_iter().map(reference).collect::<Map<_, _>>().into()
}
