//! Where log lines go and what they look like.

use tracing_subscriber::EnvFilter;

use crate::Failure;
use crate::cli::LogFormat;

/// poem and async-nats tell again what is told already.
const DEFAULT_FILTER: &str = "info,poem=warn,async_nats=off";

/// Logs to standard error, so that standard output stays for what commands
/// print.
pub(crate) fn init(format: LogFormat) -> Result<(), Failure> {
    let filter = match std::env::var(EnvFilter::DEFAULT_ENV) {
        Ok(directives) if !directives.trim().is_empty() => EnvFilter::try_new(directives),
        _ => EnvFilter::try_new(DEFAULT_FILTER),
    };
    let filter = filter.map_err(|error| Failure::Usage(format!("RUST_LOG: {error}")))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = match format {
        LogFormat::Text => lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).try_init(),
    };
    set.map_err(|error| Failure::Run(format!("cannot log: {error}")))
}
