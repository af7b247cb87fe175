//! Live delivery on the installed `MariaDB`, beside `MySQL`.
//!
//! Where none is installed, the run says so: there it is covered by nothing. In
//! continuous integration that is a failure.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Trial};
use messenger_tests::live::{self, Backend};
use messenger_tests::mysql::Server;

const NOT_INSTALLED: &str = "MariaDB is not installed here, so this run does not cover it: install mariadb-server";

fn main() -> ExitCode {
    if Server::find_installed_mariadb().is_some() {
        return live::run(|| {
            let binary = Server::find_installed_mariadb().ok_or(NOT_INSTALLED)?;
            Ok(Backend::mysql(Server::of(&binary)?))
        });
    }
    println!("{NOT_INSTALLED}");
    let in_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    let trial = Trial::ignorable_test("mariadb::is_covered", move || {
        if in_ci { Err(NOT_INSTALLED.into()) } else { Ok(Completion::ignored_with(NOT_INSTALLED)) }
    });
    let arguments = Arguments { filter: None, skip: vec![], ..Arguments::from_args() };
    libtest_mimic::run(&arguments, vec![trial]).exit_code()
}
