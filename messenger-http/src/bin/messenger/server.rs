//! The server: takes connections in, and lets them end in peace.
//!
//! poem's own has no bound on how long a client may take to send the head of a
//! request, so that clients who send none hold connections for good.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Endpoint, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::held::Held;

/// How long a connection may wait for the head of its next request, whether
/// nothing comes or it comes in drops. More than load balancers keep idle
/// connections (60 s), so that they close them first.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);

/// How long a client may take to read before it is cut off. A stream of events
/// would otherwise be held for good by who does not read; it goes on from its
/// cursor when it is back.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long who has just connected may take to ask, when the server stops: the
/// request is on its way.
const LAST_CALL: Duration = Duration::from_millis(250);

/// How long to wait when the process has no file descriptor to spare.
const PAUSE: Duration = Duration::from_millis(100);

/// A bound socket.
pub(crate) struct Server {
    listener: TcpListener,
    address: SocketAddr,
    head_timeout: Duration,
    write_timeout: Duration,
}

impl Server {
    pub(crate) async fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, head_timeout: HEAD_TIMEOUT, write_timeout: WRITE_TIMEOUT })
    }

    /// Where it listens: with port 0, where it came to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is there. Then nobody new is let in, what waits by
    /// itself is ended by `end_waits`, who waits for nothing is sent away, and
    /// requests in flight are answered, for `drain` at most.
    pub(crate) async fn run(
        self,
        app: impl Endpoint<Output = Response> + 'static,
        stop: impl Future<Output = ()>,
        end_waits: impl FnOnce(),
        drain: Duration,
    ) {
        let app = Arc::new(app);
        // Every connection holds a receiver: they hear of the end by it, and
        // that all are gone shows in that none is left.
        let (end, ending) = watch::channel(());
        let begin = |(stream, peer)| {
            let (head_timeout, write_timeout) = (self.head_timeout, self.write_timeout);
            let connection = Connection { stream, local: self.address, peer, head_timeout, write_timeout };
            tokio::spawn(connection.serve(Arc::clone(&app), ending.clone()));
        };
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                accepted = accept(&self.listener) => begin(accepted),
            }
        }
        // Those who are connected already as far as they know.
        while let Some(accepted) = accept(&self.listener).now_or_never() {
            begin(accepted);
        }
        // First: whoever has waited comes back at once.
        drop(self.listener);
        end_waits();
        drop(ending);
        // Fails when there is no connection, which is as well.
        let _ = end.send(());
        if tokio::time::timeout(drain, end.closed()).await.is_err() {
            tracing::warn!("requests were cut off: they took longer than the time to drain");
        }
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are small; Nagle's algorithm would hold some back.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "cannot turn Nagle's algorithm off");
                }
                return (stream, peer);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// One client's connection.
struct Connection {
    stream: TcpStream,
    local: SocketAddr,
    peer: SocketAddr,
    head_timeout: Duration,
    write_timeout: Duration,
}

