//! The log, on standard error.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::{EnvFilter, filter::ParseError};

use crate::arguments::LogFormat;

/// Begins to log what `filter` lets through.
///
/// # Errors
/// If the filter is not one.
pub(crate) fn start(filter: &str, format: LogFormat) -> Result<(), ParseError> {
    let filter = EnvFilter::try_new(filter)?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        // It would tell on standard error that standard error cannot be written, and panic.
        .log_internal_errors(false);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}
