//! Loads a server of its own, and prints a table in Markdown.
//!
//! Requests arrive at a constant rate whether or not the server keeps up, and each one's latency is counted
//! from when it was to be sent: a server that stalls cannot hide it (coordinated omission). At saturation a
//! fixed number of connections ask one after the other instead.
//!
//! `stasis-load [--seconds N] [stateless stateful]`

#![expect(clippy::print_stdout, reason = "the tables are what it is for")]

mod client;
mod scenario;
mod server;

use std::{env, time::Duration};

use stasis_bench::{Machine, Table};

use scenario::{Kind, Measured, Pace};
use server::Server;

/// How long each row is measured, unless something else is asked for.
const SECONDS: u64 = 15;
/// Connections that keep the server busy at saturation.
const SATURATING: usize = 16;

/// Why there is no table.
#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error("usage: stasis-load [--seconds N] [stateless stateful]")]
    Usage,
    #[error("the server cannot be started: {0}")]
    Server(std::io::Error),
    #[error("the server ended before it listened")]
    Ended,
    #[error("the server cannot be reached: {0}")]
    Connection(#[from] client::ClientError),
    #[error("no latency can be kept: {0}")]
    Histogram(#[from] hdrhistogram::CreationError),
}

fn main() -> Result<(), LoadError> {
    let (seconds, kinds) = arguments()?;
    println!("{}; {seconds} s each, load generator included\n", Machine::this());
    let runtime = tokio::runtime::Runtime::new().map_err(LoadError::Server)?;
    runtime.block_on(async {
        let mut table = Table::new(&[
            "scenario",
            "offered/s",
            "completed/s",
            "ok",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "max ms",
            "server MB",
        ]);
        for kind in kinds {
            let server = Server::start(kind == Kind::Stateless).await?;
            for pace in paces(kind) {
                let measured = scenario::measure(&server, kind, pace, Duration::from_secs(seconds)).await?;
                table.row(&row(kind, pace, &measured, server.memory_megabytes()));
            }
        }
        println!("{table}");
        Ok(())
    })
}

fn arguments() -> Result<(u64, Vec<Kind>), LoadError> {
    let (mut seconds, mut kinds) = (SECONDS, Vec::new());
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seconds" => {
                let number = arguments.next().and_then(|text| text.parse().ok());
                seconds = number.ok_or(LoadError::Usage)?;
            }
            "stateless" => kinds.push(Kind::Stateless),
            "stateful" => kinds.push(Kind::Stateful),
            _ => return Err(LoadError::Usage),
        }
    }
    if kinds.is_empty() {
        kinds = vec![Kind::Stateless, Kind::Stateful];
    }
    Ok((seconds, kinds))
}

/// The rates of the seeds' table, and then as much as it can do.
fn paces(kind: Kind) -> Vec<Pace> {
    let rates: &[u32] = match kind {
        Kind::Stateless => &[100, 200, 500, 1000],
        Kind::Stateful => &[100, 200],
    };
    let rates = rates.iter().map(|rate| Pace::Constant { per_second: *rate });
    rates.chain([Pace::Saturating { connections: SATURATING }]).collect()
}

fn row(kind: Kind, pace: Pace, measured: &Measured, megabytes: u64) -> [String; 9] {
    let quantile = |q| format!("{:.1}", measured.latency.value_at_quantile(q) as f64 / 1000.0);
    let all = measured.ok + measured.failed;
    [
        kind.name().to_owned(),
        match pace {
            Pace::Constant { per_second } => per_second.to_string(),
            Pace::Saturating { .. } => "saturation".to_owned(),
        },
        format!("{:.0}", measured.ok as f64 / measured.span.as_secs_f64()),
        format!("{:.2} %", measured.ok as f64 * 100.0 / all.max(1) as f64),
        quantile(0.5),
        quantile(0.95),
        quantile(0.99),
        format!("{:.1}", measured.latency.max() as f64 / 1000.0),
        megabytes.to_string(),
    ]
}
