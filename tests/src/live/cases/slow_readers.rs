//! Clients that do not read what they are sent.

use std::time::{Duration, Instant};

use crate::live::frame::{Frame, Live as _, bodies};
use crate::live::run::{Case, cases};
use crate::live::socket::Socket;
use crate::live::stage::{Stage, direct, friends};
use crate::live::{Failure, Outcome};

pub(super) fn cases() -> Vec<Case> {
    cases!("slow_readers", Database:
        who_stops_reading_is_closed_and_misses_nothing_on_return,
        who_reads_nothing_for_long_is_closed_before_the_queue_is_full,
    )
}

/// Writers of one conversation.
const WRITERS: usize = 7;

async fn who_stops_reading_is_closed_and_misses_nothing_on_return(stage: &Stage) -> Outcome {
    // More than the buffers of both systems hold, and the queue.
    stops_reading(stage, 1_400, &"x".repeat(7_000)).await
}

async fn who_reads_nothing_for_long_is_closed_before_the_queue_is_full(stage: &Stage) -> Outcome {
    // More than the buffers of both systems hold, and fewer than may wait.
    stops_reading(stage, 420, &"🦀".repeat(4_000)).await
}

async fn stops_reading(stage: &Stage, messages: usize, filler: &str) -> Outcome {
    let node = stage.node().await?;
    let [ada, bob] = friends(&node, ["ada", "bob"]).await?;
    let room = direct(&ada, &bob).await?;
    let cursor = bob.cursor().await?;
    let query = format!("?after={cursor}");
    let slow = Socket::connect(node.address, &query, Some(&bob.token), Some(4 * 1024)).await?;
    let mut slow = slow.map_err(|refused| format!("{refused:?}"))?;
    slow.catch_up().await?;
    let mut quick = bob.socket_from_now().await?;
    // Both are bob's, so both are sent everything.
    let reading = async {
        let mut seen = vec![];
        while seen.len() < messages {
            seen.push(quick.event().await?.0["data"]["seq"].clone());
        }
        Ok::<_, Failure>(seen)
    };
    let speaking = async {
        let mut writers = vec![];
        for writer in 0..WRITERS {
            let (ada, room) = (&ada, &room);
            writers.push(async move {
                for number in 0..messages / WRITERS {
                    ada.say(room, &format!("{writer} {number} {filler}")).await?;
                }
                Ok::<_, Failure>(())
            });
        }
        futures_util::future::try_join_all(writers).await
    };
    let began = Instant::now();
    let (seen, spoken) = tokio::join!(reading, speaking);
    spoken?;
    let expected: Vec<_> = (1..=messages).map(serde_json::Value::from).collect();
    assert_eq!(seen?, expected, "another's delivery goes on, and in order");
    // The writer gives up, whether the queue is full by then or not.
    while node.messenger.subscription_count() > 1 {
        assert!(began.elapsed() < Duration::from_secs(40), "the one that does not read is still connected");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // What was on its way is there, and then it ends.
    let (mut got, mut last) = (vec![], cursor.clone());
    loop {
        match slow.next().await {
            Ok(Frame::Event { event, cursor }) => {
                got.push(event);
                last = cursor;
            }
            Ok(Frame::Heartbeat | Frame::Signal(_)) => {}
            Ok(Frame::End(code)) => {
                assert_eq!(code, Some(4000), "it is told to go on from its cursor");
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(got.len() < messages, "it was cut off");
    let (rest, _) = bob.socket(&last).await?.catch_up().await?;
    got.extend(rest);
    let seqs: Vec<_> = got.iter().map(|event| event["data"]["seq"].clone()).collect();
    assert_eq!(seqs, expected, "nothing missing, nothing twice, in order");
    assert_eq!(bodies(&got).len(), messages);
    Ok(())
}
