//! A million messages sent to a node in a process of its own, and the memory it
//! holds then: nothing may grow with what was sent.

use super::client::Target;
use super::ground::Ground;
use super::node::Node;
use super::options::Options;
use super::report::{Aim, Report};
use super::run;
use super::world::World;
use crate::Outcome;

/// How much the node may hold after all.
const MOST_MIB: f64 = 100.0;

/// Sends, for so long at a time, until all are sent.
pub async fn measure(ground: &Ground, options: &Options) -> Outcome<Report> {
    // Makes and migrates the database.
    drop(ground.crowd().await?);
    let node = Node::start(&ground.url(), None).await?;
    let world = World::make(Target::at(node.address), options).await?;
    let options = Options { warm_up: std::time::Duration::ZERO, ..options.clone() };
    let mut report = Report::apart(&options, ground.name(), None);
    let before = node.resident_mib()?;
    let (mut sent, mut resident) = (0, before);
    while sent < options.messages {
        let mut figures = run::run(&options, &world, "memory", report.runs.len() + 1).await?;
        if figures.successes == 0 {
            return Err(format!("nothing is sent any more: {:?}", figures.errors).into());
        }
        sent += figures.successes;
        resident = node.resident_mib()?;
        #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        figures.notes.insert("messages sent so far".to_owned(), sent as f64);
        figures.notes.insert("MiB of memory".to_owned(), resident);
        figures.notes.insert("MiB of memory before".to_owned(), before);
        report.runs.push(figures);
    }
    let what = format!("{}: MiB of memory after {sent} sends", ground.name());
    report.aims = vec![Aim::at_most(&what, resident, MOST_MIB)];
    Ok(report)
}
