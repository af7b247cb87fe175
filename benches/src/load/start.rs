//! Starting on a database that is there: how soon a node answers, and what
//! memory it holds before anybody asked for anything.

use std::time::{Duration, Instant};

use super::ground::Ground;
use super::measure::Tally;
use super::node::Node;
use super::options::Options;
use super::report::{Aim, Report, median_of};
use crate::Outcome;

/// How long a node is left alone before its memory is read.
const LEFT_ALONE: Duration = Duration::from_secs(1);

/// Starts as many nodes as there are rounds, one after another.
pub async fn measure(ground: &Ground, options: &Options) -> Outcome<Report> {
    // A database in use: who is there, and a group.
    let crowd = ground.crowd().await?;
    let people = crowd.people(20).await?;
    crowd.group(&people).await?;
    drop(crowd);
    let mut report = Report::apart(options, ground.name(), None);
    for round in 1..=options.rounds.max(1) {
        let begin = Instant::now();
        let node = Node::start(&ground.url(), None).await?;
        let took = begin.elapsed();
        tokio::time::sleep(LEFT_ALONE).await;
        let resident = node.resident_mib()?;
        let mut tally = Tally::default();
        tally.succeed(took);
        let mut figures = tally.figures(&format!("start {round}"), took);
        figures.notes.insert("MiB of memory when idle".to_owned(), resident);
        report.runs.push(figures);
    }
    let started = median_of(&report.runs, |run| run.p50_ms);
    let resident = median_of(&report.runs, |run| run.notes["MiB of memory when idle"]);
    let name = ground.name();
    report.aims = vec![
        Aim::at_most(&format!("{name}: ms from starting a node to its first answer"), started, 150.0),
        Aim::at_most(&format!("{name}: MiB of memory of an idle node"), resident, 30.0),
    ];
    Ok(report)
}
