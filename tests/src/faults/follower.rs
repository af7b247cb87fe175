//! Follows the events over one transport after the other, on any node, and
//! goes on from its cursor each time.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::client::{Client, Stage};
use super::sender::is_cut_off;
use crate::live::Failure;
use crate::live::frame::{Frame, Live};

/// How long to connect, and how long a poll may take that waits a second.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause before a client that lost its connection comes back.
const PAUSE_MS: u64 = 200;
/// WebSocket's codes for a service that restarts, and for who did not keep up.
const SERVICE_RESTART: u16 = 1012;
const RESUME: u16 = 4000;

#[derive(Debug, Clone, Copy)]
enum Transport {
    Stream,
    Socket,
    Poll,
}

const IN_TURN: [Transport; 3] = [Transport::Stream, Transport::Socket, Transport::Poll];

/// Follows until the scenario is over.
pub(super) async fn follow(mut client: Client) {
    let over = client.clone();
    tokio::select! {
        () = over.until(Stage::Over) => {}
        () = connect_for_ever(&mut client) => {}
    }
}

async fn connect_for_ever(client: &mut Client) {
    let first = usize::try_from(client.random.below(3)).unwrap_or(0);
    for transport in IN_TURN.iter().cycle().skip(first) {
        let address = client.doors.pick(&mut client.random);
        let leave = Instant::now() + Duration::from_millis(2_000 + client.random.below(6_000));
        let stayed = match transport {
            Transport::Stream => stream(client, address, leave).await,
            Transport::Socket => socket(client, address, leave).await,
            Transport::Poll => poll(client, address, leave).await,
        };
        if stayed.is_err() {
            client.record().counts.reconnects += 1;
            sleep(Duration::from_millis(client.random.below(PAUSE_MS))).await;
        }
    }
}

async fn stream(client: &Client, address: SocketAddr, leave: Instant) -> Result<(), Failure> {
    let (person, cursor) = (client.person.moved_to(address), client.record().cursor.clone());
    match timeout(PATIENCE, person.try_stream("", Some(&cursor))).await?? {
        Ok(live) => stay(client, live, leave).await,
        Err(refused) => Err(refusal(client, refused.status, &refused.problem)),
    }
}

async fn socket(client: &Client, address: SocketAddr, leave: Instant) -> Result<(), Failure> {
    let (person, cursor) = (client.person.moved_to(address), client.record().cursor.clone());
    match timeout(PATIENCE, person.try_socket(&format!("?after={cursor}"))).await?? {
        Ok(live) => stay(client, live, leave).await,
        Err(refused) => Err(refusal(client, refused.status, &refused.problem)),
    }
}

/// Takes what comes until it is time to leave.
async fn stay(client: &Client, mut live: impl Live, leave: Instant) -> Result<(), Failure> {
    client.record().counts.resumes += 1;
    let mut told = false;
    loop {
        // Time to leave: the connection is dropped, maybe in the middle of a
        // frame, which then comes again.
        let Ok(frame) = timeout_at(leave, live.next()).await else { return Ok(()) };
        let frame = match frame {
            Ok(frame) => frame,
            Err(_) if told => return Ok(()),
            Err(error) => {
                client.record().counts.untold += 1;
                return Err(error);
            }
        };
        match frame {
            Frame::Event { event, cursor } => client.record().take(&event, &cursor),
            Frame::CaughtUp { cursor } => client.record().cursor = cursor,
            Frame::Heartbeat | Frame::Signal(_) => {}
            Frame::Reconnect { .. } => {
                told = true;
                client.record().counts.told += 1;
            }
            Frame::Resync => {
                client.record().wrong("a stream asked for a new snapshot");
                return Err("resync".into());
            }
            Frame::End(Some(RESUME)) => return Ok(()),
            Frame::End(Some(code)) if code != SERVICE_RESTART => {
                client.record().wrong(format!("a WebSocket was closed with {code}"));
                return Err("closed".into());
            }
            Frame::End(_) if told => return Ok(()),
            Frame::End(_) => {
                client.record().counts.untold += 1;
                return Err("the connection broke".into());
            }
        }
    }
}

async fn poll(client: &Client, address: SocketAddr, leave: Instant) -> Result<(), Failure> {
    let person = client.person.at_address(address)?;
    let mut first = true;
    while Instant::now() < leave {
        let cursor = client.record().cursor.clone();
        let path = format!("/v1/events?after={cursor}&wait=1&limit=100");
        let answer = timeout(PATIENCE, person.call(reqwest::Method::GET, &path, None)).await?;
        let (status, page) = answer.inspect_err(|error| {
            client.record().counts.cut_off += u64::from(is_cut_off(&**error));
        })?;
        if status != 200 {
            return Err(refusal(client, status, &page));
        }
        let (events, cursor) = (page["events"].as_array().ok_or("no events")?, page["cursor"].as_str());
        let cursor = cursor.ok_or("no cursor")?;
        let mut record = client.record();
        record.counts.resumes += u64::from(std::mem::take(&mut first));
        for event in events {
            record.take(event, cursor);
        }
        cursor.clone_into(&mut record.cursor);
    }
    Ok(())
}

/// A node may be unavailable; anything else is wrong.
fn refusal(client: &Client, status: u16, problem: &Value) -> Failure {
    if status != 503 {
        client.record().wrong(format!("following was refused: {status} {problem}"));
    }
    format!("{status}").into()
}
