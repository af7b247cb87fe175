//! Connections live as long as their session.

use std::time::{Duration, Instant};

use messenger_core::id::{SessionId, UserId};
use messenger_core::live::{CloseReason, Ended};
use reqwest::Method;
use serde_json::json;

use crate::live::Outcome;
use crate::live::frame::{Frame, Live as _, bodies, kinds};
use crate::live::run::{Case, cases};
use crate::live::stage::{Stage, direct, friends};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases!("sessions", Database:
        a_logout_closes_that_sessions_connections_only,
        a_password_change_closes_the_other_sessions,
        a_session_that_ended_before_the_cursor_opens_nothing,
    );
    cases.extend(cases!("sessions", ManyNodes:
        a_session_ended_on_one_node_is_ended_on_the_other_within_a_second,
        a_ticket_works_on_the_other_node_and_once_in_all,
    ));
    cases
}

/// The session's own connections may see its end; then they close.
fn assert_session_ended(rest: &[Frame], session: &str, code: Option<u16>) {
    let (last, before) = rest.split_last().expect("an end");
    assert_eq!(*last, Frame::End(code), "{rest:?}");
    for frame in before {
        let Frame::Event { event, .. } = frame else { panic!("{frame:?}") };
        assert_eq!((&event["kind"], &event["data"]["session_id"]), (&"session.ended".into(), &session.into()));
    }
}

async fn a_logout_closes_that_sessions_connections_only(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada, bob] = friends(&node, ["ada", "bob"]).await?;
    let room = direct(&ada, &bob).await?;
    let phone = bob.log_in(&node).await?;
    let (mut stays, mut stream) = (bob.socket_from_now().await?, bob.stream_from_now().await?);
    let (mut goes, mut goes_too) = (phone.socket_from_now().await?, phone.stream_from_now().await?);
    phone.ok(Method::POST, "/v1/auth/logout", None).await?;
    assert_session_ended(&goes.rest().await?, &phone.session, Some(4001));
    assert_session_ended(&goes_too.rest().await?, &phone.session, None);
    ada.say(&room, "still there?").await?;
    let told = stays.events(2).await?;
    assert_eq!((kinds(&told).as_str(), bodies(&told)), ("session.ended message.sent", vec!["still there?"]));
    assert_eq!(stream.events(2).await?, told);
    Ok(())
}

async fn a_password_change_closes_the_other_sessions(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada] = friends(&node, ["ada"]).await?;
    let (phone, tablet) = (ada.log_in(&node).await?, ada.log_in(&node).await?);
    let mut stays = ada.socket_from_now().await?;
    let (mut one, mut two) = (phone.socket_from_now().await?, tablet.stream_from_now().await?);
    let change = json!({"current_password": "correct horse battery", "new_password": "another horse battery"});
    ada.post("/v1/auth/password", change).await?;
    assert_eq!(one.rest().await?.last(), Some(&Frame::End(Some(4001))));
    assert_eq!(two.rest().await?.last(), Some(&Frame::End(None)));
    assert_eq!(kinds(&stays.events(2).await?), "session.ended session.ended");
    Ok(())
}

/// A session that ends between the look at the token and the look at the log:
/// no event after the cursor tells of its end.
async fn a_session_that_ended_before_the_cursor_opens_nothing(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada] = friends(&node, ["ada"]).await?;
    let phone = ada.log_in(&node).await?;
    phone.ok(Method::POST, "/v1/auth/logout", None).await?;
    let cursor = node.messenger.cursor(UserId::from_uuid(ada.id.parse()?)).await?;
    let session = SessionId::from_uuid(phone.session.parse()?);
    let mut subscription = node.messenger.subscribe_session(cursor, session).await?;
    let ended = tokio::time::timeout(Duration::from_secs(5), subscription.next()).await?;
    assert!(matches!(ended, Err(Ended::Closed(CloseReason::SessionEnded))), "{ended:?}");
    Ok(())
}

async fn a_session_ended_on_one_node_is_ended_on_the_other_within_a_second(stage: &Stage) -> Outcome {
    let (here, there) = (stage.node().await?, stage.node().await?);
    let [ada] = friends(&here, ["ada"]).await?;
    for round in 0..5 {
        let phone = ada.log_in(&here).await?;
        let afar = phone.at(&there);
        let (mut socket, mut stream) = (afar.socket_from_now().await?, afar.stream_from_now().await?);
        // The other node has long been idle, and polls as seldom as it may.
        tokio::time::sleep(Duration::from_millis(300)).await;
        phone.ok(Method::POST, "/v1/auth/logout", None).await?;
        let ended = Instant::now();
        assert_session_ended(&socket.rest().await?, &phone.session, Some(4001));
        assert_session_ended(&stream.rest().await?, &phone.session, None);
        assert!(ended.elapsed() < Duration::from_secs(1), "round {round}: {:?}", ended.elapsed());
        assert_eq!(afar.call(Method::GET, "/v1/me", None).await?.0, 401);
    }
    Ok(())
}

async fn a_ticket_works_on_the_other_node_and_once_in_all(stage: &Stage) -> Outcome {
    let (here, there) = (stage.node().await?, stage.node().await?);
    let [ada] = friends(&here, ["ada"]).await?;
    let ticket = format!("?ticket={}", ada.ticket().await?);
    let socket = |address| crate::live::socket::Socket::connect(address, &ticket, None, None);
    socket(there.address).await?.map_err(|refused| format!("{refused:?}"))?.catch_up().await?;
    for node in [&here, &there] {
        assert_eq!(socket(node.address).await?.err().ok_or("it is spent")?.status, 401);
    }
    Ok(())
}
