//! A node: a messenger behind the real app on a socket of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use messenger_core::Messenger;
use messenger_core::clock::{Clock, SystemClock, Timestamp};
use messenger_core::presence::PresenceOptions;
use messenger_core::store::Store;
use messenger_core::token::SigningKeys;
use messenger_http::{AppOptions, app};
use poem::listener::{Acceptor as _, Listener as _, TcpListener};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::{Failure, Outcome};

/// All nodes of a case sign with it, as all nodes of a deployment do.
const KEY: &str = "a key that all nodes of a case have in common";

/// The system's clock, with a hand that tests can move on.
#[derive(Default)]
pub(crate) struct MovableClock(AtomicU64);

impl MovableClock {
    pub(crate) fn move_on(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_millis()).unwrap_or(0), Ordering::SeqCst);
    }
}

impl Clock for MovableClock {
    fn now(&self) -> Timestamp {
        SystemClock.now().after(Duration::from_millis(self.0.load(Ordering::SeqCst)))
    }
}

pub(crate) struct Node {
    pub(crate) messenger: Messenger,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<MovableClock>,
    pub(crate) address: SocketAddr,
    server: JoinHandle<()>,
    stop: Arc<Notify>,
}

impl Node {
    pub(crate) async fn start(store: Arc<dyn Store>, presence: PresenceOptions) -> Result<Self, Failure> {
        let clock = Arc::new(MovableClock::default());
        let messenger = Messenger::builder(store.clone())
            .clock(clock.clone())
            .signing_keys(SigningKeys::parse(KEY)?)
            .presence(presence)
            .build();
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await?;
        let address = *acceptor.local_addr().first().and_then(|a| a.as_socket_addr()).ok_or("no address")?;
        let app = app(messenger.clone(), AppOptions { rate_limits: None, ..AppOptions::default() });
        let stop = Arc::new(Notify::new());
        let stopping = stop.clone();
        let server = tokio::spawn(async move {
            // Ends with the task; what a case sees of it are its answers.
            let server = poem::Server::new_with_acceptor(acceptor);
            let _ = server.run_with_graceful_shutdown(app, stopping.notified(), Some(Duration::ZERO)).await;
        });
        Ok(Self { messenger, store, clock, address, server, stop })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Stops it, with all its connections.
    pub(crate) async fn stop(self) -> Outcome {
        self.messenger.close_subscriptions();
        self.stop.notify_one();
        self.server.await?;
        self.messenger.leave().await;
        Ok(())
    }
}
