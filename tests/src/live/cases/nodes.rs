//! Two nodes on one database, with nothing between them but the database.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::live::frame::{Frame, Live, bodies};
use crate::live::run::{Case, cases};
use crate::live::stage::{Stage, direct, friends, group};
use crate::live::{Failure, Outcome};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases!("nodes", ManyNodes:
        what_happens_on_one_is_delivered_on_the_other,
        a_client_moves_from_one_to_the_other_and_misses_nothing,
    );
    cases.extend(cases!("nodes", ManyNodesAlone:
        a_commit_that_is_held_up_is_neither_skipped_nor_reordered,
    ));
    cases
}

async fn what_happens_on_one_is_delivered_on_the_other(stage: &Stage) -> Outcome {
    let (here, there) = (stage.node().await?, stage.node().await?);
    let [ada, bob] = friends(&here, ["ada", "bob"]).await?;
    let room = direct(&ada, &bob).await?;
    let afar = bob.at(&there);
    let (mut stream, mut socket) = (afar.stream_from_now().await?, afar.socket_from_now().await?);
    let mut took = vec![];
    for number in 0..20 {
        // Long enough for polls to become rare, every other time.
        tokio::time::sleep(Duration::from_millis(if number % 2 == 0 { 400 } else { 1 })).await;
        let began = Instant::now();
        let text = number.to_string();
        ada.say(&room, &text).await?;
        assert_eq!(bodies(&[stream.event().await?.0]), [text.as_str()]);
        assert_eq!(bodies(&[socket.event().await?.0]), [text.as_str()]);
        took.push(began.elapsed());
    }
    took.sort();
    println!("from node to node: {took:?}");
    // The machine may stand still now and then, but not at most of the rare polls.
    assert!(took[took.len() - 3] < Duration::from_secs(1), "{took:?}");
    Ok(())
}

async fn a_client_moves_from_one_to_the_other_and_misses_nothing(stage: &Stage) -> Outcome {
    const TOTAL: usize = 120;
    let nodes = [stage.node().await?, stage.node().await?];
    let [ada, bob, eve] = friends(&nodes[0], ["ada", "bob", "eve"]).await?;
    let room = group(&ada, &[&bob, &eve]).await?;
    let mut cursor = bob.cursor().await?;
    let speaking = async {
        for number in 0..TOTAL {
            let node = &nodes[number % 2];
            let who = if number % 3 == 0 { &eve } else { &ada };
            who.at(node).say(&room, &number.to_string()).await?;
        }
        Ok::<_, Failure>(())
    };
    let moving = async {
        let mut seen: Vec<Value> = vec![];
        for round in 0.. {
            let there = bob.at(&nodes[round % 2]);
            let count = (TOTAL - seen.len()).min(7);
            let events = if round % 3 == 0 {
                follow(&mut there.stream(&cursor).await?, count, &mut cursor).await?
            } else {
                follow(&mut there.socket(&cursor).await?, count, &mut cursor).await?
            };
            seen.extend(events);
            if seen.len() == TOTAL {
                break;
            }
        }
        Ok::<_, Failure>(seen)
    };
    let (spoken, seen) = tokio::join!(speaking, moving);
    spoken?;
    let said: Vec<_> = (0..TOTAL).map(|number| number.to_string()).collect();
    assert_eq!(bodies(&seen?), said);
    Ok(())
}

/// Takes some events, replayed or live, and remembers where that leads.
async fn follow(live: &mut impl Live, count: usize, cursor: &mut String) -> Result<Vec<Value>, Failure> {
    let mut events = vec![];
    while events.len() < count {
        if let Frame::Event { event, cursor: at } = live.next().await? {
            events.push(event);
            *cursor = at;
        }
    }
    Ok(events)
}

/// The first commit on one node holds its counters, while both nodes commit
/// what they can: what waits for the counters, and what does not.
async fn a_commit_that_is_held_up_is_neither_skipped_nor_reordered(stage: &Stage) -> Outcome {
    const ROOMS: usize = 12;
    const EACH: usize = 6;
    let nodes = [stage.node().await?, stage.node().await?];
    let [ada, bob] = friends(&nodes[0], ["ada", "bob"]).await?;
    let mut rooms = vec![];
    for _ in 0..ROOMS {
        rooms.push(group(&ada, &[&bob]).await?);
    }
    let start = bob.cursor().await?;
    let mut lives = vec![];
    for node in &nodes {
        lives.push(bob.at(node).socket_from_now().await?);
    }
    // Whoever commits first stands still, with its counters locked.
    fail::cfg("mysql::commit::slow", "1*return(1500)->off")?;
    let began = Instant::now();
    let held = async {
        let said = ada.say(&rooms[0], "held").await?;
        Ok::<_, Failure>((said, began.elapsed()))
    };
    let others = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let mut writers = vec![];
        for (index, room) in rooms.iter().enumerate() {
            let who = ada.at(&nodes[(index + 1) % 2]);
            writers.push(async move {
                let mut done = vec![];
                for number in 0..EACH {
                    who.say(room, &number.to_string()).await?;
                    done.push(began.elapsed());
                }
                Ok::<_, Failure>(done)
            });
        }
        futures_util::future::try_join_all(writers).await
    };
    let total = ROOMS * EACH + 1;
    let mut lives = lives.iter_mut();
    let (one, two) = (lives.next().ok_or("two")?, lives.next().ok_or("two")?);
    let (held, others, one, two) = tokio::join!(held, others, one.events(total), two.events(total));
    fail::remove("mysql::commit::slow");
    let (_, held_for) = held?;
    assert!(held_for >= Duration::from_millis(1400), "it was held up: {held_for:?}");
    let times: Vec<_> = others?.into_iter().flatten().collect();
    let meanwhile = times.iter().filter(|time| **time < Duration::from_millis(1400)).count();
    println!("{meanwhile} of {} others were committed meanwhile", times.len());
    assert!(meanwhile > 0, "others committed meanwhile");
    let (replayed, _) = bob.events_after(&start, 100).await?;
    for events in [one?, two?, replayed] {
        assert_eq!(events.len(), total);
        let mut seqs: HashMap<String, Vec<i64>> = HashMap::new();
        for event in &events {
            let room = event["conversation_id"].as_str().unwrap_or_default().to_owned();
            seqs.entry(room).or_default().push(event["data"]["seq"].as_i64().unwrap_or_default());
        }
        for (room, seqs) in seqs {
            let first = seqs.first().copied().unwrap_or_default();
            let dense: Vec<_> = (first..first + i64::try_from(seqs.len())?).collect();
            assert_eq!(seqs, dense, "{room}: none skipped, none out of order");
        }
    }
    Ok(())
}
