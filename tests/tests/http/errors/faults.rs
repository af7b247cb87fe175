//! What clients see of a store that fails. (That no internals show is checked
//! with every answer.)

use messenger_http::AppOptions;
use messenger_tests::http::{Client as _, Fault, HANG, Operation, TestApp};
use poem::http::Method;

use super::fixture::{Fixture, operations};

cases! { "errors::faults":
    a_store_that_is_away_makes_everything_unavailable,
    a_defect_is_an_internal_error_and_no_more,
    a_store_that_hangs_is_not_waited_for,
    a_change_that_hangs_is_not_waited_for,
    a_lost_commit_is_an_unknown_outcome,
    a_body_that_does_not_come_is_not_waited_for,
}

/// A fixture at an app that waits no longer than things hang.
async fn impatient(app: TestApp) -> Fixture {
    let options = AppOptions { request_timeout: HANG, ..TestApp::options() };
    let mut fixture = Fixture::new(app).await;
    fixture.ada = fixture.ada.at(&fixture.app.with(options));
    fixture
}

/// Every operation that stores something: typing is told and forgotten.
fn changes() -> impl Iterator<Item = &'static Operation> {
    operations().filter(|operation| operation.method != Method::GET && operation.id != "set_typing")
}

async fn a_store_that_is_away_makes_everything_unavailable(app: TestApp) {
    let fixture = Fixture::new(app).await;
    fixture.app.break_store(Fault::Away);
    for operation in operations() {
        let answer = fixture.request(operation, &fixture.valid(operation)).await;
        answer.refused(503, "unavailable");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    assert_eq!(fixture.app.anon().get("/health").await.text(), "UP");
    fixture.app.anon().get("/ready").await.refused(503, "unavailable");
    fixture.app.break_store(None);
    assert_eq!(fixture.app.anon().get("/ready").await.text(), "READY");
}

async fn a_defect_is_an_internal_error_and_no_more(app: TestApp) {
    let fixture = Fixture::new(app).await;
    fixture.app.break_store(Fault::Panics);
    for operation in operations() {
        fixture.request(operation, &fixture.valid(operation)).await.refused(500, "internal");
    }
    fixture.app.break_store(None);
    fixture.ada.get("/v1/me").await.ok();
}

async fn a_store_that_hangs_is_not_waited_for(app: TestApp) {
    let fixture = impatient(app).await;
    fixture.app.break_store(Fault::Hangs);
    for operation in operations() {
        fixture.request(operation, &fixture.valid(operation)).await.refused(503, "timeout");
    }
    fixture.app.anon().get("/ready").await.refused(503, "unavailable");
    fixture.app.break_store(None);
}

async fn a_change_that_hangs_is_not_waited_for(app: TestApp) {
    let fixture = impatient(app).await;
    fixture.app.break_store(Fault::HangsOnChanges);
    for operation in changes() {
        fixture.request(operation, &fixture.valid(operation)).await.refused(503, "timeout");
    }
    fixture.app.break_store(None);
}

async fn a_lost_commit_is_an_unknown_outcome(app: TestApp) {
    let fixture = Fixture::new(app).await;
    for operation in changes() {
        fixture.app.break_store(Fault::LosesCommits);
        fixture.request(operation, &fixture.valid(operation)).await.refused(503, "outcome_unknown");
        fixture.app.break_store(None);
    }
}

/// It is the client's doing, and nothing was begun.
async fn a_body_that_does_not_come_is_not_waited_for(app: TestApp) {
    let fixture = impatient(app).await;
    for operation in operations().filter(|operation| operation.described["requestBody"].is_object()) {
        for part in ["", "{\"display_name\": "] {
            fixture.request(operation, &fixture.valid(operation)).stalled(part).await.refused(408, "body_timeout");
        }
    }
}
