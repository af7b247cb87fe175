//! How much waits, and how much goes together.

use std::sync::Arc;

use messenger_core::error::Error;
use messenger_core::lane::LaneOptions;

use crate::world::{CREW, World, together};

#[tokio::test]
async fn past_the_bound_callers_are_turned_away_at_once() {
    let options = LaneOptions { queue_limit: 4, ..LaneOptions::default() };
    let world = Arc::new(World::with_lanes(options).await);
    let gate = world.store.close_gate();
    let send = |body: &'static str| {
        let world = world.clone();
        tokio::spawn(async move { world.send(1, CREW, body).await })
    };
    let mut waiting = vec![send("under way")];
    world.store.until_waiting(1).await;
    waiting.extend(["a", "b", "c", "d"].map(send));
    while world.ids.made() < 5 {
        tokio::task::yield_now().await;
    }
    for _ in 0..3 {
        match world.send(1, CREW, "too many").await {
            Err(Error::Busy { retry_after }) => assert!(!retry_after.is_zero()),
            other => panic!("not busy: {other:?}"),
        }
    }
    drop(gate);
    for waiting in waiting {
        waiting.await.expect("ends well").expect("sends");
    }
    world.send(1, CREW, "on").await.expect("there is room again");
    assert_eq!(world.bodies(CREW).await, ["under way", "a", "b", "c", "d", "on"]);
    assert_eq!(world.store.committed(), 3, "one, all that waited, one");
}

#[tokio::test]
async fn a_batch_takes_no_more_than_its_limit() {
    let world = World::with_lanes(LaneOptions { batch_limit: 3, ..LaneOptions::default() }).await;
    let bodies = ["a", "b", "c", "d", "e", "f", "g"];
    for answer in together(bodies.map(|body| world.send(1, CREW, body)).into()).await {
        answer.expect("sends");
    }
    assert_eq!(world.bodies(CREW).await, bodies);
    assert_eq!(world.store.committed(), 3);
}

#[tokio::test]
async fn zeros_count_as_ones() {
    let world = World::with_lanes(LaneOptions { count: 0, batch_limit: 0, queue_limit: 0 }).await;
    world.send(1, CREW, "a").await.expect("sends");
    world.send(1, CREW, "b").await.expect("sends");
    assert_eq!(world.bodies(CREW).await, ["a", "b"]);
}
