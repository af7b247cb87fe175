//! Event streams over server-sent events, and what catching up costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use http_body_util::BodyExt as _;
use tokio::sync::Barrier;
use tokio::task::JoinHandle;

use super::client::Client;
use super::measure::{Figures, Tally};
use super::options::Options;
use super::world::{User, World};
use crate::Outcome;

/// How many events `resume` has missed.
const MISSED: usize = 10_000;

/// How long anything may take to arrive.
const PATIENCE: Duration = Duration::from_mins(1);

/// What every message's event has in its frame, once.
const MARK: &[u8] = b"event: message.sent";

/// Sends, then catches up from before: what is timed is from the request to
/// the last event.
pub async fn resume(options: &Options, world: &World) -> Outcome<Figures> {
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

/// A stream of what happens from now on; open when this returns.
pub(super) async fn listen(world: &World, user: &User, received: Arc<AtomicU64>) -> Outcome<JoinHandle<()>> {
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

pub(super) async fn await_count(received: &AtomicU64, expected: u64) -> Outcome<()> {
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

/// The memory of a process, where the system tells it.
pub fn resident_kib_of(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
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
