//! The app around the operations: what every answer has, whoever gives it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use messenger_core::Messenger;
use messenger_core::store::{Snapshot, Store, StoreError, StoreResult, Transaction};
use messenger_http::{AppOptions, ClientAddress, Quota, RateLimits, Readiness, Stage, app, document};
use messenger_store_sqlite::SqliteStore;
use poem::http::{Method, StatusCode};
use poem::{Endpoint, Request, Response, Route};
use serde_json::{Value, json};

/// An app over a store of its own.
struct TestApp<E> {
    app: E,
    directory: tempfile::TempDir,
}

async fn on_sqlite(options: AppOptions) -> TestApp<impl Endpoint<Output = Response>> {
    let directory = tempfile::tempdir().expect("a directory");
    let store = SqliteStore::open(directory.path().join("m.db")).await.expect("opens");
    TestApp { app: app(Messenger::new(store), options), directory }
}

fn request(method: Method, path: &str) -> poem::RequestBuilder {
    Request::builder().method(method).uri_str(path)
}

fn post(path: &str, body: &Value) -> Request {
    request(Method::POST, path).content_type("application/json").body(body.to_string())
}

fn login() -> Request {
    post("/v1/auth/login", &json!({"login": "ada", "password": "correct horse"}))
}

async fn problem(response: Response) -> Value {
    assert_eq!(response.content_type(), Some("application/problem+json"), "{}", response.status());
    response.into_body().into_json().await.expect("a problem")
}

/// Why a store gives no answer.
#[derive(Clone, Copy)]
enum Broken {
    Hangs,
    Panics,
    IsAway,
}

struct BrokenStore(Broken);

impl BrokenStore {
    async fn fail<T>(&self) -> StoreResult<T> {
        match self.0 {
            Broken::Hangs => std::future::pending().await,
            Broken::Panics => panic!("a defect, made on purpose"),
            Broken::IsAway => Err(StoreError::Unavailable("mysql://root:hunter2@db".to_owned())),
        }
    }
}

#[async_trait]
impl Store for BrokenStore {
    async fn read(&self) -> StoreResult<Box<dyn Snapshot>> {
        self.fail().await
    }

    async fn begin(&self) -> StoreResult<Box<dyn Transaction>> {
        self.fail().await
    }

    async fn ping(&self) -> StoreResult<()> {
        self.fail().await
    }
}

fn over_broken(broken: Broken) -> impl Endpoint<Output = Response> {
    let options = AppOptions { request_timeout: Duration::from_millis(50), ..AppOptions::default() };
    app(Messenger::new(BrokenStore(broken)), options)
}

async fn object(response: Response, status: StatusCode) -> Value {
    let got = response.status();
    let object: Value = response.into_body().into_json().await.expect("an object");
    assert_eq!(got, status, "{object}");
    object
}

/// A page that is served again is told from one that is read again by a change
/// that the log does not know of.
#[tokio::test]
async fn a_page_is_kept_until_something_happens() {
    for (kept_pages, is_kept) in [(AppOptions::default().kept_pages, true), (0, false)] {
        let test = on_sqlite(AppOptions { kept_pages, ..AppOptions::default() }).await;
        let new = json!({"username": "ada", "email": "ada@a.example", "password": "correct horse battery"});
        let made = test.app.get_response(post("/v1/auth/register", &new)).await;
        let made = object(made, StatusCode::CREATED).await;
        let token = format!("Bearer {}", made["tokens"]["access_token"].as_str().expect("a token"));
        let asks = async |mut request: Request, status| {
            request.headers_mut().insert("authorization", token.parse().expect("a header"));
            object(test.app.get_response(request).await, status).await
        };
        let group = json!({"kind": "group", "title": "Crew", "member_ids": []});
        let group = asks(post("/v1/conversations", &group), StatusCode::CREATED).await;
        let path = format!("/v1/conversations/{}/messages", group["id"].as_str().expect("an id"));
        let say = async |text: &str| asks(post(&path, &json!({"body": text})), StatusCode::CREATED).await;
        let bodies = async || {
            let page = asks(request(Method::GET, &path).finish(), StatusCode::OK).await;
            let items = page["items"].as_array().expect("items").iter();
            items.map(|message| message["body"].as_str().expect("a body").to_owned()).collect::<Vec<_>>()
        };
        say("first").await;
        assert_eq!(bodies().await, ["first"]);
        let other_process = rusqlite::Connection::open(test.directory.path().join("m.db")).expect("opens");
        other_process.execute("UPDATE messages SET body = 'changed'", []).expect("writes");
        assert_eq!(bodies().await, [if is_kept { "first" } else { "changed" }]);
        say("second").await;
        assert_eq!(bodies().await, ["changed", "second"]);
    }
}

