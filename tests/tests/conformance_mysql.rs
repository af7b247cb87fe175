//! The conformance suite on the `MySQL` that can be had, or `MariaDB`.

use std::process::ExitCode;

use messenger_tests::MySqlHarness;

fn main() -> ExitCode {
    messenger_core::conformance::run(MySqlHarness::start)
}
