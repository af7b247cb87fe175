//! What can be chosen.

use std::time::Duration;

use clap::{Parser, ValueEnum};
use messenger_http::AppOptions;

/// Leans on a messenger over HTTP and tells what it bears.
///
/// Without `--url` the service runs in this process, on a database of its own
/// that is gone afterwards.
#[derive(Debug, Clone, Parser)]
#[command(name = "load", version)]
pub struct Options {
    /// What to do.
    #[arg(value_enum)]
    pub scenario: Scenario,
    /// A service that runs already, started with `--rate-limits off`:
    /// `http://127.0.0.1:8080`.
    #[arg(long, conflicts_with_all = ["database_url", "ceiling", "batch_limit", "kept_pages"])]
    pub url: Option<String>,
    /// A MySQL server on which to make a database for the run:
    /// `mysql://root@127.0.0.1:3306`. Without it: SQLite.
    #[arg(long)]
    pub database_url: Option<String>,
    /// How many connections ask at once.
    #[arg(long, default_value_t = 128)]
    pub connections: usize,
    /// How many conversations the requests are about.
    #[arg(long, default_value_t = 200)]
    pub conversations: usize,
    /// How many members each conversation has, all of whom send.
    #[arg(long, default_value_t = 2)]
    pub members: usize,
    /// How many users there are; at least as many as members.
    #[arg(long, default_value_t = 32)]
    pub users: usize,
    /// How many messages each conversation has before the run.
    #[arg(long, default_value_t = 0)]
    pub history: usize,
    /// The bytes of a message's body.
    #[arg(long, default_value_t = 100)]
    pub body_bytes: usize,
    /// Open loop: so many requests a second, whatever becomes of them.
    /// Latency counts from the instant at which a request was due.
    #[arg(long)]
    pub rate: Option<u32>,
    /// Seconds that are not counted.
    #[arg(long, default_value = "2", value_parser = seconds)]
    pub warm_up: Duration,
    /// Seconds that are counted.
    #[arg(long, default_value = "10", value_parser = seconds)]
    pub duration: Duration,
    /// How often to measure; tables show the median by rate.
    #[arg(long, default_value_t = 1)]
    pub rounds: usize,
    /// Makes the same requests of an operation that does nothing, in turns,
    /// and prints the ratio. The ceiling of `login` is the hashing alone, that
    /// of `fanout` a loop that writes the same frames to as many sockets.
    #[arg(long, value_enum, num_args = 0..=1, default_missing_value = "same-auth")]
    pub ceiling: Option<Ceiling>,
    /// How many changes share a commit at most; 1 is no group commit.
    #[arg(long)]
    pub batch_limit: Option<usize>,
    /// How many bytes of pages of histories are kept; with 0 each is read from
    /// the store and written anew.
    #[arg(long, default_value_t = AppOptions::default().kept_pages)]
    pub kept_pages: usize,
    /// `latency`: the nodes hint at their commits over NATS:
    /// `nats://127.0.0.1:4222`.
    #[arg(long)]
    pub nats_url: Option<String>,
    /// `changes`: how many nodes there are.
    #[arg(long, default_value_t = 1)]
    pub nodes: usize,
    /// `memory`: how many messages are sent.
    #[arg(long, default_value_t = 1_000_000)]
    pub messages: u64,
    /// `fanout`: over which transport.
    #[arg(long, value_enum, default_value = "sse")]
    pub transport: Transport,
    /// `fanout`: how many messages a burst has.
    #[arg(long, default_value_t = 20)]
    pub burst: usize,
    /// `resume`: catches up on 500 events in a log with so many of others,
    /// in place of 10,000 missed events.
    #[arg(long)]
    pub others: Option<u64>,
    /// Prints JSON in place of the table.
    #[arg(long)]
    pub json: bool,
    /// Shows no progress.
    #[arg(long)]
    pub quiet: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "must be a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// What an operation that does nothing stands behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ceiling {
    /// The service's own authentication.
    SameAuth,
    /// Nothing: not even the token is looked at.
    Open,
}

/// How events reach who listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Transport {
    /// Server-sent events.
    Sse,
    /// WebSocket.
    Ws,
}

/// Which requests are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Send messages.
    Send,
    /// Read the newest 50 messages of conversations.
    History,
    /// Read the first page of the conversation list.
    List,
    /// Read one's own account: the cheapest authenticated read.
    Me,
    /// Nine reads (history, list, me) to one send.
    Mixed,
    /// Log in with a password.
    Login,
    /// `mixed` at a fixed rate, without and with a storm of logins beside it.
    Storm,
    /// Friend requests, profiles and membership, on one node or several, beside
    /// the same on a database whose log has one partition. MySQL only.
    Changes,
    /// Send at a fixed rate to a store that a fail point slows to 2,000 sends a
    /// second.
    Overload,
    /// Send a million messages to a node in a process of its own, and see what
    /// memory it holds.
    Memory,
    /// Read pages at the store: of histories and lists, short and long.
    Scale,
    /// Start a node on a database that is there, and see how soon it answers
    /// and what memory it holds.
    Start,
    /// Send bursts into one group whose members all have a stream open, and
    /// count what reaches them.
    Fanout,
    /// Catch up on 10,000 missed events, or on a few among many of others.
    Resume,
    /// Hold open connections on which nothing happens, and see what they cost
    /// a node in a process of its own.
    Idle,
    /// Send at a fixed rate, and see how soon each message reaches another's
    /// WebSocket: on one node, with MySQL from one node to another.
    Latency,
    /// Stop reading on one of many connections, and see what comes of it.
    SlowReader,
}

impl Options {
    /// Whether the nodes are processes of their own, on a database of theirs.
    pub fn is_apart(&self) -> bool {
        match self.scenario {
            Scenario::Changes
            | Scenario::Memory
            | Scenario::Scale
            | Scenario::Start
            | Scenario::Idle
            | Scenario::Latency
            | Scenario::SlowReader => true,
            Scenario::Resume => self.others.is_some(),
            _ => false,
        }
    }
}

impl Scenario {
    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::History => "history",
            Self::List => "list",
            Self::Me => "me",
            Self::Mixed => "mixed",
            Self::Login => "login",
            Self::Storm => "storm",
            Self::Changes => "changes",
            Self::Overload => "overload",
            Self::Memory => "memory",
            Self::Scale => "scale",
            Self::Start => "start",
            Self::Fanout => "fanout",
            Self::Resume => "resume",
            Self::Idle => "idle",
            Self::Latency => "latency",
            Self::SlowReader => "slow-reader",
        }
    }

    /// How many messages a conversation needs before the run.
    pub fn history(self, wanted: usize) -> usize {
        match self {
            Self::History | Self::Mixed | Self::Storm => wanted.max(50),
            Self::List => wanted.max(1),
            _ => wanted,
        }
    }
}