#[tokio::test]
async fn every_answer_names_its_request() {
    let options =
        AppOptions { cors_origins: vec!["https://a.example".parse().expect("an origin")], ..Default::default() };
    let test = on_sqlite(options).await;
    let requests = [
        request(Method::GET, "/health").finish(),
        request(Method::GET, "/nowhere").finish(),
        request(Method::DELETE, "/health").finish(),
        request(Method::OPTIONS, "/v1/me").finish(),
        request(Method::OPTIONS, "/v1/me")
            .header("origin", "https://a.example")
            .header("access-control-request-method", "PATCH")
            .finish(),
        request(Method::GET, "/v1/me").finish(),
        request(Method::GET, "/docs").finish(),
        login(),
    ];
    for mut request in requests {
        let what = format!("{} {}", request.method(), request.uri());
        request.headers_mut().insert("x-request-id", "mine-1".parse().expect("a header"));
        let response = test.app.get_response(request).await;
        assert_eq!(response.header("x-request-id"), Some("mine-1"), "{what}");
    }
    let response = test.app.get_response(request(Method::GET, "/health").finish()).await;
    assert_eq!(response.header("x-request-id").map(str::len), Some(32));
}

#[tokio::test]
async fn every_path_tells_which_methods_it_knows() {
    let test = on_sqlite(AppOptions::default()).await;
    let document = document("");
    for (path, operations) in document["paths"].as_object().expect("paths") {
        let path = path.replace(['{', '}'], "");
        let response = test.app.get_response(request(Method::TRACE, &path).finish()).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        let allow = response.header("allow").expect("an Allow header").to_owned();
        for method in operations.as_object().expect("operations").keys() {
            assert!(allow.split(", ").any(|known| known.eq_ignore_ascii_case(method)), "{path}: {allow}");
        }
        assert_eq!(problem(response).await["code"], "method_not_allowed");
        let options = test.app.get_response(request(Method::OPTIONS, &path).finish()).await;
        assert_eq!((options.status(), options.header("allow")), (StatusCode::NO_CONTENT, Some(&*allow)), "{path}");
    }
}

#[tokio::test]
async fn every_described_operation_is_routed_and_guarded() {
    let test = on_sqlite(AppOptions { rate_limits: None, ..AppOptions::default() }).await;
    let document = document("");
    let mut count = 0;
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let method: Method = method.to_uppercase().parse().expect("a method");
            let response = test.app.get_response(request(method.clone(), &path.replace(['{', '}'], "")).finish()).await;
            let secured = operation["security"] == json!([{"bearer": []}]);
            assert_eq!(response.status() == StatusCode::UNAUTHORIZED && secured, secured, "{method} {path}");
            let listed = operation["responses"].get(response.status().as_str());
            assert!(listed.is_some(), "{method} {path} answered {}", response.status());
            count += 1;
        }
    }
    assert!(count > 35, "{count} operations");
}

#[tokio::test]
async fn an_address_that_tries_too_often_has_to_wait() {
    let quota = Quota { burst: 2, period: Duration::from_mins(1) };
    let limits = RateLimits { register: quota, login: quota };
    let test = on_sqlite(AppOptions { rate_limits: Some(limits), ..AppOptions::default() }).await;
    let login_from = |last: u8| {
        let mut request = login();
        request.extensions_mut().insert(ClientAddress(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))));
        test.app.get_response(request)
    };
    for remaining in ["1", "0"] {
        let response = login_from(1).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.header("ratelimit-limit"), Some("2"));
        assert_eq!(response.header("ratelimit-remaining"), Some(remaining));
        assert!(response.header("ratelimit-reset").is_some());
    }
    let refused = login_from(1).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!((refused.header("retry-after"), refused.header("ratelimit-remaining")), (Some("30"), Some("0")));
    assert_eq!(problem(refused).await["code"], "rate_limited");
    assert_eq!(login_from(2).await.status(), StatusCode::UNAUTHORIZED, "others are not held up");
}

