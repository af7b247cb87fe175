//! The conformance suite on the installed `MariaDB`, beside `MySQL`.
//!
//! Where none is installed, the run says so: there it is covered by nothing. In
//! continuous integration that is a failure.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Trial};
use messenger_tests::{MySqlHarness, mysql::Server};

const NOT_INSTALLED: &str = "MariaDB is not installed here, so this run does not cover it: install mariadb-server";

fn main() -> ExitCode {
    match Server::find_installed_mariadb() {
        Some(binary) => messenger_core::conformance::run(|| Ok(MySqlHarness::on(Server::of(&binary)?))),
        None => not_covered(),
    }
}

fn not_covered() -> ExitCode {
    println!("{NOT_INSTALLED}");
    let in_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    let trial = Trial::ignorable_test("mariadb::is_covered", move || {
        if in_ci { Err(NOT_INSTALLED.into()) } else { Ok(Completion::ignored_with(NOT_INSTALLED)) }
    });
    let arguments = Arguments { filter: None, skip: vec![], ..Arguments::from_args() };
    libtest_mimic::run(&arguments, vec![trial]).exit_code()
}