impl Connection {
    /// Serves it until it ends or is told to.
    async fn serve<E>(self, app: Arc<E>, mut ending: watch::Receiver<()>)
    where
        E: Endpoint<Output = Response> + 'static,
    {
        let Self { stream, local, peer, head_timeout, write_timeout } = self;
        let has_asked = AtomicBool::new(false);
        let service = service_fn(|request: hyper::Request<Incoming>| {
            has_asked.store(true, Ordering::Relaxed);
            let app = Arc::clone(&app);
            let request = (request, LocalAddr(local.into()), RemoteAddr(peer.into()), Scheme::HTTP).into();
            async move { Ok::<hyper::Response<_>, Infallible>(app.get_response(request).await.into()) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head_timeout)
            .serve_connection(TokioIo::new(Held::new(stream, ending.clone(), write_timeout)), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let outcome = tokio::select! {
            outcome = connection.as_mut() => outcome,
            _ = ending.changed() => {
                let last_call = if has_asked.load(Ordering::Relaxed) { Duration::ZERO } else { LAST_CALL };
                if let Ok(outcome) = tokio::time::timeout(last_call, connection.as_mut()).await {
                    outcome
                } else {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        };
        if let Err(error) = outcome {
            // The client's doing: it went away, or spoke no HTTP.
            tracing::debug!(%error, %peer, "a connection broke");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use poem::EndpointExt as _;
    use poem::endpoint::make;
    use std::time::Instant;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::Notify;

    const SOON: Duration = Duration::from_millis(100);
    const LATE: Duration = Duration::from_secs(10);

    /// Serves an app that answers after `work`, until told to stop.
    async fn start(head_timeout: Duration, work: Duration, drain: Duration) -> (SocketAddr, Arc<Notify>, Task) {
        let server = Server::bind("127.0.0.1:0".parse().expect("an address")).await.expect("bound");
        let server = Server { head_timeout, ..server };
        let (address, stop) = (server.address(), Arc::new(Notify::new()));
        let app = make(move |_| async move {
            tokio::time::sleep(work).await;
            "done"
        });
        let stopping = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            server.run(app.map_to_response(), stopping.notified(), || (), drain).await;
        });
        (address, stop, task)
    }

    type Task = tokio::task::JoinHandle<()>;

    async fn send(address: SocketAddr, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.expect("connected");
        stream.write_all(text.as_bytes()).await.expect("sent");
        stream
    }

    async fn rest(mut stream: TcpStream) -> String {
        let mut answer = String::new();
        // A connection that was cut may be reset.
        let _ = tokio::time::timeout(LATE, stream.read_to_string(&mut answer)).await.expect("it ends");
        answer
    }

    const REQUEST: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

    #[tokio::test]
    async fn who_sends_no_request_is_sent_away() {
        let (address, _stop, _task) = start(SOON, Duration::ZERO, LATE).await;
        let began = Instant::now();
        for half in ["", "GET / HTTP/1.1\r\nhost"] {
            rest(send(address, half).await).await;
        }
        let answered = rest(send(address, REQUEST).await).await;
        assert!(answered.starts_with("HTTP/1.1 200"), "{answered}");
        assert!(began.elapsed() < LATE);
    }

    #[tokio::test]
    async fn the_end_waits_for_requests_and_not_for_idle_connections() {
        let (address, stop, task) = start(LATE, SOON * 3, LATE).await;
        let (busy, _idle) = (send(address, REQUEST).await, send(address, "").await);
        tokio::time::sleep(SOON).await;
        let began = Instant::now();
        stop.notify_one();
        assert!(rest(busy).await.ends_with("done"));
        task.await.expect("ends");
        assert!(began.elapsed() < LATE);
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn who_has_just_connected_is_answered() {
        let (address, stop, task) = start(LATE, Duration::ZERO, LATE).await;
        let mut stream = send(address, "").await;
        tokio::time::sleep(SOON).await;
        stop.notify_one();
        // It stops, as nobody else gets in.
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        stream.write_all(REQUEST.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n").as_bytes()).await.expect("sent");
        assert!(rest(stream).await.ends_with("done"));
        task.await.expect("ends");
    }

    #[tokio::test]
    async fn the_end_does_not_wait_for_good() {
        let (address, stop, task) = start(LATE, LATE, SOON).await;
        let _busy = send(address, REQUEST).await;
        tokio::time::sleep(SOON).await;
        let began = Instant::now();
        stop.notify_one();
        task.await.expect("ends");
        assert!(began.elapsed() < LATE);
    }

    #[tokio::test]
    async fn who_does_not_read_is_cut_off() {
        let server = Server::bind("127.0.0.1:0".parse().expect("an address")).await.expect("bound");
        let server = Server { write_timeout: SOON, ..server };
        let (address, stop) = (server.address(), Arc::new(Notify::new()));
        // More than the buffers of both ends hold.
        let app = make(move |_| async move { vec![0_u8; 64 * 1024 * 1024] });
        let stopping = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            server.run(app.map_to_response(), stopping.notified(), || (), LATE).await;
        });
        let _deaf = send(address, REQUEST).await;
        tokio::time::sleep(SOON).await;
        let began = Instant::now();
        stop.notify_one();
        task.await.expect("ends");
        assert!(began.elapsed() < LATE, "the end need not wait for it");
    }
}
