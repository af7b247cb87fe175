//! A client that is signed in, on one node.

use std::net::SocketAddr;

use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::Failure;
use super::frame::Live as _;
use super::node::Node;
use super::socket::{Refused, Socket};
use super::stream::Stream;

#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) session: String,
    pub(crate) token: String,
    address: SocketAddr,
    client: Client,
}

const PASSWORD: &str = "correct horse battery";

impl Person {
    pub(crate) async fn register(node: &Node, name: &str) -> Result<Self, Failure> {
        Self::register_at(node.address, name).await
    }

    /// Registers with whatever listens there.
    pub(crate) async fn register_at(address: SocketAddr, name: &str) -> Result<Self, Failure> {
        let body = json!({"username": name, "email": format!("{name}@example.org"), "password": PASSWORD});
        Self::enter(address, name, "register", body).await
    }

    /// The same person on another device.
    pub(crate) async fn log_in(&self, node: &Node) -> Result<Self, Failure> {
        Self::enter(node.address, &self.name, "login", json!({"login": self.name, "password": PASSWORD})).await
    }

    async fn enter(address: SocketAddr, name: &str, how: &str, body: Value) -> Result<Self, Failure> {
        let client = Client::builder().no_proxy().build()?;
        let answer = client.post(format!("http://{address}/v1/auth/{how}")).json(&body).send().await?;
        let status = answer.status();
        let entered: Value = answer.json().await?;
        if !status.is_success() {
            return Err(format!("{how} of {name}: {entered}").into());
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut person = Self {
            id: text(&entered["user"]["id"]),
            name: name.to_owned(),
            session: String::new(),
            token: text(&entered["tokens"]["access_token"]),
            address,
            client,
        };
        let sessions = person.ok(Method::GET, "/v1/sessions", None).await?;
        person.session = text(&sessions["items"][0]["id"]);
        Ok(person)
    }

    /// The same session, by another node.
    pub(crate) fn at(&self, node: &Node) -> Self {
        self.moved_to(node.address)
    }

    /// The same session at any address, with a connection for each request.
    pub(crate) fn at_address(&self, address: SocketAddr) -> Result<Self, Failure> {
        let client = Client::builder().no_proxy().pool_max_idle_per_host(0).build()?;
        Ok(Self { address, client, ..self.clone() })
    }

    /// The same with this one's connections.
    pub(crate) fn moved_to(&self, address: SocketAddr) -> Self {
        Self { address, ..self.clone() }
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<(u16, Value), Failure> {
        let mut request = self.client.request(method, self.url(path)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        let value = if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? };
        Ok((status, value))
    }

    /// The answer of a call that has to succeed.
    pub(crate) async fn ok(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, Failure> {
        let (status, value) = self.call(method.clone(), path, body).await?;
        if (200..300).contains(&status) {
            return Ok(value);
        }
        Err(format!("{method} {path} by {}: {status} {value}", self.name).into())
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.ok(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Result<Value, Failure> {
        self.ok(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str) -> Result<Value, Failure> {
        self.ok(Method::PUT, path, None).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<Value, Failure> {
        self.ok(Method::DELETE, path, None).await
    }

    pub(crate) async fn say(&self, conversation: &str, body: &str) -> Result<Value, Failure> {
        self.post(&format!("/v1/conversations/{conversation}/messages"), json!({"body": body})).await
    }

    /// Where the log stands.
    pub(crate) async fn cursor(&self) -> Result<String, Failure> {
        let snapshot = self.get("/v1/snapshot").await?;
        Ok(snapshot["cursor"].as_str().ok_or("a snapshot without its cursor")?.to_owned())
    }

    /// All events after a cursor, by pages of `limit`, and where that leads.
    pub(crate) async fn events_after(&self, cursor: &str, limit: u32) -> Result<(Vec<Value>, String), Failure> {
        let (mut events, mut cursor) = (vec![], cursor.to_owned());
        loop {
            let page = self.get(&format!("/v1/events?after={cursor}&limit={limit}")).await?;
            events.extend(page["events"].as_array().cloned().ok_or("no events")?);
            page["cursor"].as_str().ok_or("no cursor")?.clone_into(&mut cursor);
            if page["caught_up"] == true {
                return Ok((events, cursor));
            }
        }
    }

    pub(crate) async fn ticket(&self) -> Result<String, Failure> {
        let made = self.ok(Method::POST, "/v1/events/ticket", None).await?;
        Ok(made["ticket"].as_str().ok_or("no ticket")?.to_owned())
    }

    /// Server-sent events, or the status and problem of the refusal.
    pub(crate) async fn try_stream(
        &self,
        query: &str,
        last_event_id: Option<&str>,
    ) -> Result<Result<Stream, Refused>, Failure> {
        let mut request = self.client.get(self.url(&format!("/v1/events/stream{query}"))).bearer_auth(&self.token);
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await?;
        if response.status().is_success() {
            return Ok(Ok(Stream::new(response)));
        }
        let status = response.status().as_u16();
        Ok(Err(Refused { status, problem: response.json().await? }))
    }

    pub(crate) async fn stream(&self, after: &str) -> Result<Stream, Failure> {
        let opened = self.try_stream(&format!("?after={after}"), None).await?;
        opened.map_err(|refused| format!("{refused:?}").into())
    }

    /// A stream from now on, that has caught up.
    pub(crate) async fn stream_from_now(&self) -> Result<Stream, Failure> {
        let mut stream = self.stream(&self.cursor().await?).await?;
        stream.catch_up().await?;
        Ok(stream)
    }

    pub(crate) async fn try_socket(&self, query: &str) -> Result<Result<Socket, Refused>, Failure> {
        Socket::connect(self.address, query, Some(&self.token), None).await
    }

    pub(crate) async fn socket(&self, after: &str) -> Result<Socket, Failure> {
        let opened = self.try_socket(&format!("?after={after}")).await?;
        opened.map_err(|refused| format!("{refused:?}").into())
    }

    /// A WebSocket from now on, that has caught up.
    pub(crate) async fn socket_from_now(&self) -> Result<Socket, Failure> {
        let mut socket = self.socket(&self.cursor().await?).await?;
        socket.catch_up().await?;
        Ok(socket)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}
