//! What streams carry beside events.

use std::time::Duration;

use serde_json::{Value, json};

use crate::live::frame::{Frame, Live, kinds};
use crate::live::node::Node;
use crate::live::person::Person;
use crate::live::run::{Case, cases};
use crate::live::stage::{Stage, direct, friends, group};
use crate::live::{Failure, Outcome};

pub(super) fn cases() -> Vec<Case> {
    cases!("signals", Database:
        typing_comes_over_both_streams_without_a_cursor,
        a_stream_goes_on_after_a_signal_where_it_was,
        a_long_poll_is_not_woken_by_typing,
    )
}

async fn types(person: &Person, room: &str) -> Outcome {
    person.put(&format!("/v1/conversations/{room}/typing")).await.map(drop)
}

fn typing(who: &Person, room: &str) -> Value {
    json!({
        "id": null, "kind": "typing", "at": null, "actor_id": who.id, "conversation_id": room,
        "data": {"user_id": who.id, "conversation_id": room},
    })
}

/// The next signal of a kind, with its time left out.
async fn next(live: &mut impl Live, kind: &str) -> Result<Value, Failure> {
    loop {
        let mut signal = live.signal().await?;
        if signal["kind"] == kind {
            assert!(signal["at"].as_str().is_some_and(|at| at.ends_with('Z')), "{signal}");
            signal["at"] = Value::Null;
            return Ok(signal);
        }
    }
}

async fn typing_comes_over_both_streams_without_a_cursor(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada, bob] = friends(&node, ["ada", "bob"]).await?;
    let (room, crew) = (direct(&ada, &bob).await?, group(&ada, &[&bob]).await?);
    let (mut stream, mut socket) = (bob.stream_from_now().await?, bob.socket_from_now().await?);
    for place in [&room, &crew] {
        types(&ada, place).await?;
        assert_eq!(next(&mut stream, "typing").await?, typing(&ada, place));
        assert_eq!(next(&mut socket, "typing").await?, typing(&ada, place));
    }
    Ok(())
}

async fn a_stream_goes_on_after_a_signal_where_it_was(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada, bob] = friends(&node, ["ada", "bob"]).await?;
    let room = direct(&ada, &bob).await?;
    let mut stream = bob.stream_from_now().await?;
    ada.say(&room, "one").await?;
    let (_, cursor) = stream.event().await?;
    types(&ada, &room).await?;
    next(&mut stream, "typing").await?;
    ada.say(&room, "two").await?;
    let (_, last) = stream.event().await?;
    assert_ne!(last, cursor);
    let (replayed, _) = bob.stream(&cursor).await?.catch_up().await?;
    assert_eq!(kinds(&replayed), "message.sent");
    Ok(())
}

async fn a_long_poll_is_not_woken_by_typing(stage: &Stage) -> Outcome {
    let node: Node = stage.node().await?;
    let [ada, bob] = friends(&node, ["ada", "bob"]).await?;
    let room = direct(&ada, &bob).await?;
    let cursor = bob.cursor().await?;
    let mut socket = bob.socket_from_now().await?;
    let path = format!("/v1/events?after={cursor}&wait=25");
    let polling = bob.get(&path);
    let acting = async {
        while node.messenger.subscription_count() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        types(&ada, &room).await?;
        // By now it would have been woken.
        next(&mut socket, "typing").await?;
        ada.say(&room, "hello").await?;
        assert!(matches!(socket.next().await?, Frame::Event { .. }));
        Ok::<_, Failure>(())
    };
    let (page, acted) = tokio::join!(polling, acting);
    acted?;
    let events = page?["events"].as_array().cloned().unwrap_or_default();
    assert_eq!(kinds(&events), "message.sent");
    Ok(())
}
