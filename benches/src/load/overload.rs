//! More sends than the store can take, for longer than any queue could hold
//! them: what is over must be refused at once, and what is taken must go on at
//! the store's rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use messenger_core::lane::LaneOptions;

use super::client::Client;
use super::live::resident_kib_of;
use super::options::Options;
use super::report::{Aim, Report};
use super::run::run;
use super::world::World;
use crate::Outcome;

/// What the store takes, a second.
const TAKEN: u32 = 2_000;

/// What is asked of it, a second, unless told otherwise.
const OFFERED: u32 = 6_000;

/// Which part of what the store takes must succeed.
const GOODPUT: f64 = 0.8;

/// A send is back to normal when it takes no longer than two commits.
const NORMAL_COMMITS: u32 = 2;

/// Where SQLite commits.
const FAIL_POINT: &str = "sqlite::commit::before";

/// How much memory may grow, MiB, the load generator's own share included.
const GROWTH: f64 = 64.0;

/// Offers for as long as a round counts.
pub async fn measure(options: &Options, world: &World, report: &mut Report) -> Outcome<()> {
    if options.url.is_some() || options.database_url.is_some() {
        return Err("the fail point is that of SQLite in this process: leave out --url and --database-url".into());
    }
    let batch = options.batch_limit.unwrap_or(LaneOptions::default().batch_limit);
    // A full batch each time makes just so many sends a second.
    let commit = Duration::from_secs(1) * u32::try_from(batch)? / TAKEN;
    let offered = options.rate.unwrap_or(OFFERED);
    report.offered = Some(offered);
    let slow = fail::FailGuard::new(FAIL_POINT, &format!("sleep({})", commit.as_millis()))?;
    // What connections and full queues hold is there before memory is watched.
    let options = Options { rate: Some(offered), ..options.clone() };
    let warm_up = Options { duration: Duration::from_secs(2), ..options.clone() };
    run(&warm_up, world, "warm-up", 0).await?;
    let watch = Watch::begin();
    let before = watch.most();
    let end = Instant::now() + options.warm_up + options.duration;
    let recovery = tokio::spawn(recover(world.clone(), end, commit * NORMAL_COMMITS));
    let mut figures = run(&options, world, "overload", 1).await?;
    let recovered = recovery.await??;
    drop(slow);
    let growth = mib(watch.most().saturating_sub(before));
    let part = figures.rate / f64::from(TAKEN);
    let silent: u64 = figures.errors.iter().filter(|(why, _)| *why != "503").map(|(_, count)| count).sum();
    figures.notes.insert("MiB by which memory grew".to_owned(), growth);
    figures.notes.insert("ms until a lone send took no longer than two commits".to_owned(), recovered);
    report.runs.push(figures);
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    report.aims.extend([
        Aim::at_least("overload: goodput, to what the store takes", part, GOODPUT),
        Aim::at_most("overload: refusals that are no 503 with Retry-After", silent as f64, 0.0),
        Aim::at_most("overload: MiB by which memory grew", growth, GROWTH),
        Aim::at_most("overload: ms from its end to a normal send", recovered, 1_000.0),
    ]);
    Ok(())
}

/// How many milliseconds after `end` a lone send took no longer than `normal`.
async fn recover(world: World, end: Instant, normal: Duration) -> Outcome<f64> {
    tokio::time::sleep_until(end.into()).await;
    let mut client = Client::new(world.target);
    loop {
        let begin = Instant::now();
        let answer = client.ask(world.send(&world.conversations[0], 0, 100)).await?;
        if answer.status.is_success() && begin.elapsed() <= normal {
            return Ok(end.elapsed().as_secs_f64() * 1_000.0);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The most memory that this process held.
struct Watch {
    most_kib: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<()>,
}

impl Watch {
    fn begin() -> Self {
        let now = || resident_kib_of(std::process::id()).unwrap_or(0);
        let most_kib = Arc::new(AtomicU64::new(now()));
        let most = Arc::clone(&most_kib);
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(100)).await;
                most.fetch_max(now(), Ordering::Relaxed);
            }
        });
        Self { most_kib, task }
    }

    fn most(&self) -> u64 {
        self.most_kib.load(Ordering::Relaxed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[allow(clippy::cast_precision_loss, reason = "memory in KiB is far below 2^52")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1_024.0
}
