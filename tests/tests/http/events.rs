//! The snapshot and the events after it, as pages. (What a stream delivers, and
//! who sees what, is tested where connections are.)

use messenger_core::cursor::{Cursor, Place};
use messenger_core::event::Position;
use messenger_core::id::UserId;
use messenger_tests::http::{Client as _, Contract, Schemas, TestApp, User};
use serde_json::{Value, json};

cases! { "events":
    a_snapshot_shows_the_first_page_of_everything,
    events_go_on_from_a_snapshot,
    an_event_carries_what_is_there_now,
    a_page_of_events_goes_on_where_it_ended,
    without_a_cursor_it_begins_now,
    a_cursor_that_does_not_fit_the_log_asks_for_a_new_snapshot,
    a_cursor_is_its_viewers_own,
    a_ticket_is_new_every_time,
}

async fn cursor(viewer: &User) -> String {
    viewer.get("/v1/snapshot").await.ok()["cursor"].as_str().expect("a cursor").to_owned()
}

async fn events_after(viewer: &User, cursor: &str) -> Value {
    viewer.get("/v1/events").query("after", cursor).await.ok()
}

fn kinds(page: &Value) -> Vec<&str> {
    page["events"].as_array().expect("events").iter().map(|event| event["kind"].as_str().expect("a kind")).collect()
}

async fn a_snapshot_shows_the_first_page_of_everything(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let (carol, dave) = (app.user("carol").await, app.user("dave").await);
    let id = ada.direct(&bob).await;
    ada.say(&id, "Hello").await;
    carol.post("/v1/friend-requests", json!({"user_id": ada.id})).await.created();
    ada.post("/v1/friend-requests", json!({"user_id": dave.id})).await.created();
    ada.put_empty(format!("/v1/blocks/{}", app.user("erin").await.id)).await.no_content();
    let snapshot = ada.get("/v1/snapshot").await.ok();
    let lists = [
        ("/me", "/v1/me"),
        ("/friends", "/v1/friends"),
        ("/friend_requests/incoming", "/v1/friend-requests?direction=incoming"),
        ("/friend_requests/outgoing", "/v1/friend-requests?direction=outgoing"),
        ("/blocks", "/v1/blocks"),
        ("/conversations", "/v1/conversations"),
    ];
    for (pointer, path) in lists {
        assert_eq!(*snapshot.pointer(pointer).expect("a part"), ada.get(path).await.ok(), "{pointer}");
    }
}

async fn events_go_on_from_a_snapshot(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let before = cursor(&bob).await;
    let nothing = events_after(&bob, &before).await;
    assert_eq!((&nothing["events"], &nothing["caught_up"]), (&json!([]), &json!(true)));
    let id = ada.direct(&bob).await;
    let said = ada.say(&id, "Hello").await;
    ada.patch(
        format!("/v1/conversations/{id}/messages/{}", said["id"].as_str().expect("an id")),
        json!({"body": "Hi"}),
    )
    .await
    .ok();
    let page = events_after(&bob, &before).await;
    assert_eq!(kinds(&page), ["conversation.created", "message.sent", "message.edited"]);
    assert!(page["events"].as_array().expect("events").iter().all(|event| event["actor_id"] == ada.id));
    let after = page["cursor"].as_str().expect("a cursor");
    assert_eq!(kinds(&events_after(&bob, after).await), Vec::<&str>::new());
    bob.delete(format!("/v1/friends/{}", ada.id)).await.no_content();
    assert_eq!(kinds(&events_after(&bob, after).await), ["friendship.ended"]);
}

async fn an_event_carries_what_is_there_now(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let id = ada.direct(&bob).await;
    let before = cursor(&bob).await;
    let said = ada.say(&id, "A slip").await;
    let path = format!("/v1/conversations/{id}/messages/{}", said["id"].as_str().expect("an id"));
    ada.delete(path.clone()).await.no_content();
    let now = bob.get(path).await.ok();
    let page = events_after(&bob, &before).await;
    let events = page["events"].as_array().expect("events");
    assert_eq!(kinds(&page), ["message.sent", "message.deleted"]);
    assert!(events.iter().all(|event| event["data"] == now), "what was deleted is not told again: {page}");
    let document = &Contract::get().document;
    let message = &document["components"]["schemas"]["Message"];
    assert_eq!(Schemas::of(document).misfits(message, &events[0]["data"]), Vec::<String>::new());
}

async fn a_page_of_events_goes_on_where_it_ended(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let id = ada.direct(&bob).await;
    let mut after = cursor(&bob).await;
    for number in 0..5 {
        ada.say(&id, &number.to_string()).await;
    }
    let mut bodies = vec![];
    loop {
        let page = bob.get("/v1/events?limit=2").query("after", &after).await.ok();
        let events = page["events"].as_array().expect("events").clone();
        assert!(events.len() <= 2);
        bodies.extend(events.iter().map(|event| event["data"]["body"].clone()));
        page["cursor"].as_str().expect("a cursor").clone_into(&mut after);
        if page["caught_up"] == true {
            break;
        }
        assert!(!events.is_empty(), "a page that is not the last one has something: {page}");
    }
    assert_eq!(bodies, ["0", "1", "2", "3", "4"]);
}

async fn without_a_cursor_it_begins_now(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let id = ada.direct(&bob).await;
    let now = bob.get("/v1/events").await.ok();
    assert_eq!((&now["events"], &now["caught_up"]), (&json!([]), &json!(true)));
    ada.say(&id, "Hello").await;
    assert_eq!(kinds(&events_after(&bob, now["cursor"].as_str().expect("a cursor")).await), ["message.sent"]);
}

async fn a_cursor_that_does_not_fit_the_log_asks_for_a_new_snapshot(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    ada.say(&ada.direct(&bob).await, "Hello").await;
    let viewer = UserId::from_uuid(bob.id.parse().expect("an id"));
    let now = Cursor::decode(&cursor(&bob).await, viewer).expect("a cursor");
    let mut others = vec![Cursor { epoch: now.epoch ^ 1, ..now.clone() }];
    for (partition, place) in now.places.iter() {
        let mut beyond = now.clone();
        let position = Position::from_stored(place.position.get() + 1);
        beyond.places.set(partition, Place { position, ..place });
        others.push(beyond);
        // Where nothing has happened yet there is no event whose tag it could be.
        if place.position > Position::ZERO {
            let mut another_event = now.clone();
            another_event.places.set(partition, Place { tag: place.tag ^ 1, ..place });
            others.push(another_event);
        }
    }
    assert!(others.len() >= 3, "something has happened");
    // A restored backup has another epoch; a failover that lost its tail ends
    // earlier, or goes on with other events.
    for other in others {
        bob.get("/v1/events").query("after", &other.encode()).await.refused(410, "resync_required");
    }
}

async fn a_cursor_is_its_viewers_own(app: TestApp) {
    let (ada, bob) = app.friends("ada", "bob").await;
    let foreign = ada.get("/v1/events").query("after", &cursor(&bob).await).await;
    foreign.refused_fields(400, "bad_cursor", &["after"]);
}

async fn a_ticket_is_new_every_time(app: TestApp) {
    let ada = app.user("ada").await;
    let ticket = async || ada.post_empty("/v1/events/ticket").await.created();
    let (one, other) = (ticket().await, ticket().await);
    assert_eq!(one["expires_in"], 30);
    assert_ne!(one["ticket"], other["ticket"]);
    // It is for connections, not a token.
    let as_token = format!("Bearer {}", one["ticket"].as_str().expect("a ticket"));
    ada.get("/v1/me").header("authorization", &as_token).await.refused(401, "invalid_token");
}
