//! The flags of the server.

use std::{net::IpAddr, path::PathBuf, str::FromStr, time::Duration};

use axum::http::HeaderValue;
use clap::{Args, ValueEnum};
use stasis_executions::Retention;
use url::Url;

use super::{CapabilityArguments, LimitArguments, StoreArguments};

/// How the server is to work. Every flag can also be given as a variable (`--http-port` as
/// `STASIS_HTTP_PORT`) or in the file that `--config` names (as `http-port`).
#[derive(Debug, Clone, Args)]
pub(crate) struct ServerArguments {
    /// Serve HTTP and MCP over Streamable HTTP on this port (0–65535; 0 takes a free one)
    #[arg(long, value_name = "PORT", conflicts_with = "sse_port")]
    pub(crate) http_port: Option<u16>,
    /// Serve HTTP and MCP over HTTP+SSE on this port (0–65535; 0 takes a free one)
    #[arg(long, value_name = "PORT")]
    pub(crate) sse_port: Option<u16>,
    /// Address to listen at; 0.0.0.0 lets the whole network run code here
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) host: IpAddr,
    /// Name under which the server may be asked, besides loopback names; repeatable
    #[arg(long, value_name = "NAME")]
    pub(crate) allowed_host: Vec<String>,
    /// Origin whose pages may call the server from a browser; repeatable
    #[arg(long, value_name = "ORIGIN", value_parser = parse_origin)]
    pub(crate) cors_origin: Vec<HeaderValue>,
    /// Start every run fresh and keep nothing
    #[arg(long, conflicts_with_all = ["directory_path", "session_db_path"])]
    pub(crate) stateless: bool,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    /// Where sessions and executions are kept [default: $XDG_DATA_HOME/stasis/sessions]
    #[arg(long, value_name = "DIR")]
    pub(crate) session_db_path: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
    #[command(flatten)]
    pub(crate) capabilities: CapabilityArguments,
    /// Scripts that run at a time (1–1024) [default: the number of processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) max_concurrent_executions: Option<u16>,
    /// Executions that may wait for their turn; more are refused at once (0–1000000)
    #[arg(long, value_name = "N", default_value_t = 1024,
          value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub(crate) queue_max: u32,
    /// How many executions are remembered, and how long: COUNT, AGE (s, m, h, d) or COUNT,AGE
    #[arg(long, value_name = "COUNT,AGE", default_value = "10000,7d")]
    pub(crate) retain_executions: Retain,
    /// Processes that wait, up to two minutes after a run, for the next one on its heap; about 1 MB each (0–4096)
    #[arg(long, value_name = "N", default_value_t = 128,
          value_parser = clap::value_parser!(u16).range(0..=4096))]
    pub(crate) warm_heaps: u16,
    /// How long executions may go on after the server was asked to stop, in seconds (0–3600)
    #[arg(long, value_name = "SECONDS", default_value_t = 10,
          value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub(crate) shutdown_grace: u64,
    /// Refuse to start unless seccomp, Landlock and no_new_privs confine scripts
    #[arg(long)]
    pub(crate) require_sandbox: bool,
    /// How the log on standard error is written
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// What is logged: error, warn, info, debug, trace, or a filter by module
    #[arg(long, value_name = "FILTER", default_value = "info,rmcp=warn")]
    pub(crate) log: String,
    /// TOML or JSON file with any of these flags
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print the configuration that results from flags, variables and file, and exit
    #[arg(long)]
    pub(crate) print_config: bool,
}

/// An origin as browsers write it: a scheme, a host, and a port if it is not the usual one.
fn parse_origin(text: &str) -> Result<HeaderValue, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    let origin = url.origin().ascii_serialization();
    if origin != text {
        return Err(format!("an origin looks like https://app.example, and that is {origin}"));
    }
    HeaderValue::from_str(text).map_err(|error| error.to_string())
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// How many executions are remembered, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retain(pub(crate) Retention);

impl FromStr for Retain {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut retention = Retention::DEFAULT;
        for part in text.split(',') {
            let part = part.trim();
            if let Ok(count) = part.parse() {
                retention.count = count;
            } else {
                retention.age = age(part).ok_or_else(|| {
                    format!("{part:?} is neither a number nor an age like 90s, 30m, 12h or 7d")
                })?;
            }
        }
        Ok(Self(retention))
    }
}

fn age(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_is_by_count_and_age() {
        let check = |text: &str, expect: Option<(u64, u64)>| {
            let got = text.parse::<Retain>().ok().map(|Retain(kept)| (kept.count, kept.age.as_secs()));
            assert_eq!(got, expect, "{text}");
        };
        const WEEK: u64 = 7 * 24 * 3600;
        check("100", Some((100, WEEK)));
        check("90s", Some((10_000, 90)));
        check("5, 12h", Some((5, 43_200)));
        check("1d,3", Some((3, 86_400)));
        check("", None);
        check("7w", None);
        check("-1", None);
        check("ä", None);
        check("99999999999999999999d", None);
    }
}
