//! What a run says that has no `MariaDB` to run on.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Trial};

/// Why, and what helps.
pub const NOT_INSTALLED: &str = "MariaDB is not installed here, so this run does not cover it: install mariadb-server";

/// A run of one test, which is ignored; in continuous integration it fails.
pub fn mariadb_is_not_covered() -> ExitCode {
    println!("{NOT_INSTALLED}");
    let in_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    let trial = Trial::ignorable_test("mariadb::is_covered", move || {
        if in_ci { Err(NOT_INSTALLED.into()) } else { Ok(Completion::ignored_with(NOT_INSTALLED)) }
    });
    let arguments = Arguments { filter: None, skip: vec![], ..Arguments::from_args() };
    libtest_mimic::run(&arguments, vec![trial]).exit_code()
}
