//! What is done to the nodes while the clients send.

use std::time::{Duration, Instant};

use tokio::time::{sleep, sleep_until};

use super::client::Client;
use super::cluster::{Cluster, DRAIN_SECONDS};
use super::options::Kind;
use super::stalled;
use crate::mysql::PrivateServer;
use crate::nats::NatsServer;

/// How long a node or a server is away.
const AWAY: Duration = Duration::from_millis(700);

/// What a scenario has to do with.
pub(super) struct Ground {
    pub(super) cluster: Cluster,
    pub(super) nats: Option<NatsServer>,
    pub(super) database: Option<PrivateServer>,
}

/// Does it, in `time`; what went wrong by itself is told.
pub(super) async fn play(kind: Kind, ground: &mut Ground, clients: &[Client], time: Duration) -> Vec<String> {
    let clock = Clock { began: tokio::time::Instant::now(), time };
    let outcome = match kind {
        Kind::Nats | Kind::NoNats | Kind::Sqlite => kill_a_node(ground, &clock).await,
        Kind::Database => kill_the_database(ground, &clock).await,
        Kind::Stalled => stalled::stop_inside_a_commit(&mut ground.cluster, clients, &clock).await,
        Kind::Drain => drain(ground, clients, &clock).await,
    };
    clock.until(100).await;
    outcome.err().into_iter().chain(ground.cluster.fallen()).collect()
}

pub(super) struct Clock {
    began: tokio::time::Instant,
    time: Duration,
}

impl Clock {
    /// Waits until so many hundredths of the time are over.
    pub(super) async fn until(&self, hundredths: u32) {
        sleep_until(self.began + self.time * hundredths / 100).await;
    }
}

/// Three times; where there is NATS, it is away for the middle of the time.
async fn kill_a_node(ground: &mut Ground, clock: &Clock) -> Result<(), String> {
    for (round, (kill_at, nats_at)) in [(15, 30), (45, 60), (75, 90)].into_iter().enumerate() {
        clock.until(kill_at).await;
        ground.cluster.kill(0);
        sleep(AWAY).await;
        ground.cluster.restart(0).await;
        clock.until(nats_at).await;
        if let Some(nats) = ground.nats.take() {
            let (nats, outcome) = aside(nats, move |nats| match round {
                0 => {
                    nats.kill();
                    Ok(())
                }
                1 => nats.start(),
                _ => Ok(()),
            })
            .await?;
            ground.nats = Some(nats);
            outcome?;
        }
    }
    Ok(())
}

async fn kill_the_database(ground: &mut Ground, clock: &Clock) -> Result<(), String> {
    for at in [30, 65] {
        clock.until(at).await;
        let database = ground.database.take().ok_or("no database server of its own")?;
        let (database, outcome) = aside(database, |database| {
            database.kill()?;
            std::thread::sleep(AWAY);
            database.start()
        })
        .await?;
        ground.database = Some(database);
        outcome.map_err(|error| error.to_string())?;
        ground.cluster.kills += 1;
    }
    Ok(())
}

/// Does with a server what blocks, off the threads on which clients run.
async fn aside<S: Send + 'static, T: Send + 'static>(
    mut server: S,
    work: impl FnOnce(&mut S) -> T + Send + 'static,
) -> Result<(S, T), String> {
    let done = tokio::task::spawn_blocking(move || {
        let outcome = work(&mut server);
        (server, outcome)
    });
    done.await.map_err(|error| error.to_string())
}

/// A node stops under load: every request in flight is answered, every stream
/// is told to connect again, and it is gone in time.
async fn drain(ground: &mut Ground, clients: &[Client], clock: &Clock) -> Result<(), String> {
    clock.until(50).await;
    let cut_off = || clients.iter().map(|client| client.record().counts.cut_off).sum::<u64>();
    let untold = || clients.iter().map(|client| client.record().counts.untold).sum::<u64>();
    let (doors, node) = (ground.cluster.doors.clone(), ground.cluster.node(0)?);
    let began = Instant::now();
    node.signal("TERM");
    // As a load balancer does: what is not ready gets nothing new.
    while node.get("/ready", "").await.is_some_and(|answer| answer.status == 200) {
        sleep(Duration::from_millis(20)).await;
    }
    doors.close(0);
    let code = node.ended().await;
    let took = began.elapsed();
    println!("  stopped in {:.2} s of {DRAIN_SECONDS}", took.as_secs_f64());
    // Whoever waits for an answer or a frame has noticed by now.
    sleep(Duration::from_secs(1)).await;
    let mut wrongs = Vec::new();
    if code != Some(0) {
        wrongs.push(format!("the node ended with {code:?}"));
    }
    if took > Duration::from_secs(DRAIN_SECONDS.into()) + Duration::from_secs(1) {
        wrongs.push(format!("it took {took:?} to stop"));
    }
    if cut_off() > 0 {
        wrongs.push(format!("{} requests in flight were not answered", cut_off()));
    }
    if untold() > 0 {
        wrongs.push(format!("{} streams were not told to connect again", untold()));
    }
    if clients.iter().all(|client| client.record().counts.told == 0) {
        wrongs.push("no stream was told to connect again".to_owned());
    }
    ground.cluster.forget(0);
    if wrongs.is_empty() { Ok(()) } else { Err(wrongs.join("; ")) }
}
