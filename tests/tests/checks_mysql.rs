//! The store's own checks on the `MySQL` that can be had, or `MariaDB`.

use std::process::ExitCode;

use messenger_tests::{mysql::Server, store_checks};

fn main() -> ExitCode {
    store_checks::run(Server::provide)
}
