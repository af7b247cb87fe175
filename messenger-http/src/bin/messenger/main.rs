//! The binary `messenger`: parses, chooses, and tells in one line what went
//! wrong.

mod cli;
mod database;
mod health;
mod held;
mod logging;
mod migrate;
mod serve;
mod server;
mod signing_key;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use cli::{Cli, Command};

/// The command line, or what it names, makes no sense.
const EXIT_USAGE: u8 = 2;

/// Why the process ends before its time, in one line.
#[derive(Debug)]
enum Failure {
    /// What it was told makes no sense.
    Usage(String),
    /// It could not do what it was told.
    Run(String),
}

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _scenario = fail::FailScenario::setup();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return cli::explain(&error),
    };
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => {
            eprintln!("messenger: {message}");
            ExitCode::from(EXIT_USAGE)
        }
        Err(Failure::Run(message)) => {
            eprintln!("messenger: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let Cli { command, options } = cli;
    match command.unwrap_or(Command::Serve) {
        Command::Serve => block_on(serve::serve(options)),
        Command::Migrate { action } => block_on(migrate::migrate(options, action)),
        Command::Openapi => print(&messenger_http::document_text("")),
        Command::Asyncapi => print(&messenger_http::asyncapi_text("")),
        Command::Healthcheck { ready } => health::check(options.listen, ready).map_err(Failure::Run),
    }
}

fn print(document: &str) -> Result<(), Failure> {
    let printed = std::io::stdout().write_all(document.as_bytes());
    printed.map_err(|error| Failure::Run(format!("cannot print: {error}")))
}

fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Run(format!("cannot start: {error}")))?;
    runtime.block_on(work)
}
