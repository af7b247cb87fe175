//! Paths and methods that nothing answers to, and clients that take no JSON.

use std::collections::{BTreeMap, BTreeSet};

use messenger_tests::http::{Client as _, Contract, TestApp};
use poem::http::Method;

use super::fixture::{Fixture, operations};

cases! { "errors::paths":
    an_unknown_path_is_not_found,
    a_method_that_a_path_does_not_know_is_told_which_it_knows,
    who_takes_no_json_is_told_before_anything_is_done,
}

async fn an_unknown_path_is_not_found(app: TestApp) {
    let ada = app.user("ada").await;
    let paths = [
        "/".to_owned(),
        "/v1".to_owned(),
        "/v2/me".to_owned(),
        "/V1/me".to_owned(),
        "/v1/nowhere".to_owned(),
        "/v1/me/nowhere".to_owned(),
        "/v1//me".to_owned(),
        "//v1/me".to_owned(),
        "/v1/conversations/x/y/z/0".to_owned(),
        format!("/v1/users/{}/nowhere", ada.id),
        "/v1/%2e%2e/health".to_owned(),
        "/openapi.yaml".to_owned(),
        "/docs/nowhere.js".to_owned(),
        "/.env".to_owned(),
    ];
    for path in paths {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            ada.request(method.clone(), path.clone()).await.refused(404, "not_found");
            app.anon().request(method, path.clone()).await.refused(404, "not_found");
        }
    }
}

async fn a_method_that_a_path_does_not_know_is_told_which_it_knows(app: TestApp) {
    let ada = app.user("ada").await;
    let mut methods = BTreeMap::<&str, BTreeSet<&str>>::new();
    for operation in Contract::get().operations() {
        methods.entry(&operation.path).or_default().insert(operation.method.as_str());
    }
    for (path, mut known) in methods {
        if known.contains("GET") {
            known.insert("HEAD");
        }
        known.insert("OPTIONS");
        let filled = path.split('/').map(|part| if part.starts_with('{') { ada.id.as_str() } else { part });
        let filled = filled.collect::<Vec<_>>().join("/");
        for other in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND"] {
            if known.contains(other) {
                continue;
            }
            let answer = ada.request(other.parse().expect("a method"), filled.clone()).await;
            if other != "HEAD" {
                answer.refused(405, "method_not_allowed");
            }
            assert_eq!(answer.status(), 405, "{other} {path}");
            let allowed: BTreeSet<_> = answer.header("allow").expect("Allow").split(", ").collect();
            assert_eq!(allowed, known, "{other} {path}");
        }
        let answer = ada.request(Method::OPTIONS, filled).await;
        answer.no_content();
        assert_eq!(answer.header("allow").expect("Allow").split(", ").collect::<BTreeSet<_>>(), known, "{path}");
    }
}

async fn who_takes_no_json_is_told_before_anything_is_done(app: TestApp) {
    let fixture = Fixture::new(app).await;
    for operation in operations() {
        for accept in ["text/html", "image/png, text/*;q=0.5", "application/json;q=0", "application/xml"] {
            let request = fixture.request(operation, &fixture.valid(operation)).header("accept", accept);
            request.await.refused(406, "not_acceptable");
        }
    }
    // Nothing was done: what only works once still works.
    let again = Contract::get().operation("accept_friend_request");
    for accept in ["text/html, */*;q=0.1", "application/problem+json, application/json", "Application/*"] {
        let request = fixture.request(again, &fixture.valid(again)).header("accept", accept);
        assert_ne!(request.await.status(), 406, "{accept}");
    }
    fixture.app.anon().get("/health").header("accept", "image/png").await;
}
