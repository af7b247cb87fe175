//! `messenger serve`.

use std::time::Duration;

use messenger_core::Messenger;
use messenger_http::{AppOptions, NatsUrl, RateLimits, Readiness, Stage, app, exchange_hints};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::Failure;
use crate::cli::{Options, Switch, given};
use crate::database::Database;
use crate::server::Server;
use crate::{logging, signing_key};

/// How often sessions and events that ended by themselves are removed.
const PURGE_INTERVAL: Duration = Duration::from_hours(1);

/// How much of the draining time new connections are still taken in, so that
/// a load balancer sees `/ready` turn before it meets a closed door.
const ANNOUNCE_SHARE: u32 = 4;
const ANNOUNCE_AT_MOST: Duration = Duration::from_secs(5);

pub(crate) async fn serve(options: Options) -> Result<(), Failure> {
    logging::init(options.log_format)?;
    let database = Database::parse(&options.database_url)?;
    let nats = nats_url(&options.nats_url)?;
    let keys = signing_key::find(&database)?;
    let signals = Signals::listen().map_err(|error| Failure::Run(format!("cannot hear signals: {error}")))?;
    let readiness = Readiness::starting();
    let store = database.open(options.mysql_connections).await?;
    let server = Server::bind(options.listen)
        .await
        .map_err(|error| Failure::Run(format!("cannot listen on {}: {error}", options.listen)))?;
    let messenger = Messenger::builder(store).signing_keys(keys).build();
    messenger.follow().await.map_err(|error| Failure::Run(format!("cannot read the event log: {error}")))?;
    let app = app(messenger.clone(), app_options(&options, readiness.clone()));
    tracing::info!(address = %server.address(), version = env!("CARGO_PKG_VERSION"), "serving");
    readiness.enter(Stage::Serving);

    let keep_events = Duration::from_hours(24 * u64::from(options.event_retention_days));
    let purge = tokio::spawn(purge(messenger.clone(), keep_events));
    let hints = nats.map(|url| tokio::spawn(exchange_hints(messenger.clone(), url)));
    let drain = Duration::from_secs(options.drain_seconds.into());
    let announce = (drain / ANNOUNCE_SHARE).min(ANNOUNCE_AT_MOST);
    let stopping = stop(signals, readiness, announce);
    // Tells every stream to connect elsewhere: it ends by itself only with its
    // client.
    let end_streams = || messenger.close_subscriptions();
    server.run(app, stopping, end_streams, drain.saturating_sub(announce)).await;
    messenger.leave().await;
    purge.abort();
    if let Some(hints) = hints {
        hints.abort();
    }
    tracing::info!("stopped");
    Ok(())
}

fn app_options(options: &Options, readiness: Readiness) -> AppOptions {
    AppOptions {
        rate_limits: (options.rate_limits == Switch::On).then(RateLimits::default),
        cors_origins: given(options.cors_origins.clone()),
        trusted_proxies: given(options.trusted_proxies.clone()),
        readiness,
        ..AppOptions::default()
    }
}

/// Empty is none, as compose files leave it.
fn nats_url(text: &str) -> Result<Option<NatsUrl>, Failure> {
    match text.trim() {
        "" => Ok(None),
        url => url.parse().map(Some).map_err(|error| Failure::Usage(format!("--nats-url: {error}"))),
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on signals are heard, also those that come during the start.
    fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }
}

/// Waits for the signal to stop. SIGTERM comes from something that watches
/// `/ready`: it is given the time to see it. Someone at a terminal (SIGINT), or
/// any second signal, does not wait.
async fn stop(mut signals: Signals, readiness: Readiness, announce: Duration) {
    tokio::select! {
        _ = signals.terminate.recv() => {
            readiness.enter(Stage::Draining);
            tracing::info!("draining");
            tokio::select! {
                () = tokio::time::sleep(announce) => {}
                _ = signals.terminate.recv() => {}
                _ = signals.interrupt.recv() => {}
            }
        }
        _ = signals.interrupt.recv() => {
            readiness.enter(Stage::Draining);
            tracing::info!("draining");
        }
    }
}

/// Removes what nobody can use any more. Every node does: whoever comes second
/// finds nothing.
async fn purge(messenger: Messenger, keep_events: Duration) {
    let mut interval = tokio::time::interval(PURGE_INTERVAL);
    loop {
        interval.tick().await;
        report("expired sessions", messenger.purge_expired_sessions().await);
        report("old events", messenger.purge_events(keep_events).await);
    }
}

fn report(what: &str, removed: messenger_core::Result<u64>) {
    match removed {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "removed {what}"),
        Err(error) => tracing::warn!(%error, "cannot remove {what}"),
    }
}
