//! Hints between nodes over NATS: *the log has grown, look now*.
//!
//! Only hints: a node finds what is new by its poll in any case, so losing NATS
//! costs latency and nothing else. No event and no name goes over it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use futures_util::StreamExt as _;
use messenger_core::Messenger;
use messenger_core::id::{IdGenerator as _, SystemIds};
use messenger_core::live::Commits;
use percent_encoding::percent_decode_str;
use tokio::time::sleep;

/// The shortest time between two hints: a burst of commits costs the others a
/// few hints, not one for each commit.
const GAP: Duration = Duration::from_millis(2);

/// How long a connection to NATS may take before it is tried again, and how
/// long after something went wrong that does not mend itself.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pause before the next try to connect.
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);

/// Which NATS server to use, and as whom. Printed without its credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct NatsUrl {
    server: ServerAddr,
    credentials: Credentials,
}

#[derive(Clone, PartialEq, Eq)]
enum Credentials {
    None,
    Token(String),
    Password { user: String, password: String },
}

/// Text that is no NATS URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the NATS URL must be like nats://127.0.0.1:4222, with nats:// or tls://")]
pub struct InvalidNatsUrl;

impl FromStr for NatsUrl {
    type Err = InvalidNatsUrl;

    /// `nats://host:port`, `nats://user:password@host:port` or
    /// `nats://token@host:port`; with `tls://` only over TLS.
    fn from_str(text: &str) -> Result<Self, InvalidNatsUrl> {
        if !(text.starts_with("nats://") || text.starts_with("tls://")) {
            return Err(InvalidNatsUrl);
        }
        let mut url = text.parse::<ServerAddr>().map_err(|_| InvalidNatsUrl)?.into_inner();
        if url.host_str().is_none_or(str::is_empty) || !matches!(url.path(), "" | "/") || url.query().is_some() {
            return Err(InvalidNatsUrl);
        }
        let plain = |text: &str| percent_decode_str(text).decode_utf8().map(String::from).map_err(|_| InvalidNatsUrl);
        let credentials = match (url.username(), url.password()) {
            ("", None) => Credentials::None,
            (token, None) => Credentials::Token(plain(token)?),
            (user, Some(password)) => Credentials::Password { user: plain(user)?, password: plain(password)? },
        };
        // What the client is not told, it cannot log.
        url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| InvalidNatsUrl)?;
        let server = ServerAddr::from_url(url).map_err(|_| InvalidNatsUrl)?;
        Ok(Self { server, credentials })
    }
}

impl fmt::Display for NatsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.server.as_url_str())
    }
}

impl fmt::Debug for NatsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Tells the other nodes of this one's commits, and has this one look at the log
/// when they tell of theirs. Never ends, and needs no NATS to be there: it says
/// once that there is none, and goes on trying. Nodes on different databases do
/// not hear each other.
pub async fn exchange_hints(messenger: Messenger, url: NatsUrl) {
    let subject = subject(&messenger).await;
    let client = connect(&url, &messenger).await;
    let own_name = own_name();
    tokio::join!(
        tell(&client, &subject, &own_name, messenger.commits()),
        listen(&client, &subject, &own_name, &messenger)
    );
}

/// Named by the log's epoch, which the nodes on one database have in common.
async fn subject(messenger: &Messenger) -> String {
    loop {
        match messenger.log_epoch().await {
            Ok(epoch) => return format!("messenger.{epoch:016x}.committed"),
            Err(error) => tracing::warn!(%error, "hints have to wait: the event log cannot be read"),
        }
        sleep(PATIENCE).await;
    }
}

/// What this node calls itself in its hints.
fn own_name() -> [u8; 16] {
    let mut name = [0; 16];
    SystemIds.fill_random(&mut name);
    name
}

