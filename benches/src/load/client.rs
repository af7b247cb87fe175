//! One HTTP/1.1 connection that is kept open, and where it leads.

use std::net::{SocketAddr, ToSocketAddrs as _};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::service::Service;
use crate::Outcome;

/// Where requests go.
#[derive(Debug, Clone, Copy)]
pub struct Target(SocketAddr);

impl Target {
    /// The service at an address.
    pub fn at(address: SocketAddr) -> Self {
        Self(address)
    }

    /// The address itself.
    pub fn address(self) -> SocketAddr {
        self.0
    }

    /// The service of a URL, or else the one in this process.
    pub fn choose(url: Option<&str>, service: Option<&Service>) -> Outcome<Self> {
        match (url, service) {
            (Some(url), _) => {
                let host = url.strip_prefix("http://").ok_or("the URL must begin with http://")?;
                let host = host.trim_end_matches('/');
                let host = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
                Ok(Self(host.to_socket_addrs()?.next().ok_or("the URL's host has no address")?))
            }
            (None, Some(service)) => Ok(Self(service.address)),
            (None, None) => Err("no service".into()),
        }
    }
}

/// What to ask.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Who asks, as the value of `Authorization`; nobody when empty.
    pub authorization: Bytes,
    /// JSON; none when empty.
    pub body: Bytes,
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The whole body.
    pub body: Bytes,
    /// Whether it says when to try again.
    pub retry_after: bool,
}

impl Answer {
    /// A status that is no success, for counting; one that should say when to
    /// try again and does not is counted by itself.
    pub fn refusal(&self) -> String {
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS if !self.retry_after => {
                format!("{} without Retry-After", self.status.as_str())
            }
            status => status.as_str().to_owned(),
        }
    }
}

/// A connection. It is made with the first request, and again after it broke.
pub struct Client {
    target: Target,
    host: String,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    /// A connection to a target.
    pub fn new(target: Target) -> Self {
        Self { target, host: target.0.to_string(), sender: None }
    }

    /// Asks, and reads the whole answer.
    pub async fn ask(&mut self, ask: Ask) -> Outcome<Answer> {
        let response = self.open(ask).await?;
        let (status, retry_after) = (response.status(), response.headers().contains_key(RETRY_AFTER));
        match response.into_body().collect().await {
            Ok(body) => Ok(Answer { status, body: body.to_bytes(), retry_after }),
            Err(error) => {
                self.sender = None;
                Err(error.into())
            }
        }
    }

    /// Asks, and leaves the body to be read.
    pub async fn open(&mut self, ask: Ask) -> Outcome<Response<Incoming>> {
        let mut request = Request::builder().method(ask.method).uri(ask.path).header(HOST, &self.host);
        if !ask.authorization.is_empty() {
            request = request.header(AUTHORIZATION, ask.authorization.as_ref());
        }
        if !ask.body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::new(ask.body))?;
        let sender = self.ready().await?;
        match sender.send_request(request).await {
            Ok(response) => Ok(response),
            Err(error) => {
                self.sender = None;
                Err(error.into())
            }
        }
    }

    /// Asks for JSON and expects to get it.
    pub async fn expect(&mut self, ask: Ask) -> Outcome<Value> {
        let what = format!("{} {}", ask.method, ask.path);
        let Answer { status, body, .. } = self.ask(ask).await?;
        if !status.is_success() {
            return Err(format!("{what}: {status}: {}", String::from_utf8_lossy(&body)).into());
        }
        Ok(if body.is_empty() { Value::Null } else { serde_json::from_slice(&body)? })
    }

    async fn ready(&mut self) -> Outcome<&mut SendRequest<Full<Bytes>>> {
        let usable = match &mut self.sender {
            Some(sender) => sender.ready().await.is_ok(),
            None => false,
        };
        if !usable {
            let stream = TcpStream::connect(self.target.0).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = handshake(TokioIo::new(stream)).await?;
            // How it ends, the sender tells.
            tokio::spawn(async move { drop(connection.await) });
            self.sender = Some(sender);
        }
        self.sender.as_mut().ok_or_else(|| "no connection".into())
    }
}
