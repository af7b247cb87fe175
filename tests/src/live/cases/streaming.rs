//! Server-sent events.

use crate::live::Outcome;
use crate::live::frame::{Frame, Live as _, bodies};
use crate::live::run::{Case, cases};
use crate::live::stage::{Stage, direct, friends};

pub(super) fn cases() -> Vec<Case> {
    cases!("streaming", Database:
        ids_are_cursors_that_every_transport_goes_on_from,
        the_last_event_id_wins_over_after,
        without_a_cursor_a_stream_begins_now,
        a_drain_tells_every_client_to_connect_again,
        who_connects_during_a_drain_is_told_so,
    )
}

async fn ids_are_cursors_that_every_transport_goes_on_from(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada, bob] = friends(&node, ["ada", "bob"]).await?;
    let start = bob.cursor().await?;
    let room = direct(&ada, &bob).await?;
    for number in 0..8 {
        ada.say(&room, &number.to_string()).await?;
    }
    let mut stream = bob.stream(&start).await?;
    assert_eq!(stream.header("content-type"), Some("text/event-stream"));
    assert_eq!(stream.header("cache-control"), Some("no-store"));
    let mut all = vec![];
    loop {
        match stream.next().await? {
            Frame::Event { event, cursor } => all.push((event, cursor)),
            Frame::CaughtUp { .. } => break,
            other => panic!("{other:?}"),
        }
    }
    let events: Vec<_> = all.iter().map(|(event, _)| event.clone()).collect();
    assert_eq!(bodies(&events), ["0", "1", "2", "3", "4", "5", "6", "7"]);
    for (index, (_, cursor)) in all.iter().enumerate() {
        let rest = &events[index + 1..];
        assert_eq!(bob.events_after(cursor, 50).await?.0, rest, "long poll after event {index}");
        assert_eq!(bob.stream(cursor).await?.catch_up().await?.0, rest, "stream after event {index}");
        assert_eq!(bob.socket(cursor).await?.catch_up().await?.0, rest, "WebSocket after event {index}");
    }
    Ok(())
}

async fn the_last_event_id_wins_over_after(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada, bob] = friends(&node, ["ada", "bob"]).await?;
    let room = direct(&ada, &bob).await?;
    let early = bob.cursor().await?;
    ada.say(&room, "one").await?;
    let late = bob.cursor().await?;
    ada.say(&room, "two").await?;
    let query = format!("?after={early}");
    let opened = bob.try_stream(&query, Some(&late)).await?;
    let mut stream = opened.map_err(|refused| format!("{refused:?}"))?;
    assert_eq!(bodies(&stream.catch_up().await?.0), ["two"]);
    let refused = bob.try_stream(&query, Some("nonsense")).await?.err().ok_or("a bad id is refused")?;
    assert_eq!((refused.status, &refused.problem["code"]), (400, &"bad_cursor".into()));
    assert_eq!(refused.problem["errors"][0]["field"], "Last-Event-ID");
    Ok(())
}

async fn without_a_cursor_a_stream_begins_now(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada, bob] = friends(&node, ["ada", "bob"]).await?;
    let room = direct(&ada, &bob).await?;
    ada.say(&room, "before").await?;
    let mut stream = bob.try_stream("", None).await?.map_err(|refused| format!("{refused:?}"))?;
    let mut socket = bob.try_socket("").await?.map_err(|refused| format!("{refused:?}"))?;
    assert_eq!(stream.catch_up().await?.0, socket.catch_up().await?.0);
    ada.say(&room, "after").await?;
    assert_eq!(bodies(&[stream.event().await?.0]), ["after"]);
    assert_eq!(bodies(&[socket.event().await?.0]), ["after"]);
    Ok(())
}

async fn a_drain_tells_every_client_to_connect_again(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada, bob] = friends(&node, ["ada", "bob"]).await?;
    let room = direct(&ada, &bob).await?;
    let cursor = bob.cursor().await?;
    let mut streams = vec![];
    let mut sockets = vec![];
    for _ in 0..10 {
        streams.push(bob.stream_from_now().await?);
        sockets.push(bob.socket_from_now().await?);
    }
    let path = format!("/v1/events?after={cursor}&wait=20");
    let waiting = bob.get(&path);
    let draining = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        node.messenger.close_subscriptions();
    };
    let (page, ()) = tokio::join!(waiting, draining);
    assert_eq!(page?["events"].as_array().map(Vec::len), Some(0));
    for stream in &mut streams {
        let rest = stream.rest().await?;
        assert!(matches!(rest[..], [Frame::Reconnect { after_ms: 0..=5000 }, Frame::End(None)]), "{rest:?}");
    }
    for socket in &mut sockets {
        let rest = socket.rest().await?;
        assert!(matches!(rest[..], [Frame::Reconnect { after_ms: 0..=5000 }, Frame::End(Some(1012))]), "{rest:?}");
    }
    assert_eq!(node.messenger.subscription_count(), 0);
    ada.say(&room, "later").await?;
    assert_eq!(bodies(&bob.events_after(&cursor, 50).await?.0), ["later"]);
    Ok(())
}

/// A stream that is opened just before the end must not hold it up.
async fn who_connects_during_a_drain_is_told_so(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada] = friends(&node, ["ada"]).await?;
    let cursor = ada.cursor().await?;
    node.messenger.close_subscriptions();
    let rest = ada.stream(&cursor).await?.rest().await?;
    let told = &rest[rest.len() - 2..];
    assert!(matches!(told, [Frame::Reconnect { .. }, Frame::End(None)]), "{rest:?}");
    let rest = ada.socket(&cursor).await?.rest().await?;
    let told = &rest[rest.len() - 2..];
    assert!(matches!(told, [Frame::Reconnect { .. }, Frame::End(Some(1012))]), "{rest:?}");
    Ok(())
}
