//! Bodies that are not what an operation takes.

use messenger_tests::http::{Contract, Operation, Schemas, TestApp};
use serde_json::{Map, Value, json};

use super::fixture::{Fixture, operations};
use super::parameters::too_long;

cases! { "errors::bodies":
    a_body_that_is_not_json_is_invalid_json,
    a_body_that_is_no_object_is_an_invalid_body,
    a_field_of_the_wrong_type_is_named,
    a_missing_field_is_named,
    everything_that_is_wrong_is_named_at_once,
    a_value_out_of_bounds_is_refused_by_its_field,
    a_body_must_be_said_to_be_json,
    a_body_that_is_too_large_is_refused_with_and_without_a_length,
}

/// One shape that a body may have, with a body of that shape that is welcome.
struct Shape {
    operation: &'static Operation,
    schema: &'static Value,
    valid: Map<String, Value>,
}

/// Every shape of every body. Where a body is one of several, each is one.
fn shapes(fixture: &Fixture) -> Vec<Shape> {
    let document = &Contract::get().document;
    let schemas = Schemas::of(document);
    let mut shapes = vec![];
    for operation in operations() {
        let Some(schema) = operation.body_schema() else { continue };
        let schema = schemas.resolve(schema);
        let valid = fixture.valid(operation).body.expect("a body");
        let Some(options) = schema["oneOf"].as_array() else {
            shapes.push(Shape { operation, schema, valid: object(&valid) });
            continue;
        };
        for option in options {
            let schema = schemas.resolve(option);
            let mut example = object(&schema["example"]);
            for (field, value) in object(&valid) {
                if example.contains_key(&field) && field != "kind" {
                    example.insert(field, value);
                }
            }
            shapes.push(Shape { operation, schema, valid: example });
        }
    }
    assert!(shapes.len() > 10, "the document has more bodies than {}", shapes.len());
    shapes
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

impl Shape {
    fn properties(&self) -> &'static Map<String, Value> {
        self.schema["properties"].as_object().expect("properties")
    }

    fn required(&self) -> Vec<&'static str> {
        self.schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// The fields that tell the shapes of a body apart; wrong, they are wrong
    /// in another way.
    fn tells_apart(&self, field: &str) -> bool {
        let body = Schemas::of(&Contract::get().document).resolve(self.operation.body_schema().expect("a body"));
        body["oneOf"].is_array() && (body["discriminator"]["propertyName"] == field || body["discriminator"].is_null())
    }

    /// Sends the body and expects it to be refused for these fields.
    async fn refuses(&self, fixture: &Fixture, body: Map<String, Value>, status: u16, code: &str, fields: &[&str]) {
        let parts = fixture.valid(self.operation).with_body(Value::Object(body));
        fixture.request(self.operation, &parts).await.refused_fields(status, code, fields);
    }
}

/// What the schema of a property does not take, each with the path to what is
/// wrong.
fn wrong_values(field: &str, schema: &'static Value) -> Vec<(Value, String)> {
    let schema = Schemas::of(&Contract::get().document).resolve(schema);
    let inner = schema["allOf"][0].as_object().map_or(schema, |_| &schema["allOf"][0]);
    let inner = Schemas::of(&Contract::get().document).resolve(inner);
    let at_field = |values: &[Value]| values.iter().map(|value| (value.clone(), field.to_owned())).collect::<Vec<_>>();
    let mut wrong = match inner["type"].as_str().expect("a type") {
        "string" => at_field(&[json!(7), json!(true), json!(["a"]), json!({})]),
        "integer" => at_field(&[json!("7"), json!(1.5), json!(9_223_372_036_854_775_808_u64), json!(true)]),
        "boolean" => at_field(&[json!("true"), json!(0)]),
        "array" => at_field(&[json!("a"), json!({})]),
        other => panic!("{field}: wrong values for {other} are needed here"),
    };
    if schema["nullable"] != true {
        wrong.extend(at_field(&[json!(null)]));
    }
    if inner["format"] == "uuid" {
        wrong.extend(at_field(&[json!(""), json!("bob"), json!("0198c0de00017000800000000000001a")]));
    }
    if inner["enum"].is_array() {
        wrong.extend(at_field(&[json!(""), json!("OWNER"), json!("everybody")]));
    }
    if inner["type"] == "array" {
        wrong.push((json!([null]), format!("{field}[0]")));
        wrong.push((json!(["0198c0de-0001-7000-8000-000000000001", 7]), format!("{field}[1]")));
    }
    wrong
}

