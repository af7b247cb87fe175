//! `make faults`: see `messenger_tests::faults`.

use std::process::ExitCode;

fn main() -> ExitCode {
    messenger_tests::faults::main()
}
