//! The `stasis` binary: reads the command line, puts the parts together, and decides exit statuses.

mod arguments;
mod capabilities;
mod configuration;
mod console;
mod environment;
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

use arguments::{Arguments, Command, LogFormat};
use configuration::{Configuration, ConfigurationError};
use failure::{Failure, USAGE};

fn main() -> ExitCode {
    // A worker is this same executable; it must not do anything else first.
    stasis_worker::run_if_worker();
    let configuration = match Configuration::read(std::env::args_os(), |name| std::env::var_os(name)) {
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
    match command {
        None => logging::start(&server.log, server.log_format)?,
        Some(_) => logging::start(&configuration.environment.commands_log, LogFormat::Text)?,
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::runtime)?;
    let Configuration { arguments: Arguments { command, server }, environment, .. } = configuration;
    runtime.block_on(async {
        match command {
            None => serve_command::run(server, &environment).await,
            Some(Command::Run(run)) => run_command::run(*run, &environment).await,
            Some(Command::Heap { command }) => heap_command::run(command, &environment).await,
            Some(Command::Policy { command }) => policy_command::run(command),
        }
    })
}
