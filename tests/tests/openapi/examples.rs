//! Examples: what Swagger UI shows and sends has to be what would be taken and
//! answered.

use messenger_tests::http::{Contract, Schemas};
use serde_json::Value;

use crate::{DOCUMENT, assert_none, follow};

/// An example itself, behind a reference if need be.
fn value(example: &'static Value) -> &'static Value {
    let example = example["$ref"].as_str().map_or(example, |reference| follow(reference).expect("an example"));
    &example["value"]
}

/// Everything that is wrong with the examples of a body or of an answer.
fn misfits_of(what: &str, content: &'static Value) -> Vec<String> {
    let schemas = Schemas::of(&DOCUMENT);
    let mut wrong = vec![];
    for (media_type, media) in content.as_object().into_iter().flatten() {
        let mut check = |name: &str, example: &Value| {
            let misfits = schemas.misfits(&media["schema"], example);
            wrong.extend(misfits.into_iter().map(|misfit| format!("{what} {media_type} {name}: {misfit}")));
        };
        match (media.get("example"), media["examples"].as_object()) {
            (Some(example), None) => check("", example),
            (None, Some(examples)) => examples.iter().for_each(|(name, example)| check(name, value(example))),
            _ => wrong.push(format!("{what} {media_type} has no examples, or of both kinds")),
        }
    }
    wrong
}

#[test]
fn every_body_and_answer_has_an_example_that_fits_its_schema() {
    let mut wrong = vec![];
    for operation in Contract::get().operations() {
        // The same document, but one that lasts as long as the test.
        let described = &DOCUMENT["paths"][&operation.path][operation.method.as_str().to_lowercase()];
        wrong.extend(misfits_of(&format!("{} body", operation.id), &described["requestBody"]["content"]));
        for (status, response) in described["responses"].as_object().expect("answers") {
            wrong.extend(misfits_of(&format!("{} {status}", operation.id), &response["content"]));
        }
    }
    assert_none("examples", &wrong);
}

#[test]
fn every_example_of_an_error_is_of_its_code_and_status() {
    let mut wrong = vec![];
    for operation in Contract::get().operations() {
        let described = &DOCUMENT["paths"][&operation.path][operation.method.as_str().to_lowercase()];
        let fields = fields_of(described);
        for (status, response) in described["responses"].as_object().expect("answers") {
            let examples = response["content"]["application/problem+json"]["examples"].as_object();
            for (code, example) in examples.into_iter().flatten() {
                let problem = value(example);
                if problem["code"] != *code.as_str() || problem["status"].as_i64() != status.parse().ok() {
                    wrong.push(format!("{} {status} {code}: {problem}", operation.id));
                }
                for error in problem["errors"].as_array().into_iter().flatten() {
                    let field = error["field"].as_str().expect("a field");
                    if !fields.contains(&field) {
                        wrong.push(format!("{} {code}: it has no {field} to refuse", operation.id));
                    }
                }
                let names_input = ["invalid_body", "invalid_parameter", "invalid_value", "bad_cursor"];
                let has_errors = problem["errors"].as_array().is_some_and(|errors| !errors.is_empty());
                if names_input.contains(&code.as_str()) != has_errors {
                    wrong.push(format!("{} {code} names the wrong errors: {}", operation.id, problem["errors"]));
                }
            }
        }
    }
    assert_none("examples of errors", &wrong);
}

/// What an operation could refuse: its parameters and its body's fields.
fn fields_of(operation: &'static Value) -> Vec<&'static str> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let mut fields: Vec<_> = parameters.filter_map(|parameter| parameter["name"].as_str()).collect();
    let schemas = Schemas::of(&DOCUMENT);
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    if body.is_null() {
        return fields;
    }
    let body = schemas.resolve(body);
    let options = body["oneOf"].as_array().map_or(vec![body], |options| options.iter().collect());
    for option in options {
        let properties = schemas.resolve(option)["properties"].as_object().into_iter().flatten();
        fields.extend(properties.map(|(field, _)| field.as_str()));
    }
    fields
}

#[test]
fn every_example_of_a_parameter_fits_its_schema() {
    let schemas = Schemas::of(&DOCUMENT);
    let (mut wrong, mut seen) = (vec![], 0);
    for methods in DOCUMENT["paths"].as_object().expect("paths").values() {
        for operation in methods.as_object().expect("methods").values() {
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let Some(example) = parameter.get("example") else {
                    if parameter["required"] == true {
                        wrong.push(format!("{} {} has no example", operation["operationId"], parameter["name"]));
                    }
                    continue;
                };
                seen += 1;
                let misfits = schemas.misfits(&parameter["schema"], example);
                wrong.extend(
                    misfits
                        .into_iter()
                        .map(|misfit| format!("{} {}: {misfit}", operation["operationId"], parameter["name"])),
                );
            }
        }
    }
    assert_none("examples of parameters", &wrong);
    assert!(seen > 10, "{seen} parameters have examples");
}

#[test]
fn every_schema_that_has_an_example_fits_it() {
    let schemas = Schemas::of(&DOCUMENT);
    let mut wrong = vec![];
    for (name, schema) in DOCUMENT["components"]["schemas"].as_object().expect("schemas") {
        if let Some(example) = schema.get("example") {
            wrong.extend(schemas.misfits(schema, example).into_iter().map(|misfit| format!("{name}: {misfit}")));
        }
    }
    assert_none("examples of schemas", &wrong);
}
