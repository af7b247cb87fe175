//! Live delivery on `SQLite`, as clients meet it.

use std::process::ExitCode;

use messenger_tests::live::{self, Backend};

fn main() -> ExitCode {
    live::run(|| Ok(Backend::sqlite()))
}
