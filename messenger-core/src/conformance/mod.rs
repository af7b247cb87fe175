//! The suite that every store runs.
//!
//! The cases are data, listed in [`GROUPS`]: one list for all stores, so no
//! store can leave one out or drift away. A store joins with a [`Harness`],
//! which says how a case gets a database, and a test target without libtest's
//! own harness (`harness = false` in its `Cargo.toml`) whose `main` is
//!
//! ```ignore
//! fn main() -> std::process::ExitCode {
//!     messenger_core::conformance::run(MyHarness::start)
//! }
//! ```
//!
//! Filters, `--list` and `--test-threads` work as in any other test binary.
//! After the cases a second, short list checks the run itself: that it was
//! whole, and that the harness found nothing left behind.
//!
//! There are two kinds of cases. An [isolated](Run::Isolated) one has a
//! database whose changes vanish, and opens one transaction or snapshot at a
//! time, so that a harness may run it inside a transaction that is rolled back.
//! One with a [database of its own](Run::OwnDatabase) commits for real and
//! opens many at once: races, locks, faults, several nodes.
//!
//! Ids and randomness are seeded, and time stands still until a case moves it.
//! A failure prints the seed; `MESSENGER_TEST_SEED` repeats it.

mod doubles;
mod failure;
mod harness;
mod histories;
mod history_of;
mod people;
mod poller;
mod race;
mod replica;
mod rows;
mod runner;
mod state;
mod world;

mod accounts;
mod blocks;
mod client_ids;
mod cursors;
mod directs;
mod following;
mod friendships;
mod groups;
mod hidden;
mod history;
mod kept_pages;
mod log;
mod members;
mod messages;
mod presence;
mod reading;
mod sessions;
mod typing;
mod users;

mod faults;
mod locks;
mod many_histories;
mod nodes;
mod races_among_people;
mod races_for_positions;
mod races_in_conversations;
mod races_to_refuse;

mod store_addressed;
mod store_batch_state;
mod store_batches;
mod store_conversations;
mod store_events;
mod store_friendships;
mod store_history;
mod store_lists_of_people;
mod store_members;
mod store_messages;
mod store_presence;
mod store_search;
mod store_sessions;
mod store_texts;
mod store_transactions;
mod store_users;

use std::future::Future;
use std::pin::Pin;

pub use doubles::{ManualClock, SeededIds};
pub use failure::{Failure, Outcome};
pub use harness::{Database, Harness, HarnessError};
pub use runner::run;
pub use world::{Nodes, World};

/// The fewest isolated cases that there may ever be.
pub const FEWEST_ISOLATED: usize = 100;

/// One promise, checked.
#[derive(Debug)]
pub struct Case {
    /// The promise as a sentence, after its group: `messages::a_repeated_send_is_the_same_send`.
    pub name: &'static str,
    /// What it runs on, and the case itself.
    pub run: Run,
}

/// What a case's future looks like.
pub type CaseFuture = Pin<Box<dyn Future<Output = Outcome>>>;

/// What a case runs on, and the case itself.
#[derive(Debug, Clone, Copy)]
pub enum Run {
    /// On a database whose changes vanish, one transaction at a time.
    Isolated(fn(World) -> CaseFuture),
    /// On a database of its own, with real commits and any number of handles.
    OwnDatabase(fn(Nodes) -> CaseFuture),
    /// The same, while no other case runs: it switches on faults, which count
    /// for the whole process.
    Alone(fn(Nodes) -> CaseFuture),
}

/// Makes a list of isolated cases out of async functions of a [`World`].
macro_rules! isolated {
    ($group:literal: $($case:ident),+ $(,)?) => { $crate::conformance::list!(Isolated, $group: $($case),+) };
}

/// Makes a list of cases with a database of their own out of async functions
/// of [`Nodes`].
macro_rules! own_database {
    ($group:literal: $($case:ident),+ $(,)?) => { $crate::conformance::list!(OwnDatabase, $group: $($case),+) };
}

/// Makes a list of cases that run alone out of async functions of [`Nodes`].
macro_rules! alone {
    ($group:literal: $($case:ident),+ $(,)?) => { $crate::conformance::list!(Alone, $group: $($case),+) };
}

macro_rules! list {
    ($run:ident, $group:literal: $($case:ident),+) => {
        &[$($crate::conformance::Case {
            name: concat!($group, "::", stringify!($case)),
            run: $crate::conformance::Run::$run(|ground| Box::pin(async move { $case(&ground).await })),
        }),+]
    };
}
use {alone, isolated, list, own_database};

/// Every case there is, by groups.
pub const GROUPS: &[&[Case]] = &[
    histories::CASES,
    histories::LIVE_CASES,
    accounts::CASES,
    blocks::CASES,
    client_ids::CASES,
    cursors::CASES,
    directs::CASES,
    following::CASES,
    friendships::CASES,
    groups::CASES,
    hidden::CASES,
    history::CASES,
    kept_pages::CASES,
    log::CASES,
    members::CASES,
    messages::CASES,
    presence::CASES,
    reading::CASES,
    sessions::CASES,
    typing::CASES,
    typing::LIVE_CASES,
    users::CASES,
    store_conversations::CASES,
    store_events::CASES,
    store_friendships::CASES,
    store_history::CASES,
    store_lists_of_people::CASES,
    store_members::CASES,
    store_messages::CASES,
    store_presence::CASES,
    store_search::CASES,
    store_sessions::CASES,
    store_texts::CASES,
    store_transactions::CASES,
    store_addressed::CASES,
    store_batch_state::CASES,
    store_batches::CASES,
    store_users::CASES,
    faults::CASES,
    kept_pages::RACES,
    locks::CASES,
    many_histories::CASES,
    nodes::CASES,
    races_among_people::CASES,
    races_for_positions::CASES,
    races_in_conversations::CASES,
    races_to_refuse::CASES,
];

/// Every case there is.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    GROUPS.iter().copied().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list that is not in [`GROUPS`], or a file that is not even a module,
    /// would be left out on every store alike.
    #[test]
    fn every_file_with_cases_is_listed() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/conformance");
        for entry in std::fs::read_dir(directory).expect("the suite's directory") {
            let path = entry.expect("a file").path();
            let text = std::fs::read_to_string(&path).expect("a source file");
            let group = path.file_stem().expect("a name").to_str().expect("UTF-8");
            if text.contains("CASES: &[Case]") && group != "mod" {
                let prefix = format!("{group}::");
                assert!(cases().any(|case| case.name.starts_with(&prefix)), "{group} has cases that are not listed");
            }
        }
    }

    #[test]
    fn the_first_list_is_long_enough() {
        let isolated = cases().filter(|case| matches!(case.run, Run::Isolated(_))).count();
        assert!(isolated >= FEWEST_ISOLATED, "{isolated}");
    }
}
