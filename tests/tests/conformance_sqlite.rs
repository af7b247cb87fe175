//! The conformance suite on `SQLite`.

use std::process::ExitCode;

use messenger_tests::SqliteHarness;

fn main() -> ExitCode {
    messenger_core::conformance::run(SqliteHarness::start)
}
