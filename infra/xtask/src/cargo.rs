//! Starting cargo, and other programs.

use std::{env, ffi::OsStr, os::unix::process::CommandExt, process::Command};

use crate::failure::Failure;

/// The cargo that started us, with `args`.
pub(crate) fn command<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args);
    command
}

/// Runs a program to its end; its output goes where ours goes.
pub(crate) fn run(mut command: Command) -> Result<(), Failure> {
    announce(&command);
    let status = command.status().map_err(|source| start_failure(&command, source))?;
    if status.success() { Ok(()) } else { Err(Failure::Program(status)) }
}

/// Becomes the program, so that signals and exit code are its own. Returns only on failure.
pub(crate) fn replace_this_process(command: &mut Command) -> Failure {
    announce(command);
    let source = command.exec();
    start_failure(command, source)
}

fn announce(command: &Command) {
    let variables = command.get_envs().filter_map(|(name, value)| {
        value.map(|value| format!("{}='{}'", name.display(), value.to_string_lossy()))
    });
    let arguments = command.get_args().map(|arg| arg.to_string_lossy().into_owned());
    let words: Vec<String> = variables.chain([program(command)]).chain(arguments).collect();
    eprintln!("xtask: {}", words.join(" "));
}

/// The program's name without the directory.
fn program(command: &Command) -> String {
    let path = std::path::Path::new(command.get_program());
    path.file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned()
}

fn start_failure(command: &Command, source: std::io::Error) -> Failure {
    Failure::Start { program: program(command), source }
}
