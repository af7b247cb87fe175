//! Runs the cases on a harness, as a test binary would.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::{Builder, Runtime};

use super::harness::{Database, Harness, HarnessError};
use super::world::Nodes;
use super::{Case, FEWEST_ISOLATED, Run, cases};
use crate::id::{IdGenerator as _, SystemIds};

/// A case that takes longer hangs: it fails by name, not by the runner's end.
const TIME_LIMIT: Duration = Duration::from_mins(5);

/// How many of the slowest cases the run names at its end.
const SLOWEST_SHOWN: usize = 12;

/// Runs every case that the command line asks for. `start` makes the harness;
/// it is not called for `--list`.
pub fn run<H: Harness>(start: impl FnOnce() -> Result<H, HarnessError>) -> ExitCode {
    let arguments = Arguments::from_args();
    if arguments.list {
        return libtest_mimic::run(&arguments, cases().map(listed).collect()).exit_code();
    }
    match start() {
        Ok(harness) => run_on(harness, &arguments),
        Err(error) => {
            let trial = Trial::test("harness::starts", move || Err(Failed::from(error)));
            libtest_mimic::run(&unfiltered(&arguments), vec![trial]).exit_code()
        }
    }
}

fn run_on(harness: impl Harness, arguments: &Arguments) -> ExitCode {
    println!("conformance suite on {}", harness.name());
    let harness = Box::new(harness);
    let suite = Arc::new(Suite { harness, seed: seed(), ran: Mutex::default(), gate: RwLock::new(()) });
    let trials = cases().map(|case| trial(&suite, case)).collect();
    let conclusion = libtest_mimic::run(arguments, trials);

    // The second list looks back at the first, so it must come after all of it.
    let mut closing = vec![];
    if arguments.filter.is_none() && arguments.skip.is_empty() && !arguments.ignored {
        let suite = suite.clone();
        closing.push(Trial::test("closing::the_suite_ran_whole", move || suite.ran_whole()));
    }
    closing.push(Trial::test("closing::nothing_is_left_behind", {
        let suite = suite.clone();
        move || one_thread()?.block_on(suite.harness.check_nothing_is_left()).map_err(Failed::from)
    }));
    let closing = libtest_mimic::run(&unfiltered(arguments), closing);
    if conclusion.has_failed() { conclusion.exit_code() } else { closing.exit_code() }
}

fn listed(case: &'static Case) -> Trial {
    Trial::test(case.name, || Ok(()))
}

fn trial(suite: &Arc<Suite>, case: &'static Case) -> Trial {
    let suite = suite.clone();
    Trial::test(case.name, move || suite.run(case))
}

fn unfiltered(arguments: &Arguments) -> Arguments {
    Arguments { filter: None, exact: false, skip: vec![], ..arguments.clone() }
}

/// The seed of `MESSENGER_TEST_SEED`, or another one every time.
fn seed() -> u64 {
    let given = std::env::var("MESSENGER_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| {
        let mut bytes = [0; 8];
        SystemIds.fill_random(&mut bytes);
        u64::from_be_bytes(bytes)
    })
}

/// Connections belong to the runtime that made them, so a case has one of its
/// own; races need more than one thread.
fn runtime(run: &Run) -> std::io::Result<Runtime> {
    match run {
        Run::Isolated(_) => one_thread(),
        Run::OwnDatabase(_) | Run::Alone(_) => Builder::new_multi_thread().worker_threads(4).enable_all().build(),
    }
}

fn one_thread() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

struct Suite {
    harness: Box<dyn Harness>,
    seed: u64,
    /// What ran, and how long it took.
    ran: Mutex<BTreeMap<&'static str, Duration>>,
    /// Held for writing by a case that runs alone, for reading by all others.
    gate: RwLock<()>,
}

impl Suite {
    fn run(&self, case: &'static Case) -> Result<(), Failed> {
        let alone = matches!(case.run, Run::Alone(_));
        let _beside_others = (!alone).then(|| self.gate.read().unwrap_or_else(PoisonError::into_inner));
        let _alone = alone.then(|| self.gate.write().unwrap_or_else(PoisonError::into_inner));
        let started = Instant::now();
        let runtime = runtime(&case.run)?;
        let result = self.run_on(&runtime, case);
        self.ran.lock().unwrap_or_else(PoisonError::into_inner).insert(case.name, started.elapsed());
        // Whatever a failed case has left running ends here.
        runtime.shutdown_timeout(Duration::from_secs(5));
        result.map_err(|message| format!("{message}\n  to repeat it: MESSENGER_TEST_SEED={}", self.seed).into())
    }

    fn run_on(&self, runtime: &Runtime, case: &'static Case) -> Result<(), String> {
        let database = runtime
            .block_on(async {
                match case.run {
                    Run::Isolated(_) => self.harness.isolated().await,
                    Run::OwnDatabase(_) | Run::Alone(_) => self.harness.own_database().await,
                }
            })
            .map_err(|error| harness_failed(&error))?;
        let body = AssertUnwindSafe(|| runtime.block_on(self.run_case(case, &database)));
        let result = catch_unwind(body).unwrap_or_else(|payload| Err(panic_message(&*payload)));
        let discarded = runtime.block_on(database.discard()).map_err(|error| harness_failed(&error));
        result.and(discarded)
    }

    async fn run_case(&self, case: &'static Case, database: &Arc<dyn Database>) -> Result<(), String> {
        let nodes = Nodes::new(database.clone(), self.harness.fail_points(), seed_of(self.seed, case.name));
        let future = match case.run {
            Run::Isolated(run) => run(nodes.start().await.map_err(|failure| failure.to_string())?),
            Run::OwnDatabase(run) | Run::Alone(run) => run(nodes),
        };
        match tokio::time::timeout(TIME_LIMIT, future).await {
            Ok(outcome) => outcome.map_err(|failure| failure.to_string()),
            Err(_) => Err(format!("it did not end within {TIME_LIMIT:?}")),
        }
    }

    fn ran_whole(&self) -> Result<(), Failed> {
        let ran = self.ran.lock().unwrap_or_else(PoisonError::into_inner);
        let mut listed = BTreeSet::new();
        for case in cases() {
            if !listed.insert(case.name) {
                return Err(format!("two cases are called {}", case.name).into());
            }
        }
        let left_out: Vec<_> = listed.iter().filter(|name| !ran.contains_key(*name)).collect();
        if !left_out.is_empty() {
            return Err(format!("left out: {left_out:?}").into());
        }
        let isolated = cases().filter(|case| matches!(case.run, Run::Isolated(_))).count();
        if isolated < FEWEST_ISOLATED {
            return Err(format!("{isolated} isolated cases; there must be {FEWEST_ISOLATED}").into());
        }
        println!("{} cases on {}, {isolated} of them isolated", listed.len(), self.harness.name());
        let mut slowest: Vec<_> = ran.iter().collect();
        slowest.sort_by_key(|(_, took)| std::cmp::Reverse(**took));
        for (name, took) in slowest.into_iter().take(SLOWEST_SHOWN) {
            println!("  {:5.1} s  {name}", took.as_secs_f64());
        }
        Ok(())
    }
}

/// Every case has a seed of its own, so that it does not depend on which
/// others run.
fn seed_of(seed: u64, name: &str) -> u64 {
    name.bytes().fold(seed, |seed, byte| (seed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn harness_failed(error: &HarnessError) -> String {
    format!("the harness failed: {error}")
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked").to_owned()
}
