//! Runs the scenarios that were asked for.

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Parser as _;
use futures_util::future::try_join_all;
use messenger_store_mysql::testing::{create_database, drop_database};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::checker::check;
use super::client::{Client, Stage};
use super::cluster::Cluster;
use super::crowd::{Member, gather, snapshot};
use super::history::{History, State};
use super::options::{Kind, Options};
use super::random::Random;
use super::report::{Row, print};
use super::scenario::{Ground, play};
use super::{follower, sender, stalled};
use crate::binary::Place;
use crate::live::Failure;
use crate::mysql::{PrivateServer, Server};
use crate::nats::NatsServer;

const KEYS: &str = "a signing key of the fault tests and no secret";

/// How long clients may take to catch up once nothing is done to anybody.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(45);

/// Runs what the command line asks for; fails when anything is wrong.
pub fn main() -> ExitCode {
    let options = Options::parse();
    let seed = options.seed.unwrap_or_else(Random::any_seed);
    println!("seed {seed} (repeat with --seed {seed}), {} clients", options.clients);
    match run_all(&options, seed) {
        Ok(rows) => {
            println!();
            print(&rows);
            let wrong = rows.iter().any(|row| !row.wrongs.is_empty());
            if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(error) => {
            eprintln!("faults: {error} (seed {seed})");
            ExitCode::FAILURE
        }
    }
}

fn run_all(options: &Options, seed: u64) -> Result<Vec<Row>, Failure> {
    let mut shared = None;
    let mut rows = Vec::new();
    for (index, kind) in options.chosen().into_iter().enumerate() {
        println!("{}: {:?} of load", kind.name(), options.duration());
        let row = run(kind, options, &Random::new(seed).fork(index), &mut shared)?;
        for wrong in row.wrongs.iter().take(20) {
            println!("  WRONG: {wrong}");
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Brings up what the scenario needs, and takes it down again.
fn run(kind: Kind, options: &Options, random: &Random, shared: &mut Option<Server>) -> Result<Row, Failure> {
    let nats = if kind == Kind::Nats { Some(NatsServer::provide()?) } else { None };
    let private = if kind == Kind::Database { Some(PrivateServer::provide()?) } else { None };
    let server = match (&private, kind) {
        (_, Kind::Sqlite) => None,
        (Some(private), _) => {
            println!("  on a private {}", private.name());
            Some(private.url().to_owned())
        }
        (None, _) => {
            if shared.is_none() {
                *shared = Some(Server::provide()?);
            }
            shared.as_ref().map(|server| server.url().to_owned())
        }
    };
    let runtime = Runtime::new()?;
    // Servers are stopped outside of it: that may block.
    let (row, _servers) = runtime.block_on(async {
        let name = format!("messenger_faults_{}", std::process::id());
        let database = match &server {
            Some(server) => Some(create_database(server, &name).await?),
            None => None,
        };
        let places = places(kind, database.as_deref(), nats.as_ref());
        if database.is_some() {
            let migrated = places[0].run(&["migrate", "up"]);
            if migrated.code != Some(0) {
                return Err(migrated.stderr.into());
            }
        }
        let mut ground = Ground { cluster: Cluster::start(places).await, nats, database: private };
        let played = load(kind, options, random, &mut ground).await;
        let kills = ground.cluster.kills;
        let Ground { cluster, nats, database: private } = ground;
        drop(cluster);
        if let Some(server) = &server {
            drop_database(server, &name).await?;
        }
        let row = played.map(|(history, mut wrongs)| {
            wrongs.extend(check(&history));
            Row::of(kind.name(), kills, &history, wrongs)
        });
        Ok::<_, Failure>((row, (nats, private)))
    })?;
    row
}

fn places(kind: Kind, database: Option<&str>, nats: Option<&NatsServer>) -> Vec<Place> {
    let place = || {
        let mut place = Place::new().with("MESSENGER_SIGNING_KEYS", KEYS).with("RUST_LOG", "info,poem=warn");
        if let Some(url) = database {
            place = place.with("MESSENGER_DATABASE_URL", url);
        }
        if let Some(nats) = nats {
            place = place.with("MESSENGER_NATS_URL", nats.url());
        }
        place
    };
    match kind {
        Kind::Sqlite => vec![place()],
        Kind::Stalled => vec![place().with_fail_points().with("FAILPOINTS", stalled::FAIL_POINT), place()],
        _ => vec![place(), place()],
    }
}

/// Has everybody follow and send while the scenario is played, then lets them
/// settle, and takes what all of them saw.
async fn load(
    kind: Kind,
    options: &Options,
    random: &Random,
    ground: &mut Ground,
) -> Result<(History, Vec<String>), Failure> {
    let doors = ground.cluster.doors.clone();
    if kind == Kind::Stalled {
        // Its first commit is the one that is held up.
        doors.close(0);
    }
    let calm = doors.pick(&mut random.clone());
    let members = gather(calm, options.clients.into()).await?;
    let (stage, staged) = watch::channel(Stage::Sending);
    let client = |(index, member): (usize, Member)| Client {
        person: member.person,
        conversations: Arc::new(member.conversations),
        doors: doors.clone(),
        record: Arc::new(Mutex::new(member.record)),
        random: random.fork(index),
        stage: staged.clone(),
    };
    let clients: Vec<_> = members.into_iter().enumerate().map(client).collect();
    let (mut followers, mut senders) = (JoinSet::new(), JoinSet::new());
    for client in &clients {
        followers.spawn(follower::follow(client.clone()));
        senders.spawn(sender::send(client.clone()));
    }
    let mut wrongs = play(kind, ground, &clients, options.duration()).await;
    stage.send_replace(Stage::Settling);
    senders.join_all().await;
    let fresh = settle(&clients, &mut wrongs).await?;
    stage.send_replace(Stage::Over);
    followers.join_all().await;
    let taken = |client: &Client| client.record.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok((History { records: clients.iter().map(taken).collect(), fresh }, wrongs))
}

/// Waits until all are shown what a new snapshot shows, and answers that.
async fn settle(clients: &[Client], wrongs: &mut Vec<String>) -> Result<Vec<State>, Failure> {
    let since = Instant::now();
    let fresh = try_join_all(clients.iter().map(|client| async move {
        let address = client.doors.pick(&mut client.random.clone());
        Ok::<_, Failure>(snapshot(&client.person.moved_to(address)).await?.1)
    }))
    .await?;
    while clients.iter().zip(&fresh).any(|(client, fresh)| client.record().shown != *fresh) {
        if since.elapsed() > CAUGHT_UP_WITHIN {
            wrongs.push(format!("not all clients caught up within {CAUGHT_UP_WITHIN:?}"));
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    // What comes twice comes late.
    sleep(Duration::from_millis(500)).await;
    Ok(fresh)
}
