//! Makes requests for a time.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::client::{Ask, Client, Target};
use super::measure::{Figures, Tally};
use super::options::Options;
use super::scenario::Requests;
use super::world::World;
use crate::Outcome;

/// What all connections share.
struct Shared {
    begin: Instant,
    /// From here on it counts.
    counted: Instant,
    end: Instant,
    /// Requests a second; `None` is the closed loop.
    rate: Option<u32>,
    /// The number of the next request of the open loop.
    due: AtomicU64,
    /// For the progress.
    done: AtomicU64,
}

/// One round of a scenario.
pub async fn run(options: &Options, world: &World, name: &str, round: usize) -> Outcome<Figures> {
    run_each(options, name, round, |number| {
        let mut requests = Requests::new(world.clone(), options, number);
        (world.target, move || requests.next_ask())
    })
    .await
}

/// One round of other requests: what each connection asks, and whom, is up to
/// `asks`, which is told the connection's number.
pub async fn run_each<F>(
    options: &Options,
    name: &str,
    round: usize,
    asks: impl Fn(usize) -> (Target, F),
) -> Outcome<Figures>
where
    F: FnMut() -> Ask + Send + 'static,
{
    let begin = Instant::now();
    let counted = begin + options.warm_up;
    let shared = Arc::new(Shared {
        begin,
        counted,
        end: counted + options.duration,
        rate: options.rate.filter(|rate| *rate > 0),
        due: AtomicU64::new(0),
        done: AtomicU64::new(0),
    });
    let mut connections = JoinSet::new();
    for number in 0..options.connections.max(1) {
        let (target, next) = asks(number);
        connections.spawn(connection(Client::new(target), next, Arc::clone(&shared)));
    }
    let progress = (!options.quiet).then(|| tokio::spawn(progress(Arc::clone(&shared), format!("{name} {round}"))));
    let mut tally = Tally::default();
    while let Some(met) = connections.join_next().await {
        tally.add(&met?);
    }
    if let Some(progress) = progress {
        progress.abort();
        eprint!("\r\x1b[K");
    }
    let mut figures = tally.figures(name, options.duration);
    if let Some(rate) = shared.rate {
        let due = f64::from(rate) * options.duration.as_secs_f64();
        #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let met = (figures.successes + figures.errors.values().sum::<u64>()) as f64;
        // What a service that is too slow still owes; its latency is not known.
        figures.notes.insert("unanswered".to_owned(), (due - met).max(0.0).round());
    }
    Ok(figures)
}

/// Asks until the time is over. A request counts when its answer came within
/// the time that counts.
async fn connection(mut client: Client, mut next: impl FnMut() -> Ask, shared: Arc<Shared>) -> Tally {
    let mut tally = Tally::default();
    loop {
        let Some(due) = shared.next_due().await else { return tally };
        let answer = client.ask(next()).await;
        let now = Instant::now();
        shared.done.fetch_add(1, Ordering::Relaxed);
        if now >= shared.end {
            return tally;
        }
        let counts = now >= shared.counted;
        match answer {
            // From the instant at which it was due, not from when a connection
            // was free: a service that stalls is not excused (coordinated
            // omission).
            Ok(answer) if answer.status.is_success() && counts => tally.succeed(now - due),
            Ok(answer) if !answer.status.is_success() && counts => tally.fail(answer.refusal()),
            Ok(_) => {}
            Err(error) => {
                if counts {
                    tally.fail(error.to_string());
                }
                // A service that is down is not asked a million times.
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

impl Shared {
    /// Waits until the next request is due; `None` when the time is over.
    async fn next_due(&self) -> Option<Instant> {
        let Some(rate) = self.rate else {
            let now = Instant::now();
            return (now < self.end).then_some(now);
        };
        let number = self.due.fetch_add(1, Ordering::Relaxed);
        let due = self.begin + Duration::from_nanos(number.saturating_mul(1_000_000_000 / u64::from(rate)));
        if due >= self.end || Instant::now() >= self.end {
            return None;
        }
        tokio::time::sleep_until(due.into()).await;
        Some(due)
    }
}

async fn progress(shared: Arc<Shared>, name: String) {
    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let done = shared.done.load(Ordering::Relaxed);
        let left = shared.end.saturating_duration_since(Instant::now()).as_secs();
        eprint!("\r\x1b[K{name}: {} a second, {left} s to go", done - before);
        // Progress that cannot be shown is not missed.
        let _ = std::io::stderr().flush();
        before = done;
    }
}
