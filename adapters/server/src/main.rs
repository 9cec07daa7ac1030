//! The `stasis` binary: reads the command line, puts the parts together, and decides exit statuses.

mod arguments;
mod console;
mod failure;
mod heap_command;
mod local_modules;
mod run_command;
mod state;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use arguments::{Arguments, Command};
use failure::Failure;

fn main() -> ExitCode {
    // A worker is this same executable; it must not do anything else first.
    stasis_worker::run_if_worker();
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_env("STASIS_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // It would tell on standard error that standard error cannot be written, and panic.
        .log_internal_errors(false)
        .init();
    let json = arguments.json();
    match execute(arguments) {
        Ok(code) => code,
        Err(failure) => {
            failure.report(json);
            failure.exit_code()
        }
    }
}

fn execute(arguments: Arguments) -> Result<ExitCode, Failure> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::runtime)?;
    runtime.block_on(async {
        match arguments.command {
            Command::Run(run) => run_command::run(run).await,
            Command::Heap { command } => heap_command::run(command).await,
        }
    })
}
