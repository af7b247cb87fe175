//! Many WebSocket connections on which nothing happens, to one node in a
//! process of its own: what each costs it, and how soon a message reaches a
//! thousand of them.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt as _};
use tokio::time::timeout;

use super::arrivals::{Course, Sender};
use super::ground::Ground;
use super::measure::Tally;
use super::node::Node;
use super::options::Options;
use super::report::{Aim, Report};
use super::socket::{Frame, Socket, text_after};
use crate::Outcome;

/// As many as a user may have on a node.
const PER_USER: usize = 50;

/// How many connections are those of one group's members.
const IN_GROUP: usize = 1_000;

/// How many connections are opened at once.
const AT_ONCE: usize = 64;

/// How long the message may take to reach all.
const PATIENCE: Duration = Duration::from_secs(30);

/// Opens them and measures.
pub async fn measure(ground: &Ground, options: &Options) -> Outcome<Report> {
    require_files(options.connections)?;
    let crowd = ground.crowd().await?;
    let people = crowd.people(options.connections.div_ceil(PER_USER).max(1)).await?;
    let members = people.len().min(IN_GROUP / PER_USER);
    let group = crowd.group(&people[..members]).await?.as_uuid().to_string();
    drop(crowd);
    let node = Node::start(&ground.url(), None).await?;
    // What the first connection brings with it is not counted.
    Socket::connect(node.address, &people[0].user, None, 0, None).await?.catch_up().await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = node.resident_mib()?;

    let begin = Instant::now();
    let opened = stream::iter(0..options.connections).map(|number| {
        let (user, address) = (people[number / PER_USER].user.clone(), node.address);
        async move {
            let begin = Instant::now();
            let mut socket = Socket::connect(address, &user, None, number, None).await?;
            socket.catch_up().await?;
            Outcome::Ok((socket, begin.elapsed()))
        }
    });
    let opened: Vec<_> = opened.buffered(AT_ONCE).collect().await;
    let opening = begin.elapsed();
    let (mut tally, mut sockets) = (Tally::default(), Vec::with_capacity(options.connections));
    for opened in opened {
        let (socket, took) = opened?;
        tally.succeed(took);
        sockets.push(socket);
    }
    tokio::time::sleep(options.duration).await;
    let after = node.resident_mib()?;
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let each = (after - before).max(0.0) * 1_024.0 / sockets.len().max(1) as f64;

    let quiet = sockets.split_off(sockets.len().min(members * PER_USER));
    let reached = sockets.len();
    let listening = sockets.into_iter().map(|socket| tokio::spawn(timeout(PATIENCE, first_message(socket))));
    let listening: Vec<_> = listening.collect();
    let sender = Sender { authorization: people[0].user.authorization.clone(), conversation: group };
    let course = Course { label: "one".to_owned(), rate: 1, count: 1, body_bytes: options.body_bytes };
    let (sent, failed) = course.run(node.address, &[sender]).await?;
    if failed > 0 {
        return Err("the message could not be sent".into());
    }
    let mut last = sent;
    for arrived in try_join_all(listening).await? {
        last = last.max(arrived.map_err(|_| "the message did not reach all")??);
    }
    let all_ms = last.duration_since(sent).as_secs_f64() * 1_000.0;
    drop(quiet);

    let mut report = Report::apart(options, ground.name(), None);
    let mut figures = tally.figures("opening", opening);
    figures.notes.insert("KiB of the node a connection".to_owned(), each);
    figures.notes.insert(format!("ms until a message reached {reached} of them"), all_ms);
    report.runs.push(figures);
    report.aims = vec![
        Aim::at_most("idle: KiB of the node a connection", each, 12.0),
        Aim::at_most(&format!("idle: ms until a message reached {reached} of them"), all_ms, 1_000.0),
    ];
    Ok(report)
}

async fn first_message(mut socket: Socket) -> Outcome<Instant> {
    loop {
        match socket.next().await? {
            Frame::Text(text) if text_after(text, br#""client_id":""#).is_some() => return Ok(Instant::now()),
            Frame::Text(_) => {}
            other => return Err(format!("{other:?} before the message").into()),
        }
    }
}

/// Each connection is an open file, here and in the node, which takes over this
/// process's limit.
fn require_files(connections: usize) -> Outcome<()> {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft: Option<usize> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    match soft {
        Some(soft) if soft < connections + 200 => {
            Err(format!("at most {soft} files may be open: run `ulimit -n {}` before", connections + 200).into())
        }
        _ => Ok(()),
    }
}
