//! What streams carry beside events.

use std::time::Duration;

use messenger_core::id::{NodeId, UserId};
use messenger_core::presence::{PresenceOptions, TYPING_INTERVAL};
use messenger_core::store::{NodeHead, SignalBoard};
use reqwest::Method;
use serde_json::{Value, json};

use crate::live::frame::{Frame, Live, kinds};
use crate::live::node::Node;
use crate::live::person::Person;
use crate::live::run::{Case, cases};
use crate::live::stage::{Stage, befriend, direct, friends, group};
use crate::live::{Failure, Outcome};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases!("signals", Database:
        typing_comes_over_both_streams_without_a_cursor,
        a_stream_goes_on_after_a_signal_where_it_was,
        a_long_poll_is_not_woken_by_typing,
        presence_comes_over_both_streams_after_caught_up,
        who_hides_goes_offline,
    );
    cases.extend(cases!("signals", ManyNodes:
        who_types_on_one_node_is_told_on_the_other,
        who_is_online_on_one_node_is_told_on_the_other,
        who_connects_to_two_nodes_is_online_until_gone_from_both,
        the_users_of_a_node_that_dies_go_offline,
        the_users_of_a_node_that_ends_go_offline_after_the_grace,
        a_node_that_was_taken_for_dead_joins_again,
        a_node_that_starts_late_learns_who_is_online,
    ));
    cases
}

/// Nobody waits longer than has to be.
const QUICK: PresenceOptions = PresenceOptions {
    grace: Duration::ZERO,
    beat: Duration::from_millis(200),
    lifetime: Duration::from_secs(15),
    post: Duration::from_millis(20),
    keep_notes: Duration::from_secs(30),
};

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

fn presence(who: &Person, state: &str) -> Value {
    json!({
        "id": null, "kind": "presence", "at": null, "actor_id": who.id, "conversation_id": null,
        "data": {"user_id": who.id, "state": state},
    })
}

async fn presence_comes_over_both_streams_after_caught_up(stage: &Stage) -> Outcome {
    let node = stage.node_with(QUICK).await?;
    let [ada, bob] = friends(&node, ["ada", "bob"]).await?;
    let adas = ada.socket_from_now().await?;
    // `…_from_now` reads up to `caught_up`, and fails at anything else before.
    let (mut stream, mut socket) = (bob.stream_from_now().await?, bob.socket_from_now().await?);
    assert_eq!(next(&mut stream, "presence").await?, presence(&ada, "online"));
    assert_eq!(next(&mut socket, "presence").await?, presence(&ada, "online"));
    drop(adas);
    assert_eq!(next(&mut stream, "presence").await?, presence(&ada, "offline"));
    assert_eq!(next(&mut socket, "presence").await?, presence(&ada, "offline"));
    Ok(())
}

async fn who_hides_goes_offline(stage: &Stage) -> Outcome {
    let node = stage.node_with(QUICK).await?;
    let [ada, bob] = friends(&node, ["ada", "bob"]).await?;
    let (_adas, mut bobs) = (ada.socket_from_now().await?, bob.socket_from_now().await?);
    assert_eq!(next(&mut bobs, "presence").await?, presence(&ada, "online"));
    for (policy, state) in [("hidden", "offline"), ("shared", "online")] {
        let changed = json!({"presence_policy": policy});
        assert_eq!(ada.ok(Method::PATCH, "/v1/me", Some(changed)).await?["presence_policy"], policy);
        assert_eq!(next(&mut bobs, "presence").await?, presence(&ada, state));
    }
    Ok(())
}

async fn who_types_on_one_node_is_told_on_the_other(stage: &Stage) -> Outcome {
    // The one on which nobody is connected joins by the first typing, and tells
    // it once others have seen it join.
    let (here, there) = (stage.node().await?, stage.node_with(QUICK).await?);
    let [ada, bob] = friends(&here, ["ada", "bob"]).await?;
    let room = direct(&ada, &bob).await?;
    let mut socket = bob.at(&there).socket_from_now().await?;
    for _ in 0..3 {
        types(&ada, &room).await?;
        assert_eq!(next(&mut socket, "typing").await?, typing(&ada, &room));
        here.clock.move_on(TYPING_INTERVAL);
    }
    Ok(())
}

async fn who_is_online_on_one_node_is_told_on_the_other(stage: &Stage) -> Outcome {
    let (here, there) = (stage.node_with(QUICK).await?, stage.node_with(QUICK).await?);
    let [ada, bob] = friends(&here, ["ada", "bob"]).await?;
    let mut bobs = bob.at(&there).socket_from_now().await?;
    for _ in 0..3 {
        let adas = ada.socket_from_now().await?;
        assert_eq!(next(&mut bobs, "presence").await?, presence(&ada, "online"));
        drop(adas);
        assert_eq!(next(&mut bobs, "presence").await?, presence(&ada, "offline"));
    }
    Ok(())
}

