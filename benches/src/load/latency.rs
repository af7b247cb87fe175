//! How long a message takes from when its send was due until it is read from
//! another's WebSocket: on one node, or from one node to another.
//!
//! Nodes are processes of their own. On SQLite there is one; on MySQL who
//! listens is connected to another node than who sends.

use std::time::Duration;

use super::arrivals::{Arrivals, Course, Sender};
use super::ground::Ground;
use super::measure::Figures;
use super::node::Node;
use super::options::Options;
use super::report::{Aim, Report, median_of};
use super::socket::Socket;
use super::turns::Turns;
use crate::Outcome;
use crate::database::{host_of, with_host};

/// How many conversations there are, each with one who listens.
const CONVERSATIONS: usize = 50;

/// Sends a second, unless told otherwise.
const RATE: u32 = 500;

/// Sends a second at which the nodes are idle in between.
const IDLE_RATE: u32 = 2;

/// How long an idle node is watched.
const WATCHED: Duration = Duration::from_secs(3);

/// Measures all rounds.
pub async fn measure(ground: &Ground, options: &Options) -> Outcome<Report> {
    let crowd = ground.crowd().await?;
    let people = crowd.people(2 * CONVERSATIONS).await?;
    let mut senders = vec![];
    for pair in people.chunks(2) {
        let conversation = crowd.group(pair).await?.as_uuid().to_string();
        senders.push(Sender { authorization: pair[0].user.authorization.clone(), conversation });
    }
    drop(crowd);

    let url = ground.url();
    let nats = options.nats_url.as_deref();
    let first = Node::start(&url, nats).await?;
    let (turns, second) = match ground {
        Ground::Sqlite(_) => (None, None),
        Ground::MySql(_) => {
            let turns = Turns::before(&host_of(&url)).await?;
            let second = Node::start(&with_host(&url, &turns.address().to_string()), nats).await?;
            (Some(turns), Some(second))
        }
    };
    let listening_at = second.as_ref().unwrap_or(&first).address;
    let mut sockets = vec![];
    for (number, pair) in people.chunks(2).enumerate() {
        let mut socket = Socket::connect(listening_at, &pair[1].user, None, number, None).await?;
        socket.catch_up().await?;
        sockets.push(socket);
    }
    let mut arrivals = Arrivals::at(sockets);

    let rate = options.rate.unwrap_or(RATE);
    let mut report = Report::apart(options, ground.name(), Some(rate));
    let mut asked = None;
    if let Some(turns) = &turns {
        // What the start and the connections asked for is over by then.
        tokio::time::sleep(WATCHED).await;
        let before = turns.count();
        tokio::time::sleep(WATCHED).await;
        #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let each_second = (turns.count() - before) as f64 / WATCHED.as_secs_f64();
        asked = Some(each_second);
    }
    for round in 1..=options.rounds.max(1) {
        let mut figures = self::round(&mut arrivals, first.address, &senders, options, rate, round).await?;
        if let Some(asked) = asked {
            figures.notes.insert("times an idle node asks its database a second".to_owned(), asked);
        }
        report.runs.push(figures);
    }
    report.aims = aims(&report.runs, rate, second.is_some(), nats.is_some(), asked);
    Ok(report)
}

async fn round(
    arrivals: &mut Arrivals,
    address: std::net::SocketAddr,
    senders: &[Sender],
    options: &Options,
    rate: u32,
    round: usize,
) -> Outcome<Figures> {
    let sends = |time: Duration| (time.as_millis() * u128::from(rate) / 1_000).try_into().unwrap_or(u64::MAX);
    let (warm_up, counted): (u64, u64) = (sends(options.warm_up), sends(options.duration));
    let course =
        Course { label: format!("r{round}"), rate, count: warm_up + counted.max(1), body_bytes: options.body_bytes };
    let (begin, failed) = course.run(address, senders).await?;
    if failed > 0 {
        return Err(format!("{failed} sends failed").into());
    }
    let tally = arrivals.tally(&course, begin, 1, warm_up).await?;
    let mut figures = tally.figures(&format!("latency {round}"), options.duration);
    figures.notes.insert("p95 ms".to_owned(), tally.millis_at(0.95));
    Ok(figures)
}

fn aims(runs: &[Figures], rate: u32, many_nodes: bool, hinted: bool, asked: Option<f64>) -> Vec<Aim> {
    let p50 = median_of(runs, |run| run.p50_ms);
    let p99 = median_of(runs, |run| run.p99_ms);
    let mut aims = match (many_nodes, hinted, rate <= IDLE_RATE) {
        (false, ..) => vec![Aim::at_most("one node: p50 ms", p50, 2.0), Aim::at_most("one node: p99 ms", p99, 8.0)],
        (true, true, _) => vec![Aim::at_most("two nodes with hints: p99 ms", p99, 20.0)],
        (true, false, false) => vec![Aim::at_most("two nodes, polling only: p99 ms", p99, 60.0)],
        (true, false, true) => vec![Aim::at_most("two nodes, polling only, from idle: p99 ms", p99, 250.0)],
    };
    aims.extend(asked.map(|asked| Aim::at_most("times an idle node asks its database a second", asked, 10.0)));
    aims
}
