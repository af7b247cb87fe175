//! Everything that a live connection can say, said once. That each frame is as
//! `asyncapi.json` has it is seen to where frames are read, in every case.

use std::collections::BTreeSet;

use messenger_core::event::Fact;
use reqwest::Method;
use serde_json::{Value, json};

use crate::live::Outcome;
use crate::live::frame::{Frame, Live};
use crate::live::person::Person;
use crate::live::run::{Case, cases};
use crate::live::stage::{Stage, direct, friends, group};

pub(super) fn cases() -> Vec<Case> {
    cases!("kinds", Database:
        every_kind_of_event_comes_over_both_transports,
        a_quiet_connection_is_told_that_it_is_alive,
    )
}

async fn every_kind_of_event_comes_over_both_transports(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada, bob, eve] = friends(&node, ["ada", "bob", "eve"]).await?;
    let start = ada.cursor().await?;
    let mut stream = ada.stream(&start).await?;
    stream.catch_up().await?;
    let tablet = ada.log_in(&node).await?;
    say_everything(&ada, &bob, &eve).await?;
    tablet.ok(Method::POST, "/v1/auth/logout", None).await?;
    // The marker of all that is to come.
    ada.ok(Method::PATCH, "/v1/me", Some(json!({"bio": "the last"}))).await?;
    let mut socket = ada.socket(&start).await?;
    let (replayed, cursor) = socket.catch_up().await?;
    assert_eq!(kinds_of(&replayed), all_kinds(), "replayed over a WebSocket");
    let live = stream.events(replayed.len()).await?;
    assert_eq!(kinds_of(&live), all_kinds(), "live over server-sent events");
    assert_eq!(ada.stream(&start).await?.catch_up().await?.0, replayed, "replayed over server-sent events");
    // Once more, for the transport that has only replayed so far.
    say_everything(&ada, &bob, &eve).await?;
    let (again, _) = ada.events_after(&cursor, 100).await?;
    let live = socket.events(again.len()).await?;
    let without_sessions: BTreeSet<_> = all_kinds().into_iter().filter(|kind| kind != "session.ended").collect();
    assert_eq!(kinds_of(&live), without_sessions, "live over a WebSocket");
    Ok(())
}

fn all_kinds() -> BTreeSet<String> {
    Fact::KINDS.iter().map(|kind| (*kind).to_owned()).collect()
}

fn kinds_of(events: &[Value]) -> BTreeSet<String> {
    events.iter().filter_map(|event| event["kind"].as_str().map(str::to_owned)).collect()
}

/// Everything that can happen to ada but the end of a session, with a direct
/// and a group conversation. Leaves friendships as they were.
async fn say_everything(ada: &Person, bob: &Person, eve: &Person) -> Outcome {
    for room in [direct(ada, bob).await?, group(ada, &[bob]).await?] {
        let said = bob.say(&room, "said").await?;
        let message = format!("/v1/conversations/{room}/messages/{}", said["id"].as_str().ok_or("no id")?);
        bob.ok(Method::PATCH, &message, Some(json!({"body": "edited"}))).await?;
        ada.ok(Method::PUT, &format!("/v1/conversations/{room}/read"), Some(json!({"seq": said["seq"]}))).await?;
        bob.delete(&message).await?;
    }
    let room = group(ada, &[bob]).await?;
    let members = format!("/v1/conversations/{room}/members");
    ada.post(&members, json!({"user_id": eve.id})).await?;
    ada.ok(Method::PATCH, &format!("{members}/{}", bob.id), Some(json!({"role": "admin"}))).await?;
    ada.ok(Method::PATCH, &format!("/v1/conversations/{room}"), Some(json!({"title": "Renamed"}))).await?;
    ada.delete(&format!("{members}/{}", eve.id)).await?;
    ada.delete(&format!("/v1/friends/{}", eve.id)).await?;
    ada.put(&format!("/v1/blocks/{}", eve.id)).await?;
    ada.delete(&format!("/v1/blocks/{}", eve.id)).await?;
    // Asked by each once, so that ada both sends and receives a request.
    ada.post("/v1/friend-requests", json!({"user_id": eve.id})).await?;
    ada.delete(&format!("/v1/friend-requests/{}", eve.id)).await?;
    eve.post("/v1/friend-requests", json!({"user_id": ada.id})).await?;
    ada.post(&format!("/v1/friend-requests/{}/accept", eve.id), json!({})).await?;
    // Another name each time: what stays as it is tells nothing.
    bob.ok(Method::PATCH, "/v1/me", Some(json!({"display_name": format!("Bob {room}")}))).await?;
    Ok(())
}

async fn a_quiet_connection_is_told_that_it_is_alive(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada] = friends(&node, ["ada"]).await?;
    let (mut stream, mut socket) = (ada.stream_from_now().await?, ada.socket_from_now().await?);
    // Longer than one wait for a frame that has to come.
    tokio::time::sleep(std::time::Duration::from_secs(20)).await;
    let (on_stream, on_socket) = tokio::join!(stream.next(), socket.next());
    assert_eq!((on_stream?, on_socket?), (Frame::Heartbeat, Frame::Heartbeat));
    Ok(())
}
