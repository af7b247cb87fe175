//! A storm of logins, each of which hashes a password for tens of
//! milliseconds: what others notice of it.

use std::time::Duration;

use super::options::{Options, Scenario};
use super::report::{Aim, Report, median_of};
use super::run::run;
use super::world::World;
use crate::Outcome;

/// Requests a second of the others, unless told otherwise.
const RATE: u32 = 500;

/// How many connections log in at once.
const LOGINS: usize = 64;

/// How many times as long the others' requests may take.
const MOST: f64 = 3.0;

/// Measures all rounds, each without and with the storm.
pub async fn measure(options: &Options, world: &World, report: &mut Report) -> Outcome<()> {
    let others = Options { rate: Some(options.rate.unwrap_or(RATE)), ..options.clone() };
    let logins = Options { scenario: Scenario::Login, connections: LOGINS, rate: None, ..options.clone() };
    report.offered = others.rate;
    let mut ratios = vec![];
    for round in 1..=options.rounds.max(1) {
        let without = run(&others, world, "calm", round).await?;
        let (mut with, stormed) =
            tokio::try_join!(run(&others, world, "storm", round), run(&logins, world, "logins", round))?;
        // The hashing under way ends before the next round begins.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let ratio = with.p99_ms / without.p99_ms.max(f64::EPSILON);
        with.notes.insert("logins a second".to_owned(), stormed.rate);
        with.notes.insert("p99, to p99 in the calm".to_owned(), ratio);
        ratios.push(with.clone());
        report.runs.push(with);
        report.ceilings.push(without);
    }
    let ratio = median_of(&ratios, |run| run.notes["p99, to p99 in the calm"]);
    report.aims.push(Aim::at_most("storm of logins: others' p99, to p99 in the calm", ratio, MOST));
    Ok(())
}