async fn a_body_that_is_not_json_is_invalid_json(app: TestApp) {
    let fixture = Fixture::new(app).await;
    for operation in operations().filter(|operation| operation.body_schema().is_some()) {
        let is_required = operation.described["requestBody"]["required"] == true;
        let bodies: [&[u8]; 8] =
            [b"{", b"nonsense", b"{\"a\": 1} 2", b"{'a': 1}", b"\"\xff\"", b"{\"a\": \"\\ud800\"}", b" ", b""];
        for body in bodies.into_iter().filter(|body| is_required || !body.is_empty()) {
            let request = fixture.request(operation, &fixture.valid(operation)).bytes(body);
            request.await.refused(400, "invalid_json");
        }
    }
}

async fn a_body_that_is_no_object_is_an_invalid_body(app: TestApp) {
    let fixture = Fixture::new(app).await;
    for operation in operations().filter(|operation| operation.body_schema().is_some()) {
        for body in [json!([]), json!(null), json!(7), json!("a"), json!(true), json!([{}])] {
            let request = fixture.request(operation, &fixture.valid(operation)).json(&body);
            request.await.refused_fields(400, "invalid_body", &["$"]);
        }
    }
}

async fn a_field_of_the_wrong_type_is_named(app: TestApp) {
    let fixture = Fixture::new(app).await;
    for shape in shapes(&fixture) {
        for (field, schema) in shape.properties() {
            for (value, path) in wrong_values(field, schema) {
                let mut body = shape.valid.clone();
                body.insert(field.clone(), value);
                shape.refuses(&fixture, body, 400, "invalid_body", &[&path]).await;
            }
        }
    }
}

async fn a_missing_field_is_named(app: TestApp) {
    let fixture = Fixture::new(app).await;
    for shape in shapes(&fixture) {
        for field in shape.required().into_iter().filter(|field| !shape.tells_apart(field)) {
            let mut body = shape.valid.clone();
            body.remove(field);
            shape.refuses(&fixture, body, 400, "invalid_body", &[field]).await;
        }
    }
    // Without what tells them apart, the shapes cannot be told apart.
    let [conversation, request] =
        ["create_conversation", "send_friend_request"].map(|id| Contract::get().operation(id));
    let empty = fixture.request(conversation, &fixture.valid(conversation).with_body(json!({}))).await;
    empty.refused_fields(400, "invalid_body", &["kind"]);
    let empty = fixture.request(request, &fixture.valid(request).with_body(json!({}))).await;
    empty.refused_fields(400, "invalid_body", &["user_id", "username"]);
    let both = json!({"user_id": fixture.bob.id, "username": "bob"});
    let both = fixture.request(request, &fixture.valid(request).with_body(both)).await;
    both.refused_fields(400, "invalid_body", &["user_id", "username"]);
}

async fn everything_that_is_wrong_is_named_at_once(app: TestApp) {
    let fixture = Fixture::new(app).await;
    for shape in shapes(&fixture) {
        // Every field is wrong: those that must be there are missing, the
        // others are of the wrong type.
        let (mut body, mut paths) = (shape.valid.clone(), vec![]);
        for (field, schema) in shape.properties().iter().filter(|(field, _)| !shape.tells_apart(field)) {
            if shape.required().contains(&field.as_str()) {
                body.remove(field);
                paths.push(field.clone());
            } else {
                let (value, path) = wrong_values(field, schema).remove(0);
                body.insert(field.clone(), value);
                paths.push(path);
            }
        }
        let paths: Vec<_> = paths.iter().map(String::as_str).collect();
        if !paths.is_empty() {
            shape.refuses(&fixture, body, 400, "invalid_body", &paths).await;
        }
    }
}

