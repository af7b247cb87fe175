//! What a scenario came to, as a row of a table.

use std::time::Duration;

use super::checker::slowest_delivery;
use super::history::{Acked, History};

const TITLES: [&str; 11] = [
    "scenario",
    "sends acked",
    "kills",
    "reconnects",
    "resumes",
    "retried",
    "slowest delivery",
    "median send",
    "slowest send",
    "told",
    "verdict",
];

pub(super) struct Row {
    cells: [String; TITLES.len()],
    pub(super) wrongs: Vec<String>,
}

impl Row {
    pub(super) fn of(name: String, kills: u32, history: &History, wrongs: Vec<String>) -> Self {
        let sum = |count: fn(&super::history::Counts) -> u64| {
            history.records.iter().map(|record| count(&record.counts)).sum::<u64>().to_string()
        };
        let sends = || history.records.iter().flat_map(|record| &record.acked);
        let verdict = if wrongs.is_empty() { "ok".to_owned() } else { format!("{} WRONG", wrongs.len()) };
        let cells = [
            name,
            sends().count().to_string(),
            kills.to_string(),
            sum(|counts| counts.reconnects),
            sum(|counts| counts.resumes),
            sum(|counts| counts.retries),
            seconds(slowest_delivery(history)),
            seconds(median(sends().map(Acked::took))),
            seconds(sends().map(Acked::took).max().unwrap_or_default()),
            sum(|counts| counts.told),
            verdict,
        ];
        Self { cells, wrongs }
    }
}

pub(super) fn print(rows: &[Row]) {
    let titles = TITLES.map(str::to_owned);
    let all = || std::iter::once(&titles).chain(rows.iter().map(|row| &row.cells));
    let width = |column: usize| all().map(|cells| cells[column].len()).max().unwrap_or(0);
    for cells in all() {
        let padded: Vec<_> =
            cells.iter().enumerate().map(|(column, cell)| format!("{cell:<width$}", width = width(column))).collect();
        println!("{}", padded.join("  ").trim_end());
    }
}

/// The median; nothing where there is none.
pub(super) fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<_> = times.collect();
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
