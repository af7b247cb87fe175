//! What only the `MySQL` store has to show, against a server.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use messenger_store_mysql::testing::CHECKS;

use crate::mysql::{NoServer, Server};

/// Runs the store's own checks, by the arguments of the process.
pub fn run(start: impl FnOnce() -> Result<Server, NoServer>) -> ExitCode {
    // Fail points are global to a process, so they run one after another.
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    if arguments.list {
        return libtest_mimic::run(&arguments, trials("")).exit_code();
    }
    match start() {
        Ok(server) => {
            println!("the store's own checks on {}", server.name());
            libtest_mimic::run(&arguments, trials(server.url())).exit_code()
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn trials(url: &str) -> Vec<Trial> {
    let trial = |(name, check): &(&'static str, messenger_store_mysql::testing::Check)| {
        let (url, check) = (url.to_owned(), *check);
        Trial::test(*name, move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            // A panic is the check's verdict, which the runner catches.
            runtime.map_err(Failed::from)?.block_on(check(url));
            Ok(())
        })
    };
    CHECKS.iter().map(trial).collect()
}
