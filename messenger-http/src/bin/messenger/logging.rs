//! Where log lines go and what they look like.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::Failure;
use crate::cli::LogFormat;

/// Logs to standard error, so that standard output stays for what commands
/// print.
pub(crate) fn init(format: LogFormat) -> Result<(), Failure> {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .from_env()
        .map_err(|error| Failure::Usage(format!("RUST_LOG: {error}")))?;
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_span_events(FmtSpan::NONE).with_writer(std::io::stderr);
    let set = match format {
        LogFormat::Text => lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).try_init(),
    };
    set.map_err(|error| Failure::Run(format!("cannot log: {error}")))
}
