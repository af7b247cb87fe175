//! Live delivery on the installed `MariaDB`, beside `MySQL`.
//!
//! Where none is installed, the run says so: there it is covered by nothing. In
//! continuous integration that is a failure.

use std::process::ExitCode;

use messenger_tests::live::{self, Backend};
use messenger_tests::mysql::{self, Server};

fn main() -> ExitCode {
    if Server::find_installed_mariadb().is_none() {
        return mysql::mariadb_is_not_covered();
    }
    live::run(|| {
        let binary = Server::find_installed_mariadb().ok_or(mysql::NOT_INSTALLED)?;
        Ok(Backend::mysql(Server::of(&binary)?))
    })
}
