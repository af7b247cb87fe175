//! What every answer has, whoever gives it, and what stands around the
//! operations: request ids, HEAD, OPTIONS, CORS, limits, probes, mounting.

use std::net::Ipv4Addr;
use std::time::Duration;

use messenger_http::{AppOptions, Quota, RateLimits, Readiness, Stage};
use messenger_tests::http::{Client as _, PASSWORD, TestApp};
use poem::http::Method;
use serde_json::{Value, json};

cases! { "shell":
    a_request_id_is_kept_or_made,
    head_is_get_without_a_body,
    pages_of_listed_origins_may_read_answers,
    registering_and_logging_in_are_limited_by_address,
    what_is_not_limited_tells_of_no_limit,
    health_and_readiness_are_told,
    the_documents_and_their_page_are_served,
    an_app_is_mounted_under_a_prefix,
}

async fn a_request_id_is_kept_or_made(app: TestApp) {
    let ada = app.user("ada").await;
    let longest = "a".repeat(64);
    for path in ["/v1/me", "/health", "/nowhere", "/v1/users/x", "/openapi.json"] {
        for given in ["0198c0de-0001-7000-8000-000000000001", "A-1", &longest] {
            assert_eq!(ada.get(path).header("x-request-id", given).await.header("x-request-id"), Some(given));
        }
        let mut made = vec![];
        for given in ["", "a b", "a_b", "ä", &"a".repeat(65), "a;b"] {
            let answer = ada.get(path).header("x-request-id", given).await;
            let id = answer.header("x-request-id").expect("an id").to_owned();
            assert!(id != given && id.len() == 32, "{id}");
            made.push(id);
        }
        made.push(ada.get(path).await.header("x-request-id").expect("an id").to_owned());
        made.sort_unstable();
        made.dedup();
        assert_eq!(made.len(), 7, "each request has its own");
    }
}

async fn head_is_get_without_a_body(app: TestApp) {
    let ada = app.user("ada").await;
    for path in ["/v1/me", "/v1/friends", "/health", "/openapi.json", "/docs"] {
        let (head, get) = (ada.request(Method::HEAD, path).await, ada.get(path).await);
        assert_eq!((head.status(), get.status()), (200, 200), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
    }
    assert_eq!(app.anon().request(Method::HEAD, "/v1/me").await.status(), 401);
    assert_eq!(ada.request(Method::HEAD, "/nowhere").await.status(), 404);
}

async fn pages_of_listed_origins_may_read_answers(app: TestApp) {
    let here = "https://chat.example.org";
    let options = AppOptions { cors_origins: vec![here.parse().expect("an origin")], ..TestApp::options() };
    let closed = app.user("ada").await;
    let ada = closed.at(&app.with(options));
    let preflight = |origin: &str| {
        let request = ada.request(Method::OPTIONS, "/v1/me").header("origin", origin);
        request.header("access-control-request-method", "PATCH").without_header("authorization")
    };
    let allowed = preflight(here).await;
    allowed.no_content();
    assert_eq!(allowed.header("access-control-allow-origin"), Some(here));
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        assert!(allowed.header("access-control-allow-methods").is_some_and(|methods| methods.contains(method)));
    }
    for header in ["authorization", "content-type", "x-request-id"] {
        assert!(allowed.header("access-control-allow-headers").is_some_and(|headers| headers.contains(header)));
    }
    assert_eq!(preflight("https://evil.example").await.header("access-control-allow-origin"), None);
    // Answers and errors alike; a client must be able to read both.
    for path in ["/v1/me", "/v1/users/x", "/nowhere"] {
        let answer = ada.get(path).header("origin", here).await;
        assert_eq!(answer.header("access-control-allow-origin"), Some(here), "{path}");
        assert_eq!(answer.header("vary"), Some("origin"), "{path}");
        let exposed = answer.header("access-control-expose-headers").unwrap_or_default();
        assert!(exposed.contains("x-request-id") && exposed.contains("retry-after"), "{path}: {exposed}");
        assert_eq!(answer.header("access-control-allow-credentials"), None, "{path}");
        let other = ada.get(path).header("origin", "https://evil.example").await;
        assert_eq!(other.header("access-control-allow-origin"), None, "{path}");
        let by_default = closed.get(path).header("origin", here).await;
        assert_eq!(by_default.header("access-control-allow-origin"), None, "{path}");
    }
}

