//! The command line: five commands, each with its own help.

use crate::failure::Failure;

/// What the user asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Print this text.
    Help(&'static str),
    /// Put V8's archive in place.
    V8,
    /// Build the `stasis` binary.
    Build,
    /// Start `stasis` with these arguments.
    Run(Vec<String>),
    /// Run the test suite; the arguments are cargo test's.
    Test(Vec<String>),
    /// Run the benchmarks; the arguments are cargo bench's.
    Bench(Vec<String>),
}

const HELP: &str = "\
Usage: cargo xtask <COMMAND> [ARGS…]

Commands:
  v8     put V8's static archive where the `v8` crate looks for it
  build  build the `stasis` binary (release)
  run    build it and start it: cargo xtask run --http-port 8080
  test   the whole test suite, as CI runs it; with arguments, cargo test with them
  bench  the benchmarks

`cargo xtask <COMMAND> --help` tells more. All commands do `v8` first; after that, plain
`cargo build`, `cargo run` and `cargo test` work too.
";

const HELP_V8: &str = "\
Usage: cargo xtask v8

Makes sure that the `v8` crate's build script finds V8's static archive. In this order:
  1. RUSTY_V8_ARCHIVE (or RUSTY_V8_MIRROR, V8_FROM_SOURCE, V8_FORCE_DEBUG) is set: nothing to do
  2. it is in cargo's home, under .rusty_v8: nothing to do
  3. ../shared/v8 beside this workspace has it: checked and copied to cargo's home
  4. the release can be downloaded: nothing to do, the crate does it
  5. else it is built from the crate's own source by infra/v8/build-from-crate.sh: about two
     hours on 2 cores, 10 GB under target/v8; when interrupted, the next call goes on from there
";

const HELP_BUILD: &str = "\
Usage: cargo xtask build

Puts V8's archive in place, then builds target/release/stasis.
";

const HELP_RUN: &str = "\
Usage: cargo xtask run [ARGS…]

Puts V8's archive in place, then builds and starts `stasis` (release) with ARGS.
For stasis's own help: cargo xtask run -- --help
";

const HELP_TEST: &str = "\
Usage: cargo xtask test [ARGS…]

Puts V8's archive in place and builds the static fixture that stasis-image's tests use. Then, without
ARGS: cargo fmt --check, cargo clippy with warnings as errors, cargo deny check where cargo-deny is
installed, and all tests, those of the documentation with warnings as errors, as CI does. With ARGS: only `cargo test --release` with them, in the whole workspace unless they choose a package.

  cargo xtask test                              everything
  cargo xtask test -p stasis-core heap_id       one crate's tests of that name
  cargo xtask test --test it -- tidy --nocapture
";

const HELP_BENCH: &str = "\
Usage: cargo xtask bench [ARGS…]

Puts V8's archive in place, then runs `cargo bench -p stasis-bench` with ARGS.
";

/// Reads the arguments after `cargo xtask`.
pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Command, Failure> {
    let mut args = args.peekable();
    let Some(name) = args.next() else { return Ok(Command::Help(HELP)) };
    let wants_help = args.next_if(|arg| is_help(arg)).is_some();
    let rest: Vec<String> = args.collect();
    match name.as_str() {
        "help" | "--help" | "-h" => Ok(Command::Help(HELP)),
        "v8" if wants_help => Ok(Command::Help(HELP_V8)),
        "v8" => none(&name, &rest).map(|()| Command::V8),
        "build" if wants_help => Ok(Command::Help(HELP_BUILD)),
        "build" => none(&name, &rest).map(|()| Command::Build),
        "run" if wants_help => Ok(Command::Help(HELP_RUN)),
        "run" => Ok(Command::Run(without_leading_dashes(rest))),
        "test" if wants_help => Ok(Command::Help(HELP_TEST)),
        "test" => Ok(Command::Test(rest)),
        "bench" if wants_help => Ok(Command::Help(HELP_BENCH)),
        "bench" => Ok(Command::Bench(rest)),
        unknown => Err(Failure::Usage(format!("unknown command `{unknown}`\n\n{}", HELP.trim_end()))),
    }
}

fn is_help(arg: &str) -> bool {
    matches!(arg, "--help" | "-h")
}

fn none(command: &str, args: &[String]) -> Result<(), Failure> {
    match args.first() {
        None => Ok(()),
        Some(arg) => {
            let message = format!("`{command}` takes no argument `{arg}`; see cargo xtask {command} --help");
            Err(Failure::Usage(message))
        }
    }
}

/// `run -- --help` and `run --http-port 1` both mean what follows for stasis.
fn without_leading_dashes(mut args: Vec<String>) -> Vec<String> {
    if args.first().is_some_and(|arg| arg == "--") {
        args.remove(0);
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expect: Command) {
        assert_eq!(parse(line.split_whitespace().map(str::to_owned)).unwrap(), expect, "{line}");
    }

    fn check_refused(line: &str, expect: &str) {
        let failure = parse(line.split_whitespace().map(str::to_owned)).unwrap_err();
        assert!(matches!(failure, Failure::Usage(_)), "{line}: {failure:?}");
        assert!(failure.message().unwrap().contains(expect), "{line}: {failure:?}");
    }

    fn owned(args: &[&str]) -> Vec<String> {
        args.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn commands_and_their_arguments() {
        check("", Command::Help(HELP));
        check("--help", Command::Help(HELP));
        check("v8", Command::V8);
        check("build", Command::Build);
        check("run --http-port 8080", Command::Run(owned(&["--http-port", "8080"])));
        check("run run --help", Command::Run(owned(&["run", "--help"])));
        check("run -- --help", Command::Run(owned(&["--help"])));
        check("test", Command::Test(vec![]));
        check("test -- --nocapture", Command::Test(owned(&["--", "--nocapture"])));
        check("bench --no-run", Command::Bench(owned(&["--no-run"])));
    }

    #[test]
    fn every_command_has_help() {
        check("v8 --help", Command::Help(HELP_V8));
        check("build -h", Command::Help(HELP_BUILD));
        check("run --help", Command::Help(HELP_RUN));
        check("test --help", Command::Help(HELP_TEST));
        check("bench --help", Command::Help(HELP_BENCH));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        check_refused("biuld", "unknown command `biuld`");
        check_refused("v8 --force", "`v8` takes no argument `--force`");
        check_refused("build --debug", "`build` takes no argument `--debug`");
    }
}