async fn who_connects_to_two_nodes_is_online_until_gone_from_both(stage: &Stage) -> Outcome {
    let (here, there) = (stage.node_with(QUICK).await?, stage.node_with(QUICK).await?);
    let [ada, bob, mark] = friends(&here, ["ada", "bob", "mark"]).await?;
    befriend(&bob, &mark).await?;
    let mut bobs = bob.at(&there).socket_from_now().await?;
    let first = ada.socket_from_now().await?;
    assert_eq!(next(&mut bobs, "presence").await?, presence(&ada, "online"));
    let second = ada.at(&there).socket_from_now().await?;
    drop(first);
    // What the other node tells after ada has gone from it.
    let marks = mark.socket_from_now().await?;
    assert_eq!(next(&mut bobs, "presence").await?, presence(&mark, "online"));
    drop(second);
    assert_eq!(next(&mut bobs, "presence").await?, presence(&ada, "offline"));
    drop(marks);
    Ok(())
}

fn board(node: &Node) -> Result<&dyn SignalBoard, Failure> {
    node.store.board().ok_or_else(|| "no board".into())
}

async fn the_users_of_a_node_that_dies_go_offline(stage: &Stage) -> Outcome {
    let node = stage.node_with(QUICK).await?;
    let [ada, bob] = friends(&node, ["ada", "bob"]).await?;
    let mut bobs = bob.socket_from_now().await?;
    // One that joins and is not heard of again.
    let dying = NodeId::from_uuid("00000000-0000-7000-8000-000000000007".parse()?);
    let user = UserId::from_uuid(ada.id.parse()?);
    board(&node)?.join(dying, None, &[user], Duration::from_secs(2)).await?;
    assert_eq!(next(&mut bobs, "presence").await?, presence(&ada, "online"));
    assert_eq!(next(&mut bobs, "presence").await?, presence(&ada, "offline"));
    while node.store.poll().await?.nodes.iter().any(|head| head.node_id == dying) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(board(&node)?.read_online(dying).await?, None, "and its rows are gone");
    Ok(())
}

async fn the_users_of_a_node_that_ends_go_offline_after_the_grace(stage: &Stage) -> Outcome {
    let patient = PresenceOptions { grace: Duration::from_millis(300), ..QUICK };
    let (here, there) = (stage.node_with(QUICK).await?, stage.node_with(patient).await?);
    let [ada, bob, eve] = friends(&here, ["ada", "bob", "eve"]).await?;
    befriend(&bob, &eve).await?;
    let mut bobs = bob.at(&there).socket_from_now().await?;
    let _adas = ada.socket_from_now().await?;
    assert_eq!(next(&mut bobs, "presence").await?, presence(&ada, "online"));
    let _eves = eve.socket_from_now().await?;
    assert_eq!(next(&mut bobs, "presence").await?, presence(&eve, "online"));
    // Eve comes back elsewhere, as clients do, and was never away.
    let _eves_again = eve.at(&there).socket_from_now().await?;
    let stopped = here.stop().await;
    assert_eq!(there.store.poll().await?.nodes.len(), 1, "it has taken itself off the board");
    stopped?;
    assert_eq!(next(&mut bobs, "presence").await?, presence(&ada, "offline"));
    Ok(())
}

async fn a_node_that_was_taken_for_dead_joins_again(stage: &Stage) -> Outcome {
    let (here, there) = (stage.node_with(QUICK).await?, stage.node_with(QUICK).await?);
    let [ada, bob] = friends(&here, ["ada", "bob"]).await?;
    let _adas = ada.socket_from_now().await?;
    let before = nodes_when(&here, |nodes| nodes.len() == 1).await?;
    board(&here)?.leave(before[0].node_id).await?;
    nodes_when(&here, |nodes| nodes.iter().any(|head| head.node_id != before[0].node_id)).await?;
    let mut bobs = bob.at(&there).socket_from_now().await?;
    assert_eq!(next(&mut bobs, "presence").await?, presence(&ada, "online"));
    Ok(())
}

async fn nodes_when(node: &Node, holds: impl Fn(&[NodeHead]) -> bool) -> Result<Vec<NodeHead>, Failure> {
    loop {
        let nodes = node.store.poll().await?.nodes;
        if holds(&nodes) {
            return Ok(nodes);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn a_node_that_starts_late_learns_who_is_online(stage: &Stage) -> Outcome {
    let here = stage.node_with(PresenceOptions { keep_notes: Duration::ZERO, ..QUICK }).await?;
    let [ada, bob, eve] = friends(&here, ["ada", "bob", "eve"]).await?;
    befriend(&bob, &eve).await?;
    let mut bobs = bob.socket_from_now().await?;
    let _adas = ada.socket_from_now().await?;
    assert_eq!(next(&mut bobs, "presence").await?, presence(&ada, "online"));
    for _ in 0..3 {
        let eves = eve.socket_from_now().await?;
        assert_eq!(next(&mut bobs, "presence").await?, presence(&eve, "online"));
        drop(eves);
        assert_eq!(next(&mut bobs, "presence").await?, presence(&eve, "offline"));
    }
    let there = stage.node_with(QUICK).await?;
    let mut afar = bob.at(&there).socket_from_now().await?;
    assert_eq!(next(&mut afar, "presence").await?, presence(&ada, "online"));
    Ok(())
}