/// A client that connects, and connects again, in the background.
async fn connect(url: &NatsUrl, messenger: &Messenger) -> Client {
    let options = match url.credentials.clone() {
        Credentials::None => ConnectOptions::new(),
        Credentials::Token(token) => ConnectOptions::with_token(token),
        Credentials::Password { user, password } => ConnectOptions::with_user_and_password(user, password),
    };
    let (server, missed, messenger) = (url.to_string(), Arc::new(AtomicBool::new(false)), messenger.clone());
    let options = options
        .name("messenger")
        .retry_on_initial_connect()
        .connection_timeout(PATIENCE)
        .reconnect_delay_callback(|attempts| if attempts <= 1 { Duration::ZERO } else { RECONNECT_PAUSE })
        .event_callback(move |event| {
            tell_log(&server, &missed, &event);
            if event == Event::Connected {
                // Hints were missed for as long as there was no connection.
                messenger.wake();
            }
            std::future::ready(())
        });
    loop {
        // Waits for no server: what can go wrong here is this machine's doing.
        match options.clone().connect(url.server.clone()).await {
            Ok(client) => return client,
            Err(error) => tracing::warn!(server = %url, %error, "no hints between nodes"),
        }
        sleep(PATIENCE).await;
    }
}

/// One line when NATS is gone and one when it is back, however often it is
/// tried in between.
fn tell_log(server: &str, missed: &AtomicBool, event: &Event) {
    let lost = matches!(event, Event::Disconnected | Event::ClientError(_) | Event::ServerError(_));
    if *event == Event::Connected {
        missed.store(false, Ordering::Relaxed);
        tracing::info!(server, "hints between nodes go over NATS");
    } else if lost && !missed.swap(true, Ordering::Relaxed) {
        tracing::warn!(server, reason = %event, "no hints between nodes: NATS cannot be used, trying again");
    }
}

/// Publishes that the log has grown. One hint is under way at a time; what is
/// committed meanwhile is the next hint.
async fn tell(client: &Client, subject: &str, own_name: &[u8; 16], mut commits: Commits) {
    while commits.next().await.is_some() {
        let hint = own_name.to_vec().into();
        // Waits for as long as NATS is away, so that nothing piles up.
        let told = async {
            client.publish(subject.to_owned(), hint).await.map_err(|error| error.to_string())?;
            client.flush().await.map_err(|error| error.to_string())
        };
        if let Err(error) = told.await {
            tracing::debug!(error, "a hint was not sent");
        }
        sleep(GAP).await;
    }
}

/// Has the messenger look at the log whenever another node says so.
async fn listen(client: &Client, subject: &str, own_name: &[u8; 16], messenger: &Messenger) {
    loop {
        match client.subscribe(subject.to_owned()).await {
            // Goes on by itself when the connection is made again.
            Ok(mut hints) => {
                while let Some(hint) = hints.next().await {
                    if hint.payload != own_name[..] {
                        messenger.wake();
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "hints cannot be heard"),
        }
        sleep(PATIENCE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<NatsUrl, InvalidNatsUrl> {
        text.parse()
    }

    #[test]
    fn a_url_may_hold_credentials_and_never_shows_them() {
        let url = parse("nats://ada:ge%40heim@nats.example.org:4333").expect("a URL");
        assert!(url.credentials == Credentials::Password { user: "ada".to_owned(), password: "ge@heim".to_owned() });
        assert_eq!((url.to_string(), format!("{url:?}")), (url.to_string(), url.to_string()));
        assert!(!url.to_string().contains("heim") && !url.to_string().contains("ada"), "{url}");
        assert!(parse("tls://geheim@host").expect("a token").credentials == Credentials::Token("geheim".to_owned()));
        assert!(parse("nats://127.0.0.1:4222").expect("a URL").credentials == Credentials::None);
    }

    #[test]
    fn what_is_no_nats_url_is_refused_and_not_repeated() {
        for text in ["127.0.0.1:4222", "http://geheim@host", "ws://host", "nats://", "nats://host/path", "nats://h:x"] {
            let error = parse(text).expect_err(text);
            assert!(!error.to_string().contains("geheim"));
        }
    }
}
