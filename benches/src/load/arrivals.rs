//! Sends at a fixed rate, and when each message reached whoever listens.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::Method;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use super::client::{Ask, Client, Target};
use super::measure::Tally;
use super::socket::{Frame, Socket, text_after};
use crate::Outcome;

/// How many connections send: enough that none waits for another's answer.
const SENDERS: usize = 64;

/// How long the last message may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// One who sends, and where.
#[derive(Debug, Clone)]
pub struct Sender {
    /// The value of `Authorization`.
    pub authorization: Bytes,
    /// The conversation's id.
    pub conversation: String,
}

/// Sends of an open loop: the one with number *n* is due at `begin + n / rate`,
/// whatever became of those before.
#[derive(Debug, Clone)]
pub struct Course {
    /// Tells the sends of one course from those of others.
    pub label: String,
    /// A second.
    pub rate: u32,
    /// How many.
    pub count: u64,
    /// Of each body.
    pub body_bytes: usize,
}

impl Course {
    /// When a send is due, after the begin.
    pub fn due(&self, number: u64) -> Duration {
        Duration::from_nanos(number.saturating_mul(1_000_000_000 / u64::from(self.rate.max(1))))
    }

    /// Makes all sends, to each conversation in turn; answers when it began
    /// and how many failed.
    pub async fn run(&self, address: SocketAddr, senders: &[Sender]) -> Outcome<(Instant, u64)> {
        let (next, failed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let senders: Arc<[Sender]> = senders.into();
        let body = "m".repeat(self.body_bytes);
        let mut tasks = JoinSet::new();
        let begin = Instant::now() + Duration::from_millis(50);
        for _ in 0..SENDERS {
            let (course, senders, body) = (self.clone(), Arc::clone(&senders), body.clone());
            let (next, failed) = (Arc::clone(&next), Arc::clone(&failed));
            tasks.spawn(async move {
                let mut client = Client::new(Target::at(address));
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= course.count {
                        return;
                    }
                    tokio::time::sleep_until((begin + course.due(number)).into()).await;
                    let sender = &senders[usize::try_from(number).unwrap_or(0) % senders.len()];
                    let ask = Ask {
                        method: Method::POST,
                        path: format!("/v1/conversations/{}/messages", sender.conversation),
                        authorization: sender.authorization.clone(),
                        body: format!(r#"{{"body":"{body}","client_id":"{}.{number}"}}"#, course.label).into(),
                    };
                    if !client.ask(ask).await.is_ok_and(|answer| answer.status.is_success()) {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended?;
        }
        Ok((begin, failed.load(Ordering::Relaxed)))
    }
}

/// What arrived at all who listen.
pub struct Arrivals {
    queue: mpsc::UnboundedReceiver<(String, Instant)>,
    listeners: Vec<JoinHandle<()>>,
}

impl Arrivals {
    /// Reads all of these until it is dropped.
    pub fn at(sockets: Vec<Socket>) -> Self {
        let (sender, queue) = mpsc::unbounded_channel();
        let listeners = sockets.into_iter().map(|socket| tokio::spawn(listen(socket, sender.clone()))).collect();
        Self { queue, listeners }
    }

    /// Waits until each message of a course has arrived `times` times, and
    /// counts how long each took from when it was due. Those before `from` are
    /// not counted.
    pub async fn tally(&mut self, course: &Course, begin: Instant, times: u64, from: u64) -> Outcome<Tally> {
        let mut tally = Tally::default();
        let mut seen: HashMap<u64, u64> = HashMap::new();
        let mut missing = course.count * times;
        while missing > 0 {
            let arrived = tokio::time::timeout(PATIENCE, self.queue.recv()).await;
            let (name, at) = arrived.ok().flatten().ok_or_else(|| format!("{missing} messages did not arrive"))?;
            let Some(number) = number_of(&name, &course.label) else { continue };
            let seen = seen.entry(number).or_default();
            *seen += 1;
            if *seen > times {
                return Err(format!("message {name} arrived {seen} times").into());
            }
            missing -= 1;
            if number >= from {
                tally.succeed(at.saturating_duration_since(begin + course.due(number)));
            }
        }
        Ok(tally)
    }
}

impl Drop for Arrivals {
    fn drop(&mut self) {
        self.listeners.iter().for_each(JoinHandle::abort);
    }
}

/// The number in a client id that a course made.
pub fn number_of(client_id: &str, label: &str) -> Option<u64> {
    client_id.strip_prefix(label)?.strip_prefix('.')?.parse().ok()
}

async fn listen(mut socket: Socket, arrived: mpsc::UnboundedSender<(String, Instant)>) {
    while let Ok(Frame::Text(text)) = socket.next().await {
        let at = Instant::now();
        if let Some(client_id) = text_after(text, br#""client_id":""#) {
            // Nobody waits for it when the run is over.
            let _ = arrived.send((client_id.to_owned(), at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_send_is_due_by_its_number_alone() {
        let course = Course { label: "a".to_owned(), rate: 500, count: 10, body_bytes: 1 };
        assert_eq!(course.due(0), Duration::ZERO);
        assert_eq!(course.due(500), Duration::from_secs(1));
        assert_eq!(number_of("a.7", "a"), Some(7));
        assert_eq!(number_of("b.7", "a"), None);
    }
}
