//! `cargo xtask`: what a developer and CI run.
//!
//! Every command first makes sure that V8's archive is where the `v8` crate looks for it, then hands
//! over to cargo. This crate must never depend on a crate that needs V8: it is what provides it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its user")]

mod cargo;
mod cli;
mod failure;
mod host;
mod lockfile;
mod suite;
mod v8;
mod workspace;

use std::{env, process::ExitCode};

use cli::Command;
use failure::Failure;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(message) = failure.message() {
                eprintln!("xtask: {message}");
            }
            failure.exit_code()
        }
    }
}

fn run() -> Result<(), Failure> {
    match cli::parse(env::args().skip(1))? {
        Command::Help(text) => {
            print!("{text}");
            Ok(())
        }
        Command::V8 => v8::ensure(),
        Command::Build => {
            v8::ensure()?;
            cargo::run(cargo::command(["build", "--release", "-p", "stasis-server", "--bin", "stasis"]))
        }
        Command::Run(args) => {
            v8::ensure()?;
            let cargo = ["run", "--release", "-p", "stasis-server", "--bin", "stasis", "--"];
            Err(cargo::replace_this_process(cargo::command(cargo).args(args)))
        }
        Command::Test(args) => {
            v8::ensure()?;
            suite::run(&args)
        }
        Command::Bench(args) => {
            v8::ensure()?;
            Err(cargo::replace_this_process(cargo::command(["bench", "-p", "stasis-bench"]).args(args)))
        }
    }
}
