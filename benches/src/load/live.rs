//! Event streams: how fast events reach who listens, what catching up costs,
//! and what listening costs when nothing happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use http_body_util::BodyExt as _;
use tokio::sync::Barrier;
use tokio::task::JoinHandle;

use super::client::Client;
use super::measure::{Figures, Tally};
use super::options::{Options, Scenario};
use super::world::{User, World};
use crate::Outcome;

/// How many messages a burst of `fanout` has.
const BURST: usize = 20;

/// How many events `resume` has missed.
const MISSED: usize = 10_000;

/// How long anything may take to arrive.
const PATIENCE: Duration = Duration::from_mins(1);

/// What every message's event has in its frame, once.
const MARK: &[u8] = b"event: message.sent";

/// Runs a scenario about streams.
pub async fn run(options: &Options, world: &World) -> Outcome<Figures> {
    match options.scenario {
        Scenario::Fanout => fanout(options, world).await,
        Scenario::Resume => resume(options, world).await,
        _ => idle(options, world).await,
    }
}

/// Bursts into the first conversation, one after another; each is over when
/// every stream has got all of it. Counted are deliveries, the latencies are
/// those of whole bursts.
async fn fanout(options: &Options, world: &World) -> Outcome<Figures> {
    let group = &world.conversations[0];
    let received = Arc::new(AtomicU64::new(0));
    let streams = (0..options.connections).map(|number| {
        let user = &world.users[group.members[number % group.members.len()]];
        listen(world, user, Arc::clone(&received))
    });
    let streams = try_join_all(streams).await?;
    let per_burst = (BURST * streams.len()) as u64;
    let mut senders: Vec<_> = (0..BURST).map(|_| Client::new(world.target)).collect();
    let begin = Instant::now();
    let (mut tally, mut deliveries, mut counted) = (Tally::default(), 0, None);
    let mut expected = 0;
    while begin.elapsed() < options.warm_up + options.duration {
        if counted.is_none() && begin.elapsed() >= options.warm_up {
            counted = Some(Instant::now());
        }
        let sent = Instant::now();
        let sends = senders.iter_mut().enumerate().map(|(number, sender)| {
            let ask = world.send(group, number, options.body_bytes);
            sender.expect(ask)
        });
        try_join_all(sends).await?;
        expected += per_burst;
        await_count(&received, expected).await?;
        if counted.is_some() {
            tally.succeed(sent.elapsed());
            deliveries += per_burst;
        }
    }
    let elapsed = counted.map_or_else(|| begin.elapsed(), |counted| counted.elapsed());
    let mut figures = tally.figures("fanout", elapsed);
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let rate = deliveries as f64 / elapsed.as_secs_f64();
    figures.notes.insert("deliveries a second".to_owned(), rate);
    streams.iter().for_each(JoinHandle::abort);
    Ok(figures)
}

/// Sends, then catches up from before: what is timed is from the request to
/// the last event.
async fn resume(options: &Options, world: &World) -> Outcome<Figures> {
    let group = &world.conversations[0];
    let reader = &world.users[group.members[0]];
    let mut client = Client::new(world.target);
    let snapshot = client.expect(World::get(reader, "/v1/snapshot")).await?;
    let cursor = snapshot["cursor"].as_str().ok_or("a snapshot without a cursor")?.to_owned();
    let lanes = 100;
    try_join_all((0..lanes).map(|number| async move {
        let mut client = Client::new(world.target);
        for _ in 0..MISSED / lanes {
            client.expect(world.send(group, number, options.body_bytes)).await?;
        }
        Outcome::Ok(())
    }))
    .await?;
    let mut tally = Tally::default();
    let begin = Instant::now();
    let rounds = options.rounds.max(1);
    for _ in 0..rounds {
        let received = Arc::new(AtomicU64::new(0));
        let asked = Instant::now();
        let path = format!("/v1/events/stream?after={cursor}");
        let stream = read_stream(world, World::get(reader, path), Arc::clone(&received)).await?;
        await_count(&received, MISSED as u64).await?;
        tally.succeed(asked.elapsed());
        stream.abort();
    }
    Ok(tally.figures("resume", begin.elapsed()))
}

