//! The `stasis` binary: reads the command line, puts the parts together, and decides exit statuses.

mod arguments;
mod capabilities;
mod configuration;
mod console;
mod failure;
mod heap_command;
mod local_modules;
mod logging;
mod metrics;
mod policy_command;
mod run_command;
mod serve_command;
mod sessions_database;
mod signals;
mod state;

use std::{io::Write as _, process::ExitCode};

use arguments::{Command, LogFormat};
use configuration::{Configuration, ConfigurationError};
use failure::Failure;

/// Usage: as in `stasis run --help`.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    // A worker is this same executable; it must not do anything else first.
    stasis_worker::run_if_worker();
    let configuration = match Configuration::read(std::env::args_os(), configuration::environment) {
        Ok(configuration) => configuration,
        Err(ConfigurationError::Arguments(error)) => error.exit(),
        Err(error) => {
            // A closed standard error keeps nobody from ending.
            let _unread = writeln!(std::io::stderr(), "error: {error}");
            return ExitCode::from(USAGE);
        }
    };
    let json = configuration.arguments.json();
    match execute(configuration) {
        Ok(code) => code,
        Err(failure) => {
            failure.report(json);
            failure.exit_code()
        }
    }
}

fn execute(configuration: Configuration) -> Result<ExitCode, Failure> {
    let (command, server) = (&configuration.arguments.command, &configuration.arguments.server);
    if server.print_config {
        write!(std::io::stdout(), "{}", configuration.print()).map_err(Failure::Output)?;
        return Ok(ExitCode::SUCCESS);
    }
    let commands_log = || std::env::var("STASIS_LOG").unwrap_or_else(|_| "warn".to_owned());
    match command {
        None => logging::start(&server.log, server.log_format)?,
        Some(_) => logging::start(&commands_log(), LogFormat::Text)?,
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::runtime)?;
    runtime.block_on(async {
        match configuration.arguments.command {
            None => serve_command::run(configuration.arguments.server).await,
            Some(Command::Run(run)) => run_command::run(*run).await,
            Some(Command::Heap { command }) => heap_command::run(command).await,
            Some(Command::Policy { command }) => policy_command::run(command),
        }
    })
}
