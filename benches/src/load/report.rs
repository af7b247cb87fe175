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
    /// What is held against what we want.
    pub aims: Vec<Aim>,
}

/// A figure, and what we want of it.
#[derive(Debug, Clone, Serialize)]
pub struct Aim {
    /// Of what.
    pub what: String,
    /// As measured: a median where there were several rounds.
    pub figure: f64,
    /// The most or the least that we want.
    pub bound: Bound,
    /// Whether it keeps to the bound.
    pub met: bool,
}

/// On which side of a number a figure should be.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// No more than.
    AtMost(f64),
    /// No less than.
    AtLeast(f64),
}

impl Aim {
    /// A figure that should be no more than `bound`.
    pub fn at_most(what: &str, figure: f64, bound: f64) -> Self {
        Self { what: what.to_owned(), figure, bound: Bound::AtMost(bound), met: figure <= bound }
    }

    /// A figure that should be no less than `bound`.
    pub fn at_least(what: &str, figure: f64, bound: f64) -> Self {
        Self { what: what.to_owned(), figure, bound: Bound::AtLeast(bound), met: figure >= bound }
    }
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (side, bound) = match self.bound {
            Bound::AtMost(bound) => ("at most", bound),
            Bound::AtLeast(bound) => ("at least", bound),
        };
        let met = if self.met { "" } else { " (NOT met)" };
        write!(f, "{}: {:.2}, aim {side} {bound}{met}", self.what, self.figure)
    }
}

/// The median of a figure over rounds.
pub fn median_of(runs: &[Figures], figure: impl Fn(&Figures) -> f64) -> f64 {
    let mut figures: Vec<_> = runs.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
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
            aims: vec![],
        }
    }

    /// An empty one, of nodes in processes of their own.
    pub fn apart(options: &Options, store: &'static str, offered: Option<u32>) -> Self {
        Self { store: Some(store), offered, ..Self::new(options, None) }
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
        match scenario {
            // The others choose for themselves.
            &("latency" | "slow-reader") => writeln!(f, "{scenario} ({store})")?,
            _ => writeln!(f, "{scenario} ({store}): {connections} connections, {conversations} conversations")?,
        }
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
        if let (Some(ratio), Some(ceiling)) = (self.ratio(), self.ceilings.first()) {
            writeln!(f, "{ratio:.3} to {} (medians)", ceiling.name)?;
        }
        self.aims.iter().try_for_each(|aim| writeln!(f, "{aim}"))
    }
}