async fn registering_and_logging_in_are_limited_by_address(app: TestApp) {
    let ada = app.user("ada").await;
    let quota = Quota { burst: 3, period: Duration::from_hours(3) };
    let limits = RateLimits { register: quota, login: Quota { burst: 2, ..quota } };
    let app = app.with(AppOptions { rate_limits: Some(limits), ..TestApp::options() });
    let login = |password: &str| app.anon().post("/v1/auth/login", json!({"login": "ada", "password": password}));
    let first = login("wrong").await;
    first.refused(401, "invalid_credentials");
    let told = |answer: &messenger_tests::http::Answer| {
        ["ratelimit-limit", "ratelimit-remaining"].map(|name| answer.header(name).map(ToOwned::to_owned))
    };
    assert_eq!(told(&first), [Some("2".to_owned()), Some("1".to_owned())]);
    let second = login(PASSWORD).await;
    second.ok();
    assert_eq!(told(&second), [Some("2".to_owned()), Some("0".to_owned())]);
    let hashes = app.hash_count();
    let third = login(PASSWORD).await;
    third.refused(429, "rate_limited");
    assert_eq!(told(&third), [Some("2".to_owned()), Some("0".to_owned())]);
    let wait: u64 = third.header("retry-after").expect("a time").parse().expect("seconds");
    assert!((1..=3 * 3600 / 2).contains(&wait), "{wait}");
    assert!(third.header("ratelimit-reset").is_some());
    assert_eq!(app.hash_count(), hashes, "what is refused costs no hash");
    // Another address and another operation have quotas of their own.
    login(PASSWORD).from(Ipv4Addr::new(192, 0, 2, 1)).await.ok();
    let bad = app.anon().post("/v1/auth/register", json!({})).await;
    bad.refused(400, "invalid_body");
    assert_eq!(told(&bad), [Some("3".to_owned()), Some("2".to_owned())], "bad requests count");
    for _ in 0..2 {
        app.anon().post("/v1/auth/register", json!({})).await.refused(400, "invalid_body");
    }
    app.anon().post("/v1/auth/register", json!({})).await.refused(429, "rate_limited");
    ada.at(&app).get("/v1/me").await.ok();
}

async fn what_is_not_limited_tells_of_no_limit(app: TestApp) {
    let ada = app.user("ada").await.at(&app.with(AppOptions::default()));
    for path in ["/v1/me", "/v1/friends", "/health", "/nowhere"] {
        assert_eq!(ada.get(path).await.header("ratelimit-limit"), None, "{path}");
    }
    let body = json!({"refresh_token": ada.refresh_token});
    for _ in 0..30 {
        app.anon().post("/v1/auth/refresh", body.clone()).await.ok();
    }
}

async fn health_and_readiness_are_told(app: TestApp) {
    let readiness = Readiness::starting();
    let node = app.with(AppOptions { readiness: readiness.clone(), ..TestApp::options() });
    let ready = async || node.anon().get("/ready").await;
    ready().await.refused(503, "not_ready");
    readiness.enter(Stage::Serving);
    assert_eq!(ready().await.text(), "READY");
    let ada = node.user("ada").await;
    assert_eq!(ada.get("/v1/me").await.header("connection"), None);
    readiness.enter(Stage::Draining);
    let answer = ready().await;
    answer.refused(503, "not_ready");
    assert!(answer.header("retry-after").is_some());
    // Draining is for the load balancer to know; who is here is served, and
    // goes elsewhere with the next request.
    let me = ada.get("/v1/me").await;
    assert_eq!(me.header("connection"), Some("close"));
    me.ok();
    let health = node.anon().get("/health").await;
    assert_eq!((health.status(), health.text()), (200, "UP"));
}

async fn the_documents_and_their_page_are_served(app: TestApp) {
    for (path, document) in
        [("/openapi.json", messenger_http::document_text("")), ("/asyncapi.json", messenger_http::asyncapi_text(""))]
    {
        let served = app.anon().get(path).await;
        assert_eq!(served.header("content-type"), Some("application/json"), "{path}");
        assert_eq!(served.text(), document, "{path}");
    }
    let page = app.anon().get("/docs").await;
    assert_eq!(page.status(), 200);
    assert!(page.header("content-type").is_some_and(|media_type| media_type.starts_with("text/html")));
    assert!(page.text().contains("swagger"), "{}", page.text());
}

async fn an_app_is_mounted_under_a_prefix(app: TestApp) {
    let mounted = app.mounted_at("/chat");
    let (ada, bob) = mounted.friends("ada", "bob").await;
    let id = ada.direct(&bob).await;
    ada.say(&id, "Hello").await;
    assert_eq!(bob.get("/v1/messages/recent").await.items().len(), 1);
    let document: Value = mounted.anon().get("/openapi.json").await.ok();
    assert_eq!(document["servers"], json!([{"url": "/chat"}]));
    assert_eq!(mounted.anon().get("/docs").await.status(), 200);
    mounted.anon().get("/nowhere").await.refused(404, "not_found");
    mounted.anon().delete("/v1/me").await.refused(405, "method_not_allowed");
    ada.get("/v1/friends?cursor=x").await.refused_fields(400, "bad_cursor", &["cursor"]);
    ada.get("/v1/users/x").await.refused_fields(400, "invalid_parameter", &["user_id"]);
    assert_eq!(mounted.anon().get("/health").await.text(), "UP");
}