#[tokio::test]
async fn a_store_that_hangs_is_a_timeout() {
    let app = over_broken(Broken::Hangs);
    let response = app.get_response(login()).await;
    assert_eq!((response.status(), response.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, Some("1")));
    assert_eq!(problem(response).await["code"], "timeout");
}

#[tokio::test]
async fn a_panic_is_an_error_like_any_other() {
    let app = over_broken(Broken::Panics);
    let response = app.get_response(login()).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(response.header("x-request-id").is_some());
    assert_eq!(problem(response).await["code"], "internal");
}

#[tokio::test]
async fn a_store_that_is_away_is_told_without_its_address() {
    let app = over_broken(Broken::IsAway);
    for request in [login(), request(Method::GET, "/ready").finish()] {
        let response = app.get_response(request).await;
        assert_eq!((response.status(), response.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, Some("1")));
        let problem = problem(response).await;
        assert_eq!(problem["code"], "unavailable");
        assert!(!problem.to_string().contains("hunter2"));
    }
    let alive = app.get_response(request(Method::GET, "/health").finish()).await;
    assert_eq!(alive.status(), StatusCode::OK, "the process is as alive as before");
}

#[tokio::test]
async fn ready_follows_the_stages() {
    let readiness = Readiness::starting();
    let test = on_sqlite(AppOptions { readiness: readiness.clone(), ..AppOptions::default() }).await;
    let ready = || test.app.get_response(request(Method::GET, "/ready").finish());
    assert_eq!(problem(ready().await).await["code"], "not_ready");
    readiness.enter(Stage::Serving);
    assert_eq!(ready().await.status(), StatusCode::OK);
    readiness.enter(Stage::Draining);
    assert_eq!(problem(ready().await).await["code"], "not_ready");
}

#[tokio::test]
async fn the_app_may_be_mounted_anywhere() {
    let test = on_sqlite(AppOptions { base_path: "/chat".to_owned(), ..AppOptions::default() }).await;
    let outer = Route::new().nest("/chat", Arc::new(test.app));
    let get = |path: &str| outer.get_response(request(Method::GET, path).finish());
    assert_eq!(get("/chat/health").await.into_body().into_string().await.expect("text"), "UP");
    let document: Value = get("/chat/openapi.json").await.into_body().into_json().await.expect("the document");
    assert_eq!(document["servers"][0]["url"], "/chat");
    assert_eq!(get("/chat/docs").await.status(), StatusCode::OK);
    assert_eq!(get("/health").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn swagger_ui_is_served_whole_and_may_load_nothing_else() {
    let test = on_sqlite(AppOptions::default()).await;
    let page = test.app.get_response(request(Method::GET, "/docs").finish()).await;
    let policy = page.header("content-security-policy").expect("a policy").to_owned();
    assert!(policy.contains("default-src 'none'") && !policy.contains("http"), "{policy}");
    let page = page.into_body().into_string().await.expect("text");
    let links: Vec<_> = page.split(['"']).filter(|part| part.starts_with("docs/")).collect();
    assert_eq!(links.len(), 3);
    for link in links {
        let file = test.app.get_response(request(Method::GET, &format!("/{link}")).finish()).await;
        assert_eq!(file.status(), StatusCode::OK, "{link}");
        assert!(file.into_body().into_string().await.expect("text").len() > 100, "{link}");
    }
}

#[tokio::test]
async fn a_preflight_is_answered_for_allowed_origins_alone() {
    let options =
        AppOptions { cors_origins: vec!["https://a.example".parse().expect("an origin")], ..Default::default() };
    let test = on_sqlite(options).await;
    let preflight = |origin: &str| {
        let request = request(Method::OPTIONS, "/v1/me").header("origin", origin);
        test.app.get_response(request.header("access-control-request-method", "PATCH").finish())
    };
    let allowed = preflight("https://a.example").await;
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://a.example"));
    assert!(allowed.header("access-control-allow-methods").is_some_and(|methods| methods.contains("PATCH")));
    let other = preflight("https://b.example").await;
    assert_eq!(other.header("access-control-allow-origin"), None);
    let refused = request(Method::GET, "/v1/me").header("origin", "https://a.example").finish();
    let refused = test.app.get_response(refused).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert!(refused.header("access-control-expose-headers").is_some_and(|names| names.contains("x-request-id")));
}