/// Opens streams and looks at the memory that this process has: the service's
/// side and the client's together, so an upper bound.
async fn idle(options: &Options, world: &World) -> Outcome<Figures> {
    let before = resident_kib();
    let received = Arc::new(AtomicU64::new(0));
    let begin = Instant::now();
    let mut tally = Tally::default();
    let mut streams = Vec::with_capacity(options.connections);
    for number in 0..options.connections {
        let opened = Instant::now();
        streams.push(listen(world, &world.users[number % world.users.len()], Arc::clone(&received)).await?);
        tally.succeed(opened.elapsed());
    }
    let opening = begin.elapsed();
    tokio::time::sleep(options.duration).await;
    let mut figures = tally.figures("idle", opening);
    if let (Some(before), Some(after)) = (before, resident_kib()) {
        #[allow(clippy::cast_precision_loss, reason = "memory in KiB is far below 2^52")]
        let each = after.saturating_sub(before) as f64 / streams.len().max(1) as f64;
        figures.notes.insert("KiB a stream, client included".to_owned(), each);
    }
    streams.iter().for_each(JoinHandle::abort);
    Ok(figures)
}

/// A stream of what happens from now on; open when this returns.
async fn listen(world: &World, user: &User, received: Arc<AtomicU64>) -> Outcome<JoinHandle<()>> {
    read_stream(world, World::get(user, "/v1/events/stream"), received).await
}

async fn read_stream(world: &World, ask: super::client::Ask, received: Arc<AtomicU64>) -> Outcome<JoinHandle<()>> {
    let mut client = Client::new(world.target);
    let response = client.open(ask).await?;
    if !response.status().is_success() {
        return Err(format!("a stream was refused: {}", response.status()).into());
    }
    let opened = Arc::new(Barrier::new(2));
    let reading = Arc::clone(&opened);
    let task = tokio::spawn(async move {
        // The connection lasts as long as its client.
        let _client = client;
        let mut body = response.into_body();
        let mut marks = Marks::default();
        reading.wait().await;
        while let Some(Ok(frame)) = body.frame().await {
            if let Some(data) = frame.data_ref() {
                received.fetch_add(marks.count(data), Ordering::Relaxed);
            }
        }
    });
    opened.wait().await;
    Ok(task)
}

async fn await_count(received: &AtomicU64, expected: u64) -> Outcome<()> {
    let begin = Instant::now();
    while received.load(Ordering::Relaxed) < expected {
        if begin.elapsed() > PATIENCE {
            return Err(format!("{} of {expected} events came", received.load(Ordering::Relaxed)).into());
        }
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    Ok(())
}

/// Counts events in a stream that comes in pieces.
#[derive(Default)]
struct Marks {
    /// How much of the mark the last piece ended with.
    matched: usize,
}

impl Marks {
    fn count(&mut self, piece: &[u8]) -> u64 {
        let mut count = 0;
        for byte in piece {
            if *byte == MARK[self.matched] {
                self.matched += 1;
            } else {
                // The mark's first letter is nowhere else at the start of a
                // part of it that repeats, so there is nothing to go back to.
                self.matched = usize::from(*byte == MARK[0]);
            }
            if self.matched == MARK.len() {
                (self.matched, count) = (0, count + 1);
            }
        }
        count
    }
}

/// The memory of this process, where the system tells it.
pub fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::Marks;

    #[test]
    fn events_are_counted_wherever_the_pieces_break() {
        let stream = b"id: 1\nevent: message.sent\ndata: {}\n\nevent: eevent: message.sent\nevent: caught_up\n";
        for size in 1..stream.len() {
            let mut marks = Marks::default();
            let count: u64 = stream.chunks(size).map(|piece| marks.count(piece)).sum();
            assert_eq!(count, 2, "in pieces of {size}");
        }
    }
}
