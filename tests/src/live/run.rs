//! Runs the cases on one kind of database.

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;
use tokio::sync::RwLock;

use super::backend::Backend;
use super::stage::Stage;
use super::{Failure, Outcome};

/// The longest that a case may take.
const LIMIT: Duration = Duration::from_mins(1);

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) needs: Needs,
    pub(crate) run: for<'a> fn(&'a Stage) -> BoxFuture<'a, Outcome>,
}

/// What a case cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// A database of its own.
    Database,
    /// A database that several nodes serve.
    ManyNodes,
    /// The same, and that nothing else runs: fail points are for the whole
    /// process.
    ManyNodesAlone,
}

struct Ground {
    backend: Backend,
    runtime: Runtime,
    alone: RwLock<()>,
}

/// Runs all cases for which the backend is good, by the arguments of the
/// process.
pub fn run(start: fn() -> Result<Backend, Box<dyn std::error::Error + Send + Sync>>) -> ExitCode {
    let arguments = Arguments::from_args();
    if arguments.list {
        return libtest_mimic::run(&arguments, trials(&Arc::default(), |_| true)).exit_code();
    }
    let ground = match begin(start) {
        Ok(ground) => Arc::new(OnceLock::from(ground)),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let many = ground.get().is_some_and(|ground| ground.backend.serves_many_nodes());
    let conclusion = libtest_mimic::run(&arguments, trials(&ground, |needs| many || needs == Needs::Database));
    let exit = conclusion.exit_code();
    // Stops the database server, if one was started.
    drop(ground);
    exit
}

fn begin(start: fn() -> Result<Backend, Failure>) -> Result<Ground, Failure> {
    let backend = start()?;
    println!("on {}", backend.name());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build()?;
    Ok(Ground { backend, runtime, alone: RwLock::default() })
}

fn trials(ground: &Arc<OnceLock<Ground>>, fits: impl Fn(Needs) -> bool) -> Vec<Trial> {
    let cases = super::cases::all().into_iter().filter(|case| fits(case.needs));
    let trial = |case: Case| {
        let ground = ground.clone();
        Trial::test(case.name, move || {
            let ground = ground.get().ok_or("not started")?;
            ground.runtime.block_on(play(ground, &case)).map_err(|error| Failed::from(error.to_string()))
        })
    };
    cases.map(trial).collect()
}

async fn play(ground: &Ground, case: &Case) -> Outcome {
    let (mut shared, mut alone) = (None, None);
    if case.needs == Needs::ManyNodesAlone {
        alone = Some(ground.alone.write().await);
    } else {
        shared = Some(ground.alone.read().await);
    }
    let stage = Stage::build(&ground.backend).await?;
    let played = tokio::time::timeout(LIMIT, AssertUnwindSafe((case.run)(&stage)).catch_unwind()).await;
    let outcome = match played {
        Err(_) => Err("the case does not end".into()),
        Ok(Err(panic)) => Err(told(&*panic).into()),
        Ok(Ok(outcome)) => outcome,
    };
    stage.discard().await?;
    drop((shared.take(), alone.take()));
    outcome
}

fn told(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

/// Cases by the names of their functions.
macro_rules! cases {
    ($room:literal, $needs:ident: $($case:ident),+ $(,)?) => {
        vec![$($crate::live::run::Case {
            name: concat!($room, "::", stringify!($case)),
            needs: $crate::live::run::Needs::$needs,
            run: |stage| Box::pin($case(stage)),
        }),+]
    };
}
pub(crate) use cases;
