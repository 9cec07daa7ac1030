//! The command line.

mod capabilities;
mod policy;
mod server;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};
use stasis_core::{ByteSize, HeapId, Limits};

pub(crate) use capabilities::CapabilityArguments;
pub(crate) use policy::{PolicyCheckArguments, PolicyCommand};
pub(crate) use server::{LogFormat, ServerArguments};

/// Runs JavaScript and TypeScript, and remembers.
///
/// Without a subcommand a server starts: on --http-port or --sse-port, or else as an MCP server on
/// standard input and output.
#[derive(Debug, Parser)]
#[command(name = "stasis", version, about, max_term_width = 100, args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run one script and exit with its fate.
    #[command(after_help = RUN_HELP)]
    Run(Box<RunArguments>),
    /// Look at and remove stored heaps.
    Heap {
        #[command(subcommand)]
        command: HeapCommand,
    },
    /// Try policies by hand.
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
    },
}

const RUN_HELP: &str = "\
Exit status: 0 it returned, 1 it threw, 2 usage or an unreadable file, 3 it was stopped (by a
limit, Ctrl-C or a crash of its process), 4 no such heap, 5 a heap that is damaged or not ours,
6 a heap of another build or for another processor, 7 the state could not be saved (full disk, for
example), 70 Stasis itself failed, 130 interrupted once more, or while the state was being saved.";

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// A JavaScript or TypeScript file, or - for standard input
    pub(crate) file: PathBuf,
    /// Resume from this heap (64 hexadecimal digits)
    #[arg(long, value_name = "ID", value_parser = parse_heap_id, conflicts_with = "stateless")]
    pub(crate) heap: Option<HeapId>,
    /// Start fresh and keep nothing
    #[arg(long)]
    pub(crate) stateless: bool,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    #[command(flatten)]
    pub(crate) capabilities: CapabilityArguments,
    /// Refuse to run unless seccomp, Landlock and no_new_privs confine the script
    #[arg(long)]
    pub(crate) require_sandbox: bool,
    /// Print one JSON object with result, heap, output and timings
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct LimitArguments {
    /// What the script may keep on V8's heap, in megabytes (1–4096)
    #[arg(long, value_name = "MB", default_value_t = megabytes(Limits::DEFAULT_HEAP),
          value_parser = clap::value_parser!(u64).range(1..=megabytes(Limits::MAX_HEAP)))]
    heap_memory_max: u64,
    /// Buffers and WebAssembly memory, in megabytes (1–16384)
    #[arg(long, value_name = "MB", default_value_t = megabytes(Limits::DEFAULT_EXTERNAL),
          value_parser = clap::value_parser!(u64).range(1..=megabytes(Limits::MAX_EXTERNAL)))]
    external_memory_max: u64,
    /// Wall-clock time, in seconds (1–300)
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::DEFAULT_WALL_CLOCK.as_secs(),
          value_parser = clap::value_parser!(u64).range(1..=Limits::MAX_WALL_CLOCK.as_secs()))]
    execution_timeout: u64,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct StoreArguments {
    /// Where heaps are kept [default: $XDG_DATA_HOME/stasis/heaps]
    #[arg(long, value_name = "DIR")]
    pub(crate) directory_path: Option<PathBuf>,
    /// Key that authenticates heaps, shared by all nodes [default: created beside the heaps]
    #[arg(long, value_name = "FILE")]
    pub(crate) heap_key: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HeapCommand {
    /// List stored heaps
    Ls(HeapListArguments),
    /// Show one heap
    Show(HeapArguments),
    /// Remove one heap, unless it is a base image that stored heaps or this build need
    Rm(HeapArguments),
}

#[derive(Debug, Args)]
pub(crate) struct HeapListArguments {
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct HeapArguments {
    /// The heap (64 hexadecimal digits)
    #[arg(value_name = "ID", value_parser = parse_heap_id)]
    pub(crate) heap: HeapId,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl Arguments {
    /// Whether messages are to be JSON too.
    pub(crate) fn json(&self) -> bool {
        match &self.command {
            None => false,
            Some(Command::Run(run)) => run.json,
            Some(Command::Policy { command: PolicyCommand::Check(check) }) => check.json,
            Some(Command::Heap { command: HeapCommand::Ls(list) }) => list.json,
            Some(Command::Heap { command: HeapCommand::Show(one) | HeapCommand::Rm(one) }) => one.json,
        }
    }
}

impl LimitArguments {
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            heap: ByteSize::mebibytes(self.heap_memory_max),
            external: ByteSize::mebibytes(self.external_memory_max),
            wall_clock: Duration::from_secs(self.execution_timeout),
            ..Limits::default()
        }
    }
}

const fn megabytes(size: ByteSize) -> u64 {
    size.get() >> 20
}

fn parse_heap_id(text: &str) -> Result<HeapId, String> {
    text.parse().map_err(|error: stasis_core::ParseDigestError| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: &[&str], expect: Result<(), &str>) {
        let parsed = Arguments::try_parse_from([&["stasis"], arguments].concat());
        match (parsed, expect) {
            (Ok(_), Ok(())) => {}
            (Err(error), Err(part)) => {
                let text = error.to_string();
                assert!(text.contains(part), "{text}");
            }
            (parsed, expect) => panic!("{arguments:?}: {parsed:?}, expected {expect:?}"),
        }
    }

    #[test]
    fn bad_values_are_refused_with_what_is_accepted() {
        let id = "ab".repeat(32);
        check(&["run", "a.ts"], Ok(()));
        check(&["run", "-", "--heap", &id, "--heap-memory-max", "4096"], Ok(()));
        check(&["run"], Err("<FILE>"));
        check(&["run", "a.ts", "--heap-memory-max", "0"], Err("0 is not in 1..=4096"));
        check(&["run", "a.ts", "--heap-memory-max", "4097"], Err("4097 is not in 1..=4096"));
        check(&["run", "a.ts", "--execution-timeout", "301"], Err("301 is not in 1..=300"));
        check(&["run", "a.ts", "--execution-timeout", "1s"], Err("invalid digit"));
        check(&["run", "a.ts", "--external-memory-max", "-1"], Err("unexpected argument '-1'"));
        check(&["run", "a.ts", "--heap", "xyz"], Err("expected 64 lower-case hexadecimal digits"));
        check(&["run", "a.ts", "--heap", &id, "--stateless"], Err("cannot be used with"));
        check(&["run", "a.ts", "--unknown"], Err("unexpected argument"));
        check(&["heap", "rm"], Err("<ID>"));
        check(&["heap", "show", "../x"], Err("expected 64 lower-case hexadecimal digits"));
    }

    #[test]
    fn the_definition_is_sound() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
