//! The errors of each operation: its own, which it lists, and those of the
//! gate, which follow from its description.

use std::collections::BTreeMap;

use messenger_core::error::Refusal;
use serde_json::{Map, Value, json};

use crate::problem::{Code, PROBLEM_JSON, Problem, status_of_code};

/// The operations that are limited, by operation id.
pub(crate) const LIMITED: [&str; 2] = ["register_user", "login_user"];

pub(super) fn add(operation: &mut Value) {
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
    let limited = LIMITED.iter().any(|id| operation["operationId"] == *id);
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    for (status, codes) in by_status {
        responses.insert(status.to_string(), response(&codes));
    }
    for (status, response) in responses {
        response["headers"] = headers(status, limited);
    }
}

/// What the gate answers, told by the description that it is made from.
fn gate_codes(operation: &Value) -> Vec<&'static str> {
    let security = operation["security"].as_array().map_or(&[][..], Vec::as_slice);
    let open = security.is_empty() || security.iter().any(|scheme| *scheme == json!({}));
    let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    let is_probe = operation["tags"][0] == "service";
    let is_change =
        !["get_", "list_"].iter().any(|verb| operation["operationId"].as_str().is_some_and(|id| id.starts_with(verb)));
    let mut codes = vec![];
    if operation.get("requestBody").is_some() {
        codes.extend([Code::InvalidJson, Code::InvalidBody, Code::BodyTooLarge, Code::UnsupportedMediaType]);
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
    if LIMITED.iter().any(|id| operation["operationId"] == *id) {
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

fn response(codes: &[String]) -> Value {
    let lines = codes.iter().map(|code| format!("`{code}`: {}.", detail(code)));
    json!({
        "description": lines.collect::<Vec<_>>().join("\n\n"),
        "content": {PROBLEM_JSON: {
            "schema": {"$ref": "#/components/schemas/Problem"},
            "examples": codes.iter().map(|code| (code.clone(), example(code))).collect::<Map<_, _>>(),
        }},
        "x-codes": codes,
    })
}

/// What the code means, in the words of the error itself.
fn detail(code: &str) -> String {
    let own = Code::ALL.into_iter().find(|known| known.as_str() == code);
    own.map_or_else(|| refusal_detail(code), |code| code.detail().to_owned())
}

fn refusal_detail(code: &str) -> String {
    crate::problem::refusal_of_code(code).map(|refusal| refusal.to_string()).unwrap_or_default()
}

fn example(code: &str) -> Value {
    let own = Code::ALL.into_iter().find(|known| known.as_str() == code);
    let problem = match own {
        Some(code @ Code::InvalidBody) => Problem::new(code).field("password", "is missing"),
        Some(code @ Code::InvalidParameter) => Problem::new(code).field("limit", "must be 1 to 100"),
        Some(code @ Code::InvalidValue) => Problem::new(code).field("password", "must have 8 to 128 characters"),
        Some(code @ Code::BadCursor) => Problem::new(code).field("cursor", code.detail()),
        Some(code) => Problem::new(code),
        None => match crate::problem::refusal_of_code(code) {
            Some(refusal) => refusal.into(),
            None => Problem::new(Code::Internal),
        },
    };
    json!({"value": problem.into_json()})
}

fn headers(status: &str, limited: bool) -> Value {
    let mut headers = Map::new();
    let mut add = |name: &str, description: &str, ty: &str| {
        let header = json!({"description": description, "schema": {"type": ty}});
        headers.insert(name.to_owned(), header);
    };
    add("X-Request-Id", "Names the request in the server's log.", "string");
    if limited {
        add("RateLimit-Limit", "How many requests an address may make at once.", "integer");
        add("RateLimit-Remaining", "How many of them are left.", "integer");
        add("RateLimit-Reset", "In how many seconds all of them are there again.", "integer");
    }
    match status {
        "401" => add("WWW-Authenticate", "How to authenticate (RFC 6750).", "string"),
        "429" | "503" => add("Retry-After", "After how many seconds to try again.", "integer"),
        _ => {}
    }
    Value::Object(headers)
}
