//! Live delivery on the `MySQL` that can be had, or `MariaDB`, as clients meet
//! it.

use std::process::ExitCode;

use messenger_tests::live::{self, Backend};
use messenger_tests::mysql::Server;

fn main() -> ExitCode {
    live::run(|| Ok(Backend::mysql(Server::provide()?)))
}
