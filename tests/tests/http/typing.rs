//! Saying that one is typing. (Who is told is tested where connections are.)

use messenger_tests::http::{Client as _, TestApp};
use serde_json::json;

cases! { "typing":
    a_member_may_say_it_as_often_as_they_like,
    who_may_not_send_may_not_type,
}

async fn a_member_may_say_it_as_often_as_they_like(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let (direct, group) = (ada.direct(&bob).await, ada.group("Crew", &[&bob]).await);
    for id in [&direct, &group, &direct] {
        ada.put_empty(format!("/v1/conversations/{id}/typing")).await.no_content();
    }
}

async fn who_may_not_send_may_not_type(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let eve = app.user("eve").await;
    let id = ada.direct(&bob).await;
    let path = format!("/v1/conversations/{id}/typing");
    eve.put_empty(path.clone()).await.refused(404, "conversation_not_found");
    ada.delete(format!("/v1/friends/{}", bob.id)).await.no_content();
    let refused = ada.put_empty(path).await.refused(403, "not_friends");
    assert_eq!(refused["user_ids"], json!([bob.id]));
}
