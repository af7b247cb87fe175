//! What was measured, as a table and as JSON.

use std::fmt;

use serde::Serialize;

use super::measure::Figures;
use super::options::Options;
use super::service::Service;

/// What a call of `load` measured.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Which requests.
    pub scenario: &'static str,
    /// Over which store; none for a service elsewhere.
    pub store: Option<&'static str>,
    /// How many connections asked.
    pub connections: usize,
    /// How many conversations they asked about.
    pub conversations: usize,
    /// Requests a second of the open loop.
    pub offered: Option<u32>,
    /// Each round.
    pub runs: Vec<Figures>,
    /// Each round against the operation that does nothing.
    pub ceilings: Vec<Figures>,
}

impl Report {
    /// An empty one.
    pub fn new(options: &Options, service: Option<&Service>) -> Self {
        Self {
            scenario: options.scenario.name(),
            store: service.map(Service::store_name),
            connections: options.connections,
            conversations: options.conversations,
            offered: options.rate,
            runs: vec![],
            ceilings: vec![],
        }
    }

    /// The round in the middle, by rate.
    pub fn median(&self) -> Option<&Figures> {
        middle(&self.runs)
    }

    /// The median rate as a part of the ceiling's.
    pub fn ratio(&self) -> Option<f64> {
        let ceiling = middle(&self.ceilings)?.rate;
        Some(self.median()?.rate / ceiling)
    }
}

fn middle(runs: &[Figures]) -> Option<&Figures> {
    let mut sorted: Vec<_> = runs.iter().collect();
    sorted.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, connections, conversations, .. } = self;
        let store = self.store.unwrap_or("elsewhere");
        writeln!(f, "{scenario} ({store}): {connections} connections, {conversations} conversations")?;
        if let Some(offered) = self.offered {
            writeln!(f, "{offered} requests a second were due; latency counts from when each was due")?;
        }
        writeln!(
            f,
            "{:<10} {:>10} {:>10} {:>9} {:>9} {:>9} {:>9}  errors",
            "run", "count", "per s", "p50 ms", "p90 ms", "p99 ms", "max ms"
        )?;
        for run in self.runs.iter().chain(&self.ceilings) {
            write!(
                f,
                "{:<10} {:>10} {:>10.0} {:>9.2} {:>9.2} {:>9.2} {:>9.2}  ",
                run.name, run.successes, run.rate, run.p50_ms, run.p90_ms, run.p99_ms, run.max_ms
            )?;
            let errors: Vec<_> = run.errors.iter().map(|(why, count)| format!("{why}: {count}")).collect();
            writeln!(f, "{}", if errors.is_empty() { "none".to_owned() } else { errors.join(", ") })?;
            for (note, figure) in &run.notes {
                writeln!(f, "           {note}: {figure:.1}")?;
            }
        }
        match self.ratio() {
            Some(ratio) => writeln!(f, "{ratio:.3} of the ceiling (medians)"),
            None => Ok(()),
        }
    }
}
