//! Who learns of what.

use serde_json::{Value, json};

use crate::live::Outcome;
use crate::live::frame::{Live as _, bodies, kinds};
use crate::live::run::{Case, cases};
use crate::live::stage::{Stage, befriend, direct, friends, group};

pub(super) fn cases() -> Vec<Case> {
    cases!("audience", Database:
        a_removed_member_gets_the_removal_and_nothing_after,
        a_new_member_gets_nothing_from_before,
        who_is_added_again_gets_what_happens_then,
        the_blocked_learn_of_no_block,
        strangers_learn_of_nothing,
    )
}

async fn a_removed_member_gets_the_removal_and_nothing_after(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada, bob, eve] = friends(&node, ["ada", "bob", "eve"]).await?;
    let room = group(&ada, &[&bob, &eve]).await?;
    let start = bob.cursor().await?;
    let (mut stream, mut socket) = (bob.stream(&start).await?, bob.socket(&start).await?);
    stream.catch_up().await?;
    socket.catch_up().await?;
    ada.say(&room, "with bob").await?;
    let with_bob = stream.events(1).await?;
    assert_eq!((socket.events(1).await?, bodies(&with_bob)), (with_bob.clone(), vec!["with bob"]));
    let before_removal = bob.cursor().await?;
    ada.delete(&format!("/v1/conversations/{room}/members/{}", bob.id)).await?;
    for number in 0..5 {
        ada.say(&room, &format!("without bob {number}")).await?;
    }
    // Something that is for bob again, after all of that.
    let other = direct(&ada, &bob).await?;
    ada.say(&other, "to bob").await?;
    for live in [stream.events(3).await?, socket.events(3).await?] {
        assert_eq!(sorted_kinds(&live), ["conversation.created", "member.removed", "message.sent"]);
        assert_eq!(bodies(&live), ["to bob"]);
    }
    for cursor in [&start, &before_removal] {
        let (replayed, _) = bob.events_after(cursor, 50).await?;
        assert_eq!(replayed.len(), 3, "not even what bob saw live: {}", kinds(&replayed));
        assert_eq!(bodies(&replayed), ["to bob"]);
        let removal = replayed.iter().find(|event| event["kind"] == "member.removed").ok_or("no removal")?;
        assert_eq!((&removal["data"]["user"]["id"], &removal["conversation_id"]), (&json!(bob.id), &json!(room)));
        assert_eq!(bob.socket(cursor).await?.catch_up().await?.0, replayed);
    }
    Ok(())
}

async fn a_new_member_gets_nothing_from_before(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada, bob, eve] = friends(&node, ["ada", "bob", "eve"]).await?;
    let start = eve.cursor().await?;
    let room = group(&ada, &[&bob]).await?;
    let mut live = eve.socket(&start).await?;
    live.catch_up().await?;
    ada.say(&room, "before eve").await?;
    ada.post(&format!("/v1/conversations/{room}/members"), json!({"user_id": eve.id})).await?;
    ada.say(&room, "with eve").await?;
    let told = live.events(3).await?;
    assert_eq!(kinds(&told), "member.added conversation.updated message.sent");
    assert_eq!(bodies(&told), ["with eve"]);
    assert_eq!(eve.events_after(&start, 50).await?.0, told);
    Ok(())
}

async fn who_is_added_again_gets_what_happens_then(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada, bob] = friends(&node, ["ada", "bob"]).await?;
    let room = group(&ada, &[&bob]).await?;
    let members = format!("/v1/conversations/{room}/members");
    let start = bob.cursor().await?;
    let mut live = bob.stream(&start).await?;
    live.catch_up().await?;
    for round in 0..4 {
        ada.delete(&format!("{members}/{}", bob.id)).await?;
        ada.say(&room, "not for bob").await?;
        ada.post(&members, json!({"user_id": bob.id})).await?;
        ada.say(&room, &format!("welcome {round}")).await?;
        // The removal is told to bob alone, the rest to the room.
        let told = live.events(4).await?;
        assert_eq!(bodies(&told), [format!("welcome {round}")], "{}", kinds(&told));
        assert!(kinds(&told).contains("member.removed") && kinds(&told).contains("member.added"));
    }
    assert_eq!(bodies(&bob.events_after(&start, 50).await?.0), ["welcome 3"]);
    Ok(())
}

async fn the_blocked_learn_of_no_block(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada, bob] = friends(&node, ["ada", "bob"]).await?;
    let (ada_start, bob_start) = (ada.cursor().await?, bob.cursor().await?);
    let (mut ada_live, mut bob_live) = (ada.socket(&ada_start).await?, bob.socket(&bob_start).await?);
    ada_live.catch_up().await?;
    bob_live.catch_up().await?;
    ada.put(&format!("/v1/blocks/{}", bob.id)).await?;
    // What bob asks for now is in bob's outgoing list, and unknown to ada.
    bob.post("/v1/friend-requests", json!({"user_id": ada.id})).await?;
    ada.delete(&format!("/v1/blocks/{}", bob.id)).await?;
    ada.ok(reqwest::Method::PATCH, "/v1/me", Some(json!({"display_name": "Ada"}))).await?;
    let told = ada_live.events(4).await?;
    assert_eq!(kinds(&told), "friendship.ended block.added block.removed user.updated");
    assert_eq!(ada.events_after(&ada_start, 50).await?.0, told);
    // Who asks is shown whom they asked, as with any stranger.
    let expected = ["friend_request.sent", "friendship.ended", "user.updated"];
    assert_eq!(sorted_kinds(&bob_live.events(3).await?), expected);
    assert_eq!(sorted_kinds(&bob.events_after(&bob_start, 50).await?.0), expected);
    Ok(())
}

async fn strangers_learn_of_nothing(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada, bob] = friends(&node, ["ada", "bob"]).await?;
    let eve = crate::live::person::Person::register(&node, "eve").await?;
    let start = eve.cursor().await?;
    let mut live = eve.stream(&start).await?;
    live.catch_up().await?;
    let room = group(&ada, &[&bob]).await?;
    ada.say(&room, "secret").await?;
    ada.ok(reqwest::Method::PATCH, "/v1/me", Some(json!({"display_name": "Countess"}))).await?;
    befriend(&ada, &eve).await?;
    let expected = ["friend_request.closed", "friend_request.received", "friendship.started"];
    // A friend's profile is the friend's, whenever it was changed.
    let mut told = vec![];
    while told.len() < 3 {
        told.push(live.event().await?.0);
        told.retain(|event| event["kind"] != "user.updated");
    }
    assert_eq!(sorted_kinds(&told), expected);
    let (mut replayed, _) = eve.events_after(&start, 50).await?;
    replayed.retain(|event| event["kind"] != "user.updated");
    assert_eq!(sorted_kinds(&replayed), expected);
    Ok(())
}

/// Between what concerns different things there is no order.
fn sorted_kinds(events: &[Value]) -> Vec<&str> {
    let mut kinds: Vec<_> = events.iter().map(|event| event["kind"].as_str().unwrap_or("?")).collect();
    kinds.sort_unstable();
    kinds
}
