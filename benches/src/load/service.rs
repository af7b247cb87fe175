//! The service, served in this process as the binary serves it: HTTP/1.1 by
//! hyper, no rate limits.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use messenger_core::Messenger;
use messenger_core::lane::LaneOptions;
use messenger_http::AppOptions;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Endpoint, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::ceiling::{self, Answers};
use super::options::Options;
use crate::Outcome;
use crate::database::Database;

/// A service under load, and beside it the operation that does nothing.
pub struct Service {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where the operation that does nothing listens.
    pub ceiling: Option<SocketAddr>,
    /// What that answers to reads; to be set before it is asked.
    pub answers: Answers,
    database: Database,
    tasks: Vec<JoinHandle<()>>,
}

impl Service {
    /// Starts both on free ports of the loopback.
    pub async fn start(options: &Options) -> Outcome<Self> {
        let database = Database::open(options.database_url.as_deref()).await?;
        let mut lanes = LaneOptions::default();
        if let Some(limit) = options.batch_limit {
            lanes.batch_limit = limit;
        }
        let messenger = Messenger::builder(database.store.clone()).lanes(lanes).build();
        messenger.follow().await?;
        let app = messenger_http::app(
            messenger.clone(),
            AppOptions { rate_limits: None, kept_pages: options.kept_pages, ..AppOptions::default() },
        );
        let (address, task) = serve(app).await?;
        let mut service = Self { address, ceiling: None, answers: Answers::default(), database, tasks: vec![task] };
        if let Some(ceiling) = options.ceiling {
            let (address, task) = serve(ceiling::app(messenger, ceiling, service.answers.clone())).await?;
            service.ceiling = Some(address);
            service.tasks.push(task);
        }
        Ok(service)
    }

    /// What it stores in, for tables.
    pub fn store_name(&self) -> &'static str {
        self.database.name()
    }

    /// Stops it and removes its database.
    pub async fn stop(self) -> Outcome<()> {
        for task in self.tasks {
            task.abort();
        }
        self.database.remove().await
    }
}

async fn serve(app: impl Endpoint<Output = Response> + 'static) -> Outcome<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let app = Arc::new(app);
    let task = tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            let app = Arc::clone(&app);
            tokio::spawn(async move {
                // Fails when the peer is gone already, which serving finds out.
                let _ = stream.set_nodelay(true);
                let service = service_fn(|request: hyper::Request<Incoming>| {
                    let app = Arc::clone(&app);
                    let request = (request, LocalAddr(address.into()), RemoteAddr(peer.into()), Scheme::HTTP).into();
                    async move { Ok::<hyper::Response<_>, Infallible>(app.get_response(request).await.into()) }
                });
                // A connection that breaks is counted by who made it.
                let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                let _ = connection.with_upgrades().await;
            });
        }
    });
    Ok((address, task))
}
