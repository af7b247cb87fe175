//! Tokens that prove nothing.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use messenger_tests::http::{Client as _, Operation, SIGNING_KEY, TestApp, User};
use serde_json::{Value, json};

use super::fixture::{Fixture, operations};

cases! { "errors::tokens":
    nobody_is_asked_to_authenticate,
    a_token_that_proves_nothing_is_refused_everywhere,
    an_expired_token_is_refused_everywhere,
    a_token_of_an_ended_session_is_refused_everywhere,
    where_no_token_is_needed_none_is_looked_at,
}

/// What needs a token, with a request that says nothing else of who asks.
fn closed() -> impl Iterator<Item = &'static Operation> {
    operations().filter(|operation| !operation.is_open())
}

/// A valid request, without a body where it could stand in for the token.
fn request(fixture: &Fixture, operation: &Operation) -> messenger_tests::http::Request {
    let mut parts = fixture.valid(operation);
    if operation.takes_no_token_too() {
        parts.body = None;
    }
    fixture.request(operation, &parts)
}

async fn nobody_is_asked_to_authenticate(app: TestApp) {
    let fixture = Fixture::new(app).await;
    for operation in closed() {
        let answer = request(&fixture, operation).without_header("authorization").await;
        answer.refused(401, "missing_token");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    assert!(closed().count() > 25, "the document has more operations that need a token");
}

async fn a_token_that_proves_nothing_is_refused_everywhere(app: TestApp) {
    let fixture = Fixture::new(app).await;
    let forged = forged(&fixture.ada, &fixture.bob);
    for operation in closed() {
        for token in &forged {
            let answer = request(&fixture, operation).header("authorization", &format!("Bearer {token}")).await;
            answer.refused(401, "invalid_token");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
        }
        let token = &fixture.ada.access_token;
        for other in [&format!("Basic {token}"), token, "Bearer", "Bearer ", "", "Bearer a b"] {
            request(&fixture, operation).header("authorization", other).await.refused(401, "invalid_token");
        }
        request(&fixture, operation).header_bytes("authorization", b"Bearer \xff").await.refused(401, "invalid_token");
    }
}

async fn an_expired_token_is_refused_everywhere(app: TestApp) {
    let fixture = Fixture::new(app).await;
    fixture.app.wait(Duration::from_mins(14));
    fixture.ada.get("/v1/me").await.ok();
    fixture.app.wait(Duration::from_mins(1));
    for operation in closed() {
        request(&fixture, operation).await.refused(401, "invalid_token");
    }
}

async fn a_token_of_an_ended_session_is_refused_everywhere(app: TestApp) {
    let fixture = Fixture::new(app).await;
    fixture.ada.post_empty("/v1/auth/logout").await.no_content();
    for operation in closed() {
        request(&fixture, operation).await.refused(401, "invalid_token");
    }
}

async fn where_no_token_is_needed_none_is_looked_at(app: TestApp) {
    let fixture = Fixture::new(app).await;
    let open: Vec<_> = operations().filter(|operation| operation.is_open()).collect();
    let ids: Vec<_> = open.iter().map(|operation| operation.id.as_str()).collect();
    assert_eq!(ids, ["register_user", "login_user", "refresh_tokens"]);
    for operation in open {
        let answer = request(&fixture, operation).header("authorization", "Bearer nonsense").await;
        assert!(answer.status() < 300, "{}: {}", operation.id, answer.text());
    }
}

/// Tokens that someone might make who has seen a real one.
fn forged(ada: &User, bob: &User) -> Vec<String> {
    let parts: Vec<_> = ada.access_token.split('.').collect();
    let [header, claims, signature] = parts[..] else { panic!("a JWT has three parts") };
    let kid = json_of(header)["kid"].as_str().expect("a key id").to_owned();
    let unsigned = |alg: &str| text_of(&json!({"alg": alg, "typ": "JWT", "kid": kid}));
    let bobs = bob.access_token.split('.').nth(1).expect("claims");
    let own = json_of(claims);
    let changed = |field: &str, value: Value| {
        let mut claims = own.clone();
        claims[field] = value;
        claims
    };
    let bobs_session = json_of(bobs)["sid"].clone();
    let unknown = json!("0198c0de-0009-7000-8000-000000000009");
    let signed = |algorithm: Algorithm, kid: Option<&str>, claims: &Value, key: &str| {
        let header = Header { kid: kid.map(ToOwned::to_owned), ..Header::new(algorithm) };
        encode(&header, claims, &EncodingKey::from_secret(key.as_bytes())).expect("signs")
    };
    let other_key = "another key of more than thirty-two bytes";
    vec![
        // Nothing like a token.
        "nonsense".to_owned(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        "A".repeat(20_000),
        // Signed by nobody.
        format!("{}.{claims}.", unsigned("none")),
        format!("{}.{claims}.{signature}", unsigned("none")),
        format!("{}.{claims}.", unsigned("None")),
        format!("{}.{claims}.", unsigned("HS256")),
        format!("{header}.{claims}"),
        // Signed, but not this.
        format!("{header}.{bobs}.{signature}"),
        format!("{header}.{}.{signature}", text_of(&changed("exp", json!(4_102_444_800_i64)))),
        // Signed by another key, under its own name, ours or none.
        signed(Algorithm::HS256, Some(&kid), &own, other_key),
        signed(Algorithm::HS256, Some("another"), &own, other_key),
        signed(Algorithm::HS256, None, &own, SIGNING_KEY),
        // Signed in another way.
        signed(Algorithm::HS384, Some(&kid), &own, SIGNING_KEY),
        signed(Algorithm::HS512, Some(&kid), &own, SIGNING_KEY),
        // Signed by us, but of no session, or of another's, or without an end.
        signed(Algorithm::HS256, Some(&kid), &changed("sid", unknown.clone()), SIGNING_KEY),
        signed(Algorithm::HS256, Some(&kid), &changed("sub", unknown), SIGNING_KEY),
        signed(Algorithm::HS256, Some(&kid), &changed("sid", bobs_session), SIGNING_KEY),
        signed(Algorithm::HS256, Some(&kid), &changed("exp", Value::Null), SIGNING_KEY),
        signed(Algorithm::HS256, Some(&kid), &json!({"sub": own["sub"], "sid": own["sid"]}), SIGNING_KEY),
        // Refresh tokens are for refreshing.
        ada.refresh_token.clone(),
    ]
}

fn json_of(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("JSON")
}

fn text_of(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}
