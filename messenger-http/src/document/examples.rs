//! Examples for bodies and answers, taken from the examples of their schemas,
//! and descriptions for answers that have none.

use serde_json::{Value, json};

pub(super) fn add(document: &mut Value) {
    let schemas = document["components"]["schemas"].clone();
    super::for_each_operation(document, |operation| {
        if let Some(body) = operation.get_mut("requestBody") {
            add_to_content(body, &schemas);
        }
        let operation_id = operation["operationId"].as_str().unwrap_or_default().to_owned();
        for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
            add_to_content(response, &schemas);
            if operation_id == "send_friend_request" {
                tell_friend_request(status, response, &schemas);
            }
        }
        for parameter in super::list_mut(operation, "parameters") {
            add_to_parameter(parameter);
        }
    });
    let paths = &mut document["paths"];
    for (path, word) in [("/health", "UP"), ("/ready", "READY")] {
        paths[path]["get"]["responses"]["200"]["content"]["text/plain"]["example"] = json!(word);
        paths[path]["get"]["responses"]["200"]["description"] = json!(format!("`{word}`"));
    }
}

/// The one operation whose two answers are different objects.
fn tell_friend_request(status: &str, response: &mut Value, schemas: &Value) {
    let (description, schema) = match status {
        "200" => ("The other had asked too: the two are friends.", "Friend"),
        "201" => ("The request waits for an answer.", "FriendRequest"),
        _ => return,
    };
    response["description"] = json!(description);
    response["content"]["application/json"]["example"] = schemas[schema]["example"].clone();
}

fn add_to_content(holder: &mut Value, schemas: &Value) {
    let mut description = None;
    for (_, media) in holder.get_mut("content").and_then(Value::as_object_mut).into_iter().flatten() {
        let reference = media["schema"]["$ref"].as_str().unwrap_or_default();
        let schema = &schemas[reference.rsplit('/').next().unwrap_or_default()];
        if media.get("examples").is_none() && !schema["example"].is_null() {
            media["example"] = schema["example"].clone();
        }
        description = schema["description"].as_str().map(ToOwned::to_owned);
    }
    if holder.get("description").is_some_and(|description| description == "") {
        holder["description"] = json!(description.unwrap_or_else(|| "Done.".to_owned()));
    }
}

fn add_to_parameter(parameter: &mut Value) {
    let example = match parameter["name"].as_str().unwrap_or_default() {
        "user_id" => json!("0198c0de-0001-7000-8000-000000000002"),
        "conversation_id" => json!("0198c0de-0002-7000-8000-000000000001"),
        "message_id" => json!("0198c0de-0003-7000-8000-000000000001"),
        "session_id" => json!("0198c0de-0005-7000-8000-000000000001"),
        "direction" => json!("incoming"),
        "limit" => json!(20),
        // Swagger UI would send the examples of optional parameters.
        _ => return,
    };
    if parameter["required"] == true {
        parameter["example"] = example;
    }
}
