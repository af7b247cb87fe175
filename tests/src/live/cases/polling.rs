//! Long poll.

use std::time::{Duration, Instant};

use reqwest::Method;

use crate::live::Outcome;
use crate::live::frame::{bodies, kinds};
use crate::live::run::{Case, cases};
use crate::live::stage::{Stage, direct, friends};

pub(super) fn cases() -> Vec<Case> {
    cases!("polling", Database:
        a_cursor_leads_through_everything_in_pages,
        a_request_that_waits_answers_when_something_happens,
        a_request_that_waits_for_nothing_answers_in_time,
        a_wait_out_of_bounds_is_refused,
    )
}

async fn a_cursor_leads_through_everything_in_pages(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada, bob] = friends(&node, ["ada", "bob"]).await?;
    let start = bob.cursor().await?;
    let room = direct(&ada, &bob).await?;
    let said: Vec<_> = (0..25).map(|number| format!("message {number}")).collect();
    for text in &said {
        ada.say(&room, text).await?;
    }
    for limit in [1, 7, 100] {
        let (events, end) = bob.events_after(&start, limit).await?;
        assert_eq!(bodies(&events), said, "{limit} at a time");
        assert_eq!(kinds(&events[..1]), "conversation.created");
        assert_eq!(bob.events_after(&end, limit).await?.0.len(), 0, "nothing after the end");
    }
    let page = bob.get(&format!("/v1/events?after={start}&limit=5")).await?;
    assert_eq!((page["events"].as_array().map(Vec::len), &page["caught_up"]), (Some(5), &false.into()));
    Ok(())
}

async fn a_request_that_waits_answers_when_something_happens(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada, bob] = friends(&node, ["ada", "bob"]).await?;
    let room = direct(&ada, &bob).await?;
    let mut cursor = bob.cursor().await?;
    for round in 0..5 {
        let began = Instant::now();
        let path = format!("/v1/events?after={cursor}&wait=20");
        let waiting = bob.get(&path);
        let speaking = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            ada.say(&room, &format!("round {round}")).await
        };
        let (page, said) = tokio::join!(waiting, speaking);
        let (page, said) = (page?, said?);
        assert!(began.elapsed() < Duration::from_secs(5), "it waits no longer: {:?}", began.elapsed());
        assert_eq!(page["events"].as_array().map(Vec::len), Some(1), "{page}");
        assert_eq!(page["events"][0]["data"]["id"], said["id"]);
        assert_eq!(page["caught_up"], true);
        page["cursor"].as_str().ok_or("no cursor")?.clone_into(&mut cursor);
    }
    Ok(())
}

async fn a_request_that_waits_for_nothing_answers_in_time(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada, bob, eve] = friends(&node, ["ada", "bob", "eve"]).await?;
    let room = direct(&ada, &bob).await?;
    let cursor = eve.cursor().await?;
    let began = Instant::now();
    let path = format!("/v1/events?after={cursor}&wait=1");
    let (page, said) = tokio::join!(eve.get(&path), ada.say(&room, "not for eve"));
    let (page, _) = (page?, said?);
    assert!(began.elapsed() >= Duration::from_secs(1) && began.elapsed() < Duration::from_secs(4));
    assert_eq!((page["events"].as_array().map(Vec::len), &page["caught_up"]), (Some(0), &true.into()), "{page}");
    let after = page["cursor"].as_str().ok_or("no cursor")?;
    ada.say(&direct(&ada, &eve).await?, "for eve").await?;
    assert_eq!(bodies(&eve.events_after(after, 50).await?.0), ["for eve"]);
    Ok(())
}

async fn a_wait_out_of_bounds_is_refused(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada] = friends(&node, ["ada"]).await?;
    for query in ["wait=-1", "wait=26", "wait=soon", "limit=0", "limit=101"] {
        let (status, problem) = ada.call(Method::GET, &format!("/v1/events?{query}"), None).await?;
        assert!(status == 400 || status == 422, "{query}: {status}");
        assert!(problem["errors"][0]["field"].as_str().is_some_and(|field| query.starts_with(field)), "{problem}");
    }
    Ok(())
}