async fn a_value_out_of_bounds_is_refused_by_its_field(app: TestApp) {
    let fixture = Fixture::new(app).await;
    let mut bounds = 0;
    for shape in shapes(&fixture) {
        let (mut all_wrong, mut wrong_fields) = (shape.valid.clone(), vec![]);
        for (field, schema) in shape.properties() {
            for value in out_of_bounds(schema) {
                bounds += 1;
                let mut body = shape.valid.clone();
                body.insert(field.clone(), value.clone());
                all_wrong.insert(field.clone(), value);
                shape.refuses(&fixture, body, 422, "invalid_value", &[field]).await;
            }
            if !out_of_bounds(schema).is_empty() {
                wrong_fields.push(field.as_str());
            }
        }
        // What needs the state to be seen as too many is seen by itself.
        if wrong_fields.contains(&"member_ids") {
            all_wrong.insert("member_ids".to_owned(), json!([]));
            wrong_fields.retain(|field| *field != "member_ids");
        }
        if !wrong_fields.is_empty() {
            shape.refuses(&fixture, all_wrong, 422, "invalid_value", &wrong_fields).await;
        }
    }
    assert!(bounds >= 30, "the document has more bounds than {bounds}");
}

/// What is just outside of the bounds that the document tells.
fn out_of_bounds(schema: &Value) -> Vec<Value> {
    let size = |keyword: &str| schema[keyword].as_u64().map(|size| usize::try_from(size).expect("a small number"));
    let mut values = vec![];
    if let Some(shortest) = size("minLength") {
        values.push(json!("a".repeat(shortest - 1)));
    }
    if let Some(longest) = size("maxLength") {
        values.push(json!(too_long(longest, schema["format"] == "email")));
    }
    if let Some(most) = size("maxItems") {
        let ids = (0..=most).map(|number| format!("0198c0de-0001-7000-8000-{number:012}"));
        values.push(ids.collect::<Vec<_>>().into());
    }
    if let Some(least) = schema["minimum"].as_i64() {
        values.push(json!(least - 1));
    }
    values
}

async fn a_body_must_be_said_to_be_json(app: TestApp) {
    let fixture = Fixture::new(app).await;
    for operation in operations().filter(|operation| operation.body_schema().is_some()) {
        let request = || fixture.request(operation, &fixture.valid(operation));
        request().without_header("content-type").await.refused(415, "unsupported_media_type");
        let other_types = [
            "text/plain",
            "text/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=a",
            "application/json; charset=iso-8859-1",
            "application/jsonp",
            "",
        ];
        for other in other_types {
            request().header("content-type", other).await.refused(415, "unsupported_media_type");
        }
        request().header("content-encoding", "gzip").await.refused(415, "unsupported_media_type");
    }
}

async fn a_body_that_is_too_large_is_refused_with_and_without_a_length(app: TestApp) {
    let fixture = Fixture::new(app).await;
    let limit = TestApp::options().body_limit;
    for operation in operations().filter(|operation| operation.body_schema().is_some()) {
        let request = || fixture.request(operation, &fixture.valid(operation));
        // What is counted is bytes, so it may be JSON and mean something.
        let body = fixture.valid(operation).body.expect("a body").to_string();
        let too_large = format!("{body}{}", " ".repeat(limit + 1 - body.len()));
        request().bytes(too_large.clone()).await.refused(413, "body_too_large");
        request().chunked(too_large.clone()).await.refused(413, "body_too_large");
        request().chunked(too_large.repeat(20)).await.refused(413, "body_too_large");
        // A length that promises too much is enough.
        let announced = request().bytes("{}").header("content-length", &(limit + 1).to_string());
        announced.await.refused(413, "body_too_large");
    }
}
