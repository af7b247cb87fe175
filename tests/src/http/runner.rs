//! Runs the cases on each store, as one test binary.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use messenger_core::conformance::{Database, Harness, HarnessError};
use tokio::runtime::{Builder, Runtime};

use super::app::TestApp;
use super::faulty_store::ON_PURPOSE;

/// A case that takes longer hangs: it fails by name, not by the runner's end.
const TIME_LIMIT: Duration = Duration::from_mins(2);

/// One promise, checked over the wire.
pub struct Case {
    /// The promise as a sentence, after its group.
    pub name: &'static str,
    /// The case itself.
    pub run: fn(TestApp) -> CaseFuture,
}

/// What a case's future looks like.
pub type CaseFuture = Pin<Box<dyn Future<Output = ()>>>;

/// A store that the suite runs on.
#[derive(Clone, Copy)]
pub struct Store {
    /// What the names of its cases begin with.
    pub name: &'static str,
    /// Makes its harness, once, when the first of its cases runs.
    pub start: fn() -> Result<Box<dyn Harness>, HarnessError>,
}

/// Runs every case on every store, as far as the command line asks for it.
/// `closing` looks back at a run that was whole.
pub fn run(
    stores: &[Store],
    groups: &'static [&'static [&'static [Case]]],
    closing: fn() -> Result<(), Failed>,
) -> ExitCode {
    let arguments = Arguments::from_args();
    std::panic::set_hook(Box::new(tell_panic));
    let grounds: Vec<_> = stores.iter().map(|store| Arc::new(Ground::on(*store))).collect();
    let mut trials = vec![];
    for ground in &grounds {
        for case in groups.iter().copied().flatten().copied().flatten() {
            let ground = ground.clone();
            let name = format!("{}::{}", ground.store.name, case.name);
            trials.push(Trial::test(name, move || ground.run(case)));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    if arguments.list {
        return conclusion.exit_code();
    }

    // The second list looks back at the first, so it must come after all of it.
    let mut closing_trials: Vec<_> = grounds
        .iter()
        .filter(|ground| ground.harness.get().is_some())
        .map(|ground| {
            let ground = ground.clone();
            let name = format!("closing::nothing_is_left_behind_on_{}", ground.store.name);
            Trial::test(name, move || ground.check_nothing_is_left())
        })
        .collect();
    let whole = arguments.filter.is_none() && arguments.skip.is_empty() && !arguments.ignored;
    if whole && !conclusion.has_failed() {
        closing_trials.push(Trial::test("closing::every_answer_in_the_document_was_seen", closing));
    }
    let unfiltered = Arguments { filter: None, exact: false, skip: vec![], ..arguments };
    let after = libtest_mimic::run(&unfiltered, closing_trials);
    if conclusion.has_failed() { conclusion.exit_code() } else { after.exit_code() }
}

/// One line for each panic, so that what a case's own text leaves out is not
/// lost. Those that cases cause are no news.
fn tell_panic(panic: &PanicHookInfo<'_>) {
    let message = panic_message(panic.payload());
    if let Some(place) = panic.location().filter(|_| !message.contains(ON_PURPOSE)) {
        println!("panicked at {place}: {message}");
    }
}

/// A store with the harness that gives cases their databases.
struct Ground {
    store: Store,
    harness: OnceLock<Result<Box<dyn Harness>, String>>,
    /// Held while the harness is made.
    starting: Mutex<()>,
}

impl Ground {
    fn on(store: Store) -> Self {
        Self { store, harness: OnceLock::new(), starting: Mutex::new(()) }
    }

    fn harness(&self) -> Result<&dyn Harness, Failed> {
        let _starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        let harness = self.harness.get_or_init(|| {
            let started = (self.store.start)().map_err(|error| error.to_string())?;
            println!("HTTP suite on {}", started.name());
            Ok(started)
        });
        harness.as_deref().map_err(Failed::from)
    }

    fn run(&self, case: &'static Case) -> Result<(), Failed> {
        let harness = self.harness()?;
        let runtime = one_thread()?;
        let result = run_on(&runtime, harness, case);
        // Whatever a failed case has left running ends here.
        runtime.shutdown_timeout(Duration::from_secs(5));
        result.map_err(Failed::from)
    }

    fn check_nothing_is_left(&self) -> Result<(), Failed> {
        Ok(one_thread()?.block_on(self.harness()?.check_nothing_is_left())?)
    }
}

fn one_thread() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

fn run_on(runtime: &Runtime, harness: &dyn Harness, case: &'static Case) -> Result<(), String> {
    let failed = |error: HarnessError| format!("the harness failed: {error}");
    let database = runtime.block_on(harness.isolated()).map_err(failed)?;
    let body = AssertUnwindSafe(|| runtime.block_on(run_case(&database, case)));
    let result = catch_unwind(body).unwrap_or_else(|payload| Err(panic_message(&*payload)));
    let discarded = runtime.block_on(database.discard()).map_err(failed);
    result.and(discarded)
}

async fn run_case(database: &Arc<dyn Database>, case: &'static Case) -> Result<(), String> {
    let store = database.open().await.map_err(|error| format!("the harness failed: {error}"))?;
    let handles = Arc::downgrade(&store);
    let future = (case.run)(TestApp::over(store, seed_of(case.name)));
    let ended = tokio::time::timeout(TIME_LIMIT, future).await;
    // A change that has begun is brought to its end though nobody waits for it.
    // The database may keep one handle.
    for _ in 0..200 {
        if handles.strong_count() <= 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    ended.map_err(|_| format!("it did not end within {TIME_LIMIT:?}"))
}

/// Cases share nothing, so each has ids of its own, the same every time.
fn seed_of(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |seed, byte| (seed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked").to_owned()
}
