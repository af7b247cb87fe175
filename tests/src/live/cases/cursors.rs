//! Cursors from which the log does not go on.

use std::time::Duration;

use messenger_core::cursor::{Cursor, Place};
use messenger_core::event::Position;
use messenger_core::id::UserId;
use reqwest::Method;
use serde_json::Value;

use crate::live::frame::{Frame, Live as _, bodies};
use crate::live::person::Person;
use crate::live::run::{Case, cases};
use crate::live::stage::{Stage, direct, friends};
use crate::live::{Failure, Outcome};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases!("cursors", Database:
        a_cursor_that_is_none_or_anothers_is_refused,
        a_cursor_of_another_log_needs_a_new_snapshot,
        a_cursor_below_the_floor_needs_a_new_snapshot,
        a_restored_backup_refuses_all_later_cursors,
    );
    cases.extend(cases!("cursors", ManyNodes: a_running_node_notices_that_a_backup_was_restored));
    cases
}

/// Every transport gives this answer to a cursor.
async fn assert_refused(person: &Person, cursor: &str, status: u16, code: &str) -> Outcome {
    let expected = (status, Value::from(code));
    let (polled, problem) = person.call(Method::GET, &format!("/v1/events?after={cursor}"), None).await?;
    assert_eq!((polled, problem["code"].clone()), expected, "long poll: {problem}");
    assert!(problem["events"].is_null(), "never a part of it");
    let (waited, _) = person.call(Method::GET, &format!("/v1/events?after={cursor}&wait=20"), None).await?;
    assert_eq!(waited, status, "a long poll that waits");
    for last_event_id in [None, Some(cursor)] {
        let query = if last_event_id.is_none() { format!("?after={cursor}") } else { String::new() };
        let refused = person.try_stream(&query, last_event_id).await?.err().ok_or("the stream is opened")?;
        assert_eq!((refused.status, refused.problem["code"].clone()), expected, "stream: {last_event_id:?}");
    }
    let refused = person.try_socket(&format!("?after={cursor}")).await?.err().ok_or("the WebSocket is opened")?;
    assert_eq!((refused.status, refused.problem["code"].clone()), expected, "WebSocket");
    Ok(())
}

fn decode(cursor: &str, person: &Person) -> Result<Cursor, Failure> {
    let user = UserId::from_uuid(person.id.parse()?);
    Ok(Cursor::decode(cursor, user).ok_or("it is the person's cursor")?)
}

async fn a_cursor_that_is_none_or_anothers_is_refused(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada, bob] = friends(&node, ["ada", "bob"]).await?;
    let cursor = ada.cursor().await?;
    let cut = &cursor[..cursor.len() - 3];
    for bad in ["nonsense", "AAAA", "%00", "0", cut, &format!("{cursor}AAAA"), &bob.cursor().await?] {
        assert_refused(&ada, bad, 400, "bad_cursor").await.map_err(|error| format!("{bad}: {error}"))?;
    }
    Ok(())
}

async fn a_cursor_of_another_log_needs_a_new_snapshot(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada, bob] = friends(&node, ["ada", "bob"]).await?;
    ada.say(&direct(&ada, &bob).await?, "hello").await?;
    let genuine = decode(&ada.cursor().await?, &ada)?;
    let another_epoch = Cursor { epoch: genuine.epoch ^ 1, ..genuine.clone() };
    assert_refused(&ada, &another_epoch.encode(), 410, "resync_required").await?;
    let written = genuine.places.iter().filter(|(_, place)| place.position > Position::ZERO);
    for (partition, place) in written.collect::<Vec<_>>() {
        for other in [
            Place { position: place.position.next(), ..place },
            Place { position: Position::from_stored(i64::MAX), ..place },
            Place { tag: place.tag ^ 1, ..place },
        ] {
            let mut cursor = genuine.clone();
            cursor.places.set(partition, other);
            assert_refused(&ada, &cursor.encode(), 410, "resync_required").await?;
        }
    }
    Ok(())
}

async fn a_cursor_below_the_floor_needs_a_new_snapshot(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada, bob] = friends(&node, ["ada", "bob"]).await?;
    let room = direct(&ada, &bob).await?;
    let early = ada.cursor().await?;
    let mut slow = ada.socket(&early).await?;
    slow.catch_up().await?;
    for number in 0..10 {
        bob.say(&room, &number.to_string()).await?;
    }
    let late = ada.cursor().await?;
    for (partition, place) in decode(&late, &ada)?.places.iter() {
        node.store.purge_events(partition, place.position).await?;
    }
    assert_refused(&ada, &early, 410, "resync_required").await?;
    bob.say(&room, "afterwards").await?;
    assert_eq!(bodies(&ada.events_after(&late, 50).await?.0), ["afterwards"], "at the floor nothing is lost");
    assert_eq!(bodies(&ada.stream(&late).await?.catch_up().await?.0), ["afterwards"]);
    assert_eq!(slow.events(11).await?.len(), 11, "who is connected does not depend on what is kept");
    Ok(())
}

async fn a_restored_backup_refuses_all_later_cursors(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada, bob] = friends(&node, ["ada", "bob"]).await?;
    let room = direct(&ada, &bob).await?;
    bob.say(&room, "kept").await?;
    let kept = ada.cursor().await?;
    node.stop().await?;
    settle(stage).await?;
    stage.database.back_up().await?;
    let node = stage.node().await?;
    let [ada, bob] = [ada.at(&node), bob.at(&node)];
    let mut later = vec![];
    for number in 0..3 {
        bob.say(&room, &format!("lost {number}")).await?;
        later.push(ada.cursor().await?);
    }
    node.stop().await?;
    settle(stage).await?;
    stage.database.restore().await?;
    let node = stage.node().await?;
    let [ada, bob] = [ada.at(&node), bob.at(&node)];
    // At once, and also when the log is as long again as it was, and longer.
    for number in 0..5 {
        for cursor in &later {
            assert_refused(&ada, cursor, 410, "resync_required").await?;
        }
        bob.say(&room, &format!("new {number}")).await?;
    }
    let (events, _) = ada.events_after(&kept, 50).await?;
    assert_eq!(bodies(&events), ["new 0", "new 1", "new 2", "new 3", "new 4"]);
    Ok(())
}

/// Tasks of a stopped node hold its file for a moment.
async fn settle(stage: &Stage) -> Outcome {
    for _ in 0..500 {
        if stage.database.is_free().await {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err("the stopped node holds its database".into())
}

async fn a_running_node_notices_that_a_backup_was_restored(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada, bob] = friends(&node, ["ada", "bob"]).await?;
    let room = direct(&ada, &bob).await?;
    stage.database.back_up().await?;
    let (mut stream, mut socket) = (ada.stream_from_now().await?, ada.socket_from_now().await?);
    bob.say(&room, "lost").await?;
    stream.events(1).await?;
    socket.events(1).await?;
    let followed = ada.cursor().await?;
    stage.database.restore().await?;
    assert_eq!(stream.rest().await?, [Frame::Resync, Frame::End(None)]);
    assert_eq!(socket.rest().await?, [Frame::End(Some(4010))]);
    assert_refused(&ada, &followed, 410, "resync_required").await?;
    // It goes on with the log that there is now.
    let (mut stream, mut socket) = (ada.stream_from_now().await?, ada.socket_from_now().await?);
    bob.say(&room, "new").await?;
    assert_eq!(bodies(&stream.events(1).await?), ["new"]);
    assert_eq!(bodies(&socket.events(1).await?), ["new"]);
    Ok(())
}
