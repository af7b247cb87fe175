//! The command line.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};
use messenger_http::{Network, Origin};

const AFTER_HELP: &str = "\
Environment without a flag:
  MESSENGER_SIGNING_KEYS  what access tokens are signed with: at least 32 bytes
                          each, comma-separated; the first signs, all verify.
                          With SQLite a key is made and kept beside the file
                          when this is absent; with MySQL it is required
  RUST_LOG                which lines are logged [default: info]";

/// A messaging backend: users, friendships, conversations and messages over
/// REST, on SQLite or MySQL.
#[derive(Debug, Parser)]
#[command(name = "messenger", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub(crate) enum Command {
    /// Serves (the default)
    Serve,
    /// Changes the database's schema
    Migrate {
        #[command(subcommand)]
        action: MigrateAction,
    },
    /// Prints the OpenAPI document
    Openapi,
    /// Prints the AsyncAPI document: the events of the live transports
    Asyncapi,
    /// Asks the server on `--listen` how it is: exit code 0 when it is well
    Healthcheck {
        /// Asks whether it takes requests, not only whether it is alive
        #[arg(long)]
        ready: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub(crate) enum MigrateAction {
    /// Applies what is not applied
    Up,
    /// Takes back the last one, with the data that only it had room for
    Down,
    /// Lists all, and whether they are applied
    Status,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Where to listen
    #[arg(long, env = "MESSENGER_LISTEN", global = true, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// `sqlite://<file>` or `mysql://<user>:<password>@<host>:<port>/<database>`
    // Read as it is: an error of the parser's would show the password.
    #[arg(
        long,
        env = "MESSENGER_DATABASE_URL",
        global = true,
        value_name = "URL",
        hide_env_values = true,
        default_value = "sqlite://messenger.db"
    )]
    pub(crate) database_url: String,
    /// How many connections to MySQL this node opens at the most. Each change
    /// and each read under way holds one; the nodes of a database share what
    /// the server allows
    #[arg(
        long,
        env = "MESSENGER_MYSQL_CONNECTIONS",
        global = true,
        value_name = "NUMBER",
        value_parser = clap::value_parser!(u16).range(1..),
        default_value = "16"
    )]
    pub(crate) mysql_connections: u16,
    /// Whose pages may read answers in a browser: origins such as
    /// `https://chat.example.org`, comma-separated, or *
    #[arg(
        long,
        env = "MESSENGER_CORS_ORIGINS",
        global = true,
        value_name = "ORIGINS",
        value_delimiter = ',',
        num_args = 0..
    )]
    pub(crate) cors_origins: Vec<Text<Origin>>,
    /// The proxies whose X-Forwarded-For is believed: addresses or networks
    /// such as 10.0.0.0/8, comma-separated
    #[arg(
        long,
        env = "MESSENGER_TRUSTED_PROXIES",
        global = true,
        value_name = "NETWORKS",
        value_delimiter = ',',
        num_args = 0..
    )]
    pub(crate) trusted_proxies: Vec<Text<Network>>,
    /// Where nodes tell each other that there is something new:
    /// `nats://<user>:<password>@<host>:<port>`, or `tls://` to insist on TLS
    // Read as it is: an error of the parser's would show the password.
    #[arg(
        long,
        env = "MESSENGER_NATS_URL",
        global = true,
        value_name = "URL",
        hide_env_values = true,
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) nats_url: String,
    /// Whether registering and logging in are limited per address
    #[arg(long, env = "MESSENGER_RATE_LIMITS", global = true, value_name = "ON|OFF", default_value = "on")]
    pub(crate) rate_limits: Switch,
    /// How long a SIGTERM leaves for requests in flight
    #[arg(long, env = "MESSENGER_DRAIN_SECONDS", global = true, value_name = "SECONDS", default_value = "20")]
    pub(crate) drain_seconds: u16,
    /// How long events are kept for clients that were away; who comes back
    /// later takes a new snapshot. Messages are kept for good
    #[arg(long, env = "MESSENGER_EVENT_RETENTION_DAYS", global = true, value_name = "DAYS", default_value = "30")]
    pub(crate) event_retention_days: u16,
    /// How log lines are written
    #[arg(long, env = "MESSENGER_LOG_FORMAT", global = true, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    On,
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// A value of a list whose variable may be set and empty, as compose files
/// leave it.
#[derive(Debug, Clone)]
pub(crate) struct Text<T>(pub(crate) Option<T>);

