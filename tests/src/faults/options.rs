//! The command line of the driver.

use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Kills processes under load, and checks that nobody noticed.
#[derive(Debug, Parser)]
#[command(name = "faults")]
pub(super) struct Options {
    /// Which scenarios to run; all when none is named
    pub(super) scenarios: Vec<Kind>,
    /// How long clients send in each
    #[arg(long, default_value = "60")]
    seconds: u16,
    /// How many clients there are
    #[arg(long, default_value = "40", value_parser = clap::value_parser!(u16).range(4..=200))]
    pub(super) clients: u16,
    /// What the clients' choices follow from
    #[arg(long)]
    pub(super) seed: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// Two nodes: one is killed three times, NATS is stopped and started
    Nats,
    /// The same with nothing between the nodes but the database
    NoNats,
    /// One node on `SQLite`, killed three times
    Sqlite,
    /// Two nodes: the database server is killed twice
    Database,
    /// Two nodes: one is stopped inside a commit, and goes on later
    Stalled,
    /// Two nodes: one is told to stop under load
    Drain,
}

impl Options {
    pub(super) fn chosen(&self) -> Vec<Kind> {
        if self.scenarios.is_empty() { Kind::value_variants().to_vec() } else { self.scenarios.clone() }
    }

    pub(super) fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }
}

impl Kind {
    pub(super) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}
