//! WebSocket: who gets in, and how it ends.

use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::live::frame::{Frame, Live as _, bodies};
use crate::live::node::Node;
use crate::live::run::{Case, cases};
use crate::live::socket::{Refused, Socket};
use crate::live::stage::{Stage, direct, friends};
use crate::live::{Failure, Outcome};

pub(super) fn cases() -> Vec<Case> {
    cases!("sockets", Database:
        a_ticket_opens_one_connection,
        a_ticket_expires_and_goes_with_its_session,
        nobody_gets_in_without_a_token_or_a_ticket,
        a_plain_request_is_told_to_upgrade,
        a_client_that_says_goodbye_is_answered,
        a_ping_is_answered,
        all_transports_tell_the_same_history_live,
    )
}

async fn with_ticket(node: &Node, ticket: &str) -> Result<Result<Socket, Refused>, Failure> {
    Socket::connect(node.address, &format!("?ticket={ticket}"), None, None).await
}

fn refusal<T>(outcome: Result<T, Refused>) -> (u16, Value) {
    outcome.map_or_else(|refused| (refused.status, refused.problem["code"].clone()), |_| (101, Value::Null))
}

async fn a_ticket_opens_one_connection(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada, bob] = friends(&node, ["ada", "bob"]).await?;
    let room = direct(&ada, &bob).await?;
    let ticket = bob.ticket().await?;
    let mut socket = with_ticket(&node, &ticket).await?.map_err(|refused| format!("{refused:?}"))?;
    socket.catch_up().await?;
    ada.say(&room, "hello").await?;
    assert_eq!(bodies(&[socket.event().await?.0]), ["hello"]);
    assert_eq!(refusal(with_ticket(&node, &ticket).await?), (401, "invalid_ticket".into()));
    // Of many at once, one gets in.
    let ticket = bob.ticket().await?;
    let mut attempts = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (address, query) = (node.address, format!("?ticket={ticket}"));
        attempts.spawn(async move { Socket::connect(address, &query, None, None).await });
    }
    let mut statuses = vec![];
    for outcome in attempts.join_all().await {
        statuses.push(refusal(outcome?).0);
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [101, 401, 401, 401, 401, 401, 401, 401]);
    Ok(())
}

async fn a_ticket_expires_and_goes_with_its_session(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada] = friends(&node, ["ada"]).await?;
    let (fresh, old) = (ada.ticket().await?, ada.ticket().await?);
    node.clock.move_on(Duration::from_secs(28));
    assert_eq!(refusal(with_ticket(&node, &fresh).await?).0, 101);
    node.clock.move_on(Duration::from_secs(3));
    assert_eq!(refusal(with_ticket(&node, &old).await?), (401, "invalid_ticket".into()));
    let phone = ada.log_in(&node).await?;
    let ticket = phone.ticket().await?;
    phone.ok(Method::POST, "/v1/auth/logout", None).await?;
    assert_eq!(refusal(with_ticket(&node, &ticket).await?), (401, "invalid_ticket".into()));
    Ok(())
}

async fn nobody_gets_in_without_a_token_or_a_ticket(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada] = friends(&node, ["ada"]).await?;
    let nobody = |token| Socket::connect(node.address, "", token, None);
    assert_eq!(refusal(nobody(None).await?), (401, "missing_token".into()));
    assert_eq!(refusal(nobody(Some("nonsense")).await?), (401, "invalid_token".into()));
    assert_eq!(refusal(with_ticket(&node, "nonsense").await?), (401, "invalid_ticket".into()));
    // A ticket is for WebSocket alone.
    let query = format!("/v1/events/stream?ticket={}", ada.ticket().await?);
    let answer = Client::builder().no_proxy().build()?.get(node.url(&query)).send().await?;
    assert_eq!(answer.status(), 401);
    assert!(answer.headers().contains_key("www-authenticate"));
    // A signed-out token opens nothing.
    ada.ok(Method::POST, "/v1/auth/logout", None).await?;
    assert_eq!(refusal(ada.try_socket("").await?), (401, "invalid_token".into()));
    assert_eq!(refusal(ada.try_stream("", None).await?), (401, "invalid_token".into()));
    Ok(())
}

