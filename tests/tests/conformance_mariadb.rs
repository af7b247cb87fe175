//! The conformance suite on the installed `MariaDB`, beside `MySQL`.
//!
//! Where none is installed, the run says so: there it is covered by nothing. In
//! continuous integration that is a failure.

use std::process::ExitCode;

use messenger_tests::MySqlHarness;
use messenger_tests::mysql::{self, Server};

fn main() -> ExitCode {
    match Server::find_installed_mariadb() {
        Some(binary) => messenger_core::conformance::run(|| Ok(MySqlHarness::on(Server::of(&binary)?))),
        None => mysql::mariadb_is_not_covered(),
    }
}
