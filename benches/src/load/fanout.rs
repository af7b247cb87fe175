//! Bursts into one group whose members all listen, over server-sent events or
//! WebSocket, and beside it a loop that only writes the same frames.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures_util::future::try_join_all;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, spawn_blocking};

use super::client::Client;
use super::epoll::Loop;
use super::live::{await_count, listen};
use super::measure::{Figures, Tally};
use super::options::{Options, Transport};
use super::report::{Aim, Report, median_of};
use super::socket::{Frame, Socket};
use super::world::World;
use crate::Outcome;

/// The note that tells how many frames reached somebody.
const DELIVERIES: &str = "deliveries a second";

/// How many deliveries a second we want of bursts.
const WANTED: f64 = 150_000.0;

/// Which part of the loop's rate we want of single messages.
const WANTED_OF_LOOP: f64 = 0.4;

/// Measures all rounds, and each beside the loop where that is wanted.
pub async fn measure(options: &Options, world: &World, report: &mut Report) -> Outcome<()> {
    let received = Arc::new(AtomicU64::new(0));
    let group = &world.conversations[0];
    let listening = (0..options.connections).map(|number| {
        let user = &world.users[group.members[number % group.members.len()]];
        let received = Arc::clone(&received);
        async move {
            match options.transport {
                Transport::Sse => listen(world, user, received).await,
                Transport::Ws => {
                    let mut socket = Socket::connect(world.target.address(), user, None, number, None).await?;
                    socket.catch_up().await?;
                    Ok(tokio::spawn(count_events(socket, received)))
                }
            }
        }
    });
    let listening = try_join_all(listening).await?;
    let frame = frame_bytes(options, world).await?;
    // The frame that was looked at reached the others too.
    await_count(&received, options.connections as u64).await?;
    for _ in 0..options.rounds.max(1) {
        report.runs.push(bursts(options, world, &received).await?);
        if options.ceiling.is_some() {
            report.ceilings.push(by_hand(options, frame).await?);
        }
    }
    listening.iter().for_each(JoinHandle::abort);
    let delivered = median_of(&report.runs, |run| run.notes[DELIVERIES]);
    let over = match options.transport {
        Transport::Sse => "server-sent events",
        Transport::Ws => "WebSocket",
    };
    let what = format!("fanout over {over}: deliveries a second in bursts of {}", options.burst);
    if options.burst > 1 {
        report.aims.push(Aim::at_least(&what, delivered, WANTED));
    } else if let Some(ratio) = report.ratio() {
        let what = format!("fanout over {over}: single messages, to a loop that writes the same frames");
        report.aims.push(Aim::at_least(&what, ratio, WANTED_OF_LOOP));
    }
    Ok(())
}

/// One burst after another; each is over when everyone has got all of it. The
/// latencies are those of whole bursts.
async fn bursts(options: &Options, world: &World, received: &AtomicU64) -> Outcome<Figures> {
    let group = &world.conversations[0];
    let mut senders: Vec<_> = (0..options.burst.max(1)).map(|_| Client::new(world.target)).collect();
    let mut count = Count::begin(options, received, senders.len());
    while count.goes_on() {
        let sent = Instant::now();
        let sends = senders.iter_mut().enumerate().map(|(number, sender)| {
            let ask = world.send(group, number, options.body_bytes);
            sender.expect(ask)
        });
        try_join_all(sends).await?;
        count.burst(sent).await?;
    }
    Ok(count.figures("fanout"))
}

/// The same bursts of frames of the same length, by a loop that does nothing
/// but write them.
async fn by_hand(options: &Options, frame: usize) -> Outcome<Figures> {
    let received = Arc::new(AtomicU64::new(0));
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let (mut sockets, mut reading) = (vec![], vec![]);
    for _ in 0..options.connections {
        let stream = TcpStream::connect(address).await?;
        sockets.push(listener.accept()?.0);
        reading.push(tokio::spawn(count_bytes(stream, frame, Arc::clone(&received))));
    }
    let mut sockets = Loop::over(sockets)?;
    let burst = options.burst.max(1);
    let bytes: Arc<[u8]> = vec![b'x'; frame * burst].into();
    let mut count = Count::begin(options, &received, burst);
    while count.goes_on() {
        let sent = Instant::now();
        let bytes = Arc::clone(&bytes);
        // On a thread of its own, as it waits for who does not read.
        sockets = spawn_blocking(move || sockets.write(&bytes).map(|()| sockets)).await??;
        count.burst(sent).await?;
    }
    reading.iter().for_each(JoinHandle::abort);
    Ok(count.figures("by hand"))
}

/// Bursts that arrived, and how long each took.
struct Count<'a> {
    received: &'a AtomicU64,
    expected: u64,
    per_burst: u64,
    begin: Instant,
    options: &'a Options,
    counted: Option<Instant>,
    deliveries: u64,
    tally: Tally,
}

impl<'a> Count<'a> {
    fn begin(options: &'a Options, received: &'a AtomicU64, burst: usize) -> Self {
        Self {
            received,
            expected: received.load(Ordering::Relaxed),
            per_burst: (burst * options.connections) as u64,
            begin: Instant::now(),
            options,
            counted: None,
            deliveries: 0,
            tally: Tally::default(),
        }
    }

    fn goes_on(&mut self) -> bool {
        let elapsed = self.begin.elapsed();
        if self.counted.is_none() && elapsed >= self.options.warm_up {
            self.counted = Some(Instant::now());
        }
        elapsed < self.options.warm_up + self.options.duration
    }

    async fn burst(&mut self, sent: Instant) -> Outcome<()> {
        self.expected += self.per_burst;
        await_count(self.received, self.expected).await?;
        if self.counted.is_some() {
            self.tally.succeed(sent.elapsed());
            self.deliveries += self.per_burst;
        }
        Ok(())
    }

    fn figures(&self, name: &str) -> Figures {
        let elapsed = self.counted.unwrap_or(self.begin).elapsed();
        let mut figures = self.tally.figures(name, elapsed);
        #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let rate = self.deliveries as f64 / elapsed.as_secs_f64();
        figures.notes.insert(DELIVERIES.to_owned(), rate);
        figures
    }
}

/// How long the frame of a message is on this transport, by sending one.
async fn frame_bytes(options: &Options, world: &World) -> Outcome<usize> {
    let group = &world.conversations[0];
    let user = &world.users[group.members[0]];
    let mut socket = Socket::connect(world.target.address(), user, None, 0, None).await?;
    socket.catch_up().await?;
    Client::new(world.target).expect(world.send(group, 0, options.body_bytes)).await?;
    loop {
        match socket.next().await? {
            // Four bytes of header; server-sent events differ by a few.
            Frame::Text(text) if is_event(text) => return Ok(text.len() + 4),
            Frame::Text(_) => {}
            other => return Err(format!("{other:?} before the message").into()),
        }
    }
}

fn is_event(text: &[u8]) -> bool {
    text.starts_with(br#"{"type":"event""#)
}

async fn count_events(mut socket: Socket, received: Arc<AtomicU64>) {
    while let Ok(Frame::Text(text)) = socket.next().await {
        if is_event(text) {
            received.fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn count_bytes(mut stream: TcpStream, frame: usize, received: Arc<AtomicU64>) {
    let (mut buffer, mut rest) = (vec![0; 16 * 1024], 0);
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        rest += length;
        received.fetch_add((rest / frame) as u64, Ordering::Relaxed);
        rest %= frame;
    }
}