async fn a_plain_request_is_told_to_upgrade(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada] = friends(&node, ["ada"]).await?;
    let client = Client::builder().no_proxy().build()?;
    let answer = client.get(node.url("/v1/events/ws")).bearer_auth(&ada.token).send().await?;
    assert_eq!(answer.status(), 426);
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    assert_eq!(header("content-type").as_deref(), Some("application/problem+json"));
    assert_eq!(header("upgrade").as_deref(), Some("websocket"), "RFC 9110, section 15.5.22");
    assert_eq!(header("sec-websocket-version").as_deref(), Some("13"), "RFC 6455, section 4.4");
    let problem: Value = answer.json().await?;
    assert_eq!((&problem["status"], &problem["code"]), (&426.into(), &"upgrade_required".into()));
    Ok(())
}

async fn a_client_that_says_goodbye_is_answered(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada] = friends(&node, ["ada"]).await?;
    let mut socket = ada.socket_from_now().await?;
    let goodbye = CloseFrame { code: 1000.into(), reason: "bye".into() };
    socket.send(Message::Close(Some(goodbye))).await?;
    assert_eq!(socket.rest().await?, [Frame::End(Some(1000))], "RFC 6455, section 5.5.1");
    tokio::time::timeout(Duration::from_secs(5), async {
        while node.messenger.subscription_count() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await?;
    Ok(())
}

async fn a_ping_is_answered(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada] = friends(&node, ["ada"]).await?;
    let mut socket = ada.socket_from_now().await?;
    for word in ["one", "two"] {
        socket.send(Message::Ping(word.into())).await?;
        assert_eq!(socket.message().await?, Some(Message::Pong(word.into())));
    }
    Ok(())
}

async fn all_transports_tell_the_same_history_live(stage: &Stage) -> Outcome {
    let node = stage.node().await?;
    let [ada, bob, eve] = friends(&node, ["ada", "bob", "eve"]).await?;
    let room = crate::live::stage::group(&ada, &[&bob, &eve]).await?;
    let cursor = bob.cursor().await?;
    let (mut stream, mut socket) = (bob.stream(&cursor).await?, bob.socket(&cursor).await?);
    stream.catch_up().await?;
    socket.catch_up().await?;
    let speak = async {
        for number in 0..40 {
            let who = if number % 2 == 0 { &ada } else { &eve };
            let said = who.say(&room, &number.to_string()).await?;
            let message = format!("/v1/conversations/{room}/messages/{}", said["id"].as_str().unwrap_or_default());
            if number % 5 == 0 {
                who.delete(&message).await?;
            }
        }
        bob.post("/v1/auth/login", serde_json::json!({"login": "bob", "password": "correct horse battery"})).await?;
        ada.put(&format!("/v1/blocks/{}", bob.id)).await?;
        Ok::<_, Failure>(())
    };
    let poll = async {
        let (mut polled, mut cursor) = (vec![], cursor.clone());
        while polled.len() < 49 {
            let page = bob.get(&format!("/v1/events?after={cursor}&wait=5&limit=3")).await?;
            polled.extend(page["events"].as_array().cloned().unwrap_or_default());
            page["cursor"].as_str().ok_or("no cursor")?.clone_into(&mut cursor);
        }
        Ok::<_, Failure>(polled)
    };
    let (streamed, framed, polled, spoken) = tokio::join!(stream.events(49), socket.events(49), poll, speak);
    spoken?;
    let (replayed, _) = bob.events_after(&cursor, 100).await?;
    assert_eq!(replayed.len(), 49, "40 sent, 8 deleted, one friendship ended");
    let named = |events: &[Value]| {
        let mut names: Vec<_> = events.iter().map(|event| event["id"].to_string()).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all, "nothing twice");
        names
    };
    for events in [&streamed?, &framed?, &polled?] {
        assert_eq!(named(events), named(&replayed));
        let in_room = |events: &[Value]| -> Vec<_> {
            events.iter().filter(|event| event["conversation_id"] == room.as_str()).map(|e| e["id"].clone()).collect()
        };
        assert_eq!(in_room(events), in_room(&replayed), "in order");
    }
    Ok(())
}