impl<T: std::str::FromStr> std::str::FromStr for Text<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.is_empty() { Ok(Self(None)) } else { text.parse().map(|value| Self(Some(value))) }
    }
}

/// The values that are there.
pub(crate) fn given<T>(values: Vec<Text<T>>) -> Vec<T> {
    values.into_iter().filter_map(|text| text.0).collect()
}

/// Help and version as they are; anything else as one line.
pub(crate) fn explain(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // Nobody is left to be told that standard output is gone.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    eprintln!("messenger: {}", in_one_line(error));
    ExitCode::from(crate::EXIT_USAGE)
}

fn in_one_line(error: &clap::Error) -> String {
    // Here clap would print the help, of which one line says nothing.
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "a command is missing: migrate takes up, down or status".to_owned();
    }
    one_line(&error.to_string())
}

/// What clap writes on several lines, without its hints on usage.
fn one_line(text: &str) -> String {
    let lines =
        text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
    let words: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    words.join(" ").trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn refusal(args: &[&str]) -> String {
        let args = std::iter::once(&"messenger").chain(args);
        in_one_line(&Cli::try_parse_from(args).expect_err("refused"))
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_words_it_serves_on_sqlite() {
        let cli = Cli::try_parse_from(["messenger"]).expect("the defaults");
        assert_eq!(cli.command, None);
        assert_eq!(cli.options.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(cli.options.database_url, "sqlite://messenger.db");
        assert!(cli.options.cors_origins.is_empty() && cli.options.rate_limits == Switch::On);
    }

    #[test]
    fn flags_stand_before_and_after_the_command() {
        for args in [["--drain-seconds", "3", "serve"], ["serve", "--drain-seconds", "3"]] {
            let cli = Cli::try_parse_from(std::iter::once("messenger").chain(args)).expect("parses");
            assert_eq!((cli.command, cli.options.drain_seconds), (Some(Command::Serve), 3));
        }
    }

    #[test]
    fn a_bad_value_is_told_in_one_line() {
        for args in [
            &["--listen", "here"][..],
            &["--cors-origins", "chat.example.org"],
            &["--trusted-proxies", "10.0.0.0/8,proxy"],
            &["--rate-limits", "maybe"],
            &["--drain-seconds", "-1"],
            &["--mysql-connections", "0"],
            &["--log-format", "xml"],
            &["migrate", "sideways"],
            &["migrate"],
            &["dance"],
        ] {
            let line = refusal(args);
            assert!(!line.contains('\n') && !line.is_empty() && !line.starts_with("error"), "{args:?}: {line}");
        }
        assert_eq!(refusal(&["migrate"]), "a command is missing: migrate takes up, down or status");
        assert_eq!(
            refusal(&["--trusted-proxies", "proxy"]),
            "invalid value 'proxy' for '--trusted-proxies [<NETWORKS>...]': must be an IP address, or a network such \
             as 10.0.0.0/8"
        );
    }

    #[test]
    fn lists_are_separated_by_commas_and_may_be_empty() {
        let cli = Cli::try_parse_from(["messenger", "--trusted-proxies", "10.0.0.0/8, ::1", "--cors-origins", ""]);
        let options = cli.expect("parses").options;
        assert_eq!(given(options.trusted_proxies).len(), 2);
        assert!(given(options.cors_origins).is_empty());
    }
}
