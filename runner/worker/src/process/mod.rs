//! What a worker process does besides running JavaScript: it is started, boxes itself in, forks,
//! thaws, freezes, and ends.

mod allocator;
mod buffers;
mod channel;
mod lifecycle;
mod run;
mod sandbox;
mod zygote;

use crate::engine::Preloading;
pub(crate) use buffers::buffer_allocator;
pub(crate) use channel::Channel;
pub(crate) use lifecycle::end;
pub use sandbox::Layers;

/// The argument that makes an executable a worker; see [`run_if_worker`].
pub(crate) const WORKER_ARGUMENT: &str = "stasis-worker";
const ZYGOTE_ROLE: &str = "zygote";
const BOOT_ROLE: &str = "boot";
const PRELOAD: &str = "preload";
const TEMPLATE: &str = "template";

/// The two kinds of process that are started and not forked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The process from which the others are forked.
    Zygote,
    /// A process that boots V8.
    Boot {
        /// Whether it can be given WebAssembly modules.
        preloading: Preloading,
        /// What it is for.
        becomes: Becomes,
    },
}

/// What a process is for that boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Becomes {
    /// To be frozen. No script runs in it or in a child of it.
    BaseImage,
    /// To be what runs are forked from, where nothing can be frozen.
    Template,
}

impl Role {
    /// The command line.
    pub(crate) fn arguments(self) -> Vec<&'static str> {
        let mut arguments = vec![WORKER_ARGUMENT];
        match self {
            Self::Zygote => arguments.push(ZYGOTE_ROLE),
            Self::Boot { preloading, becomes } => {
                arguments.push(BOOT_ROLE);
                arguments.extend((preloading == Preloading::Yes).then_some(PRELOAD));
                arguments.extend((becomes == Becomes::Template).then_some(TEMPLATE));
            }
        }
        arguments
    }

    fn of(arguments: &[&str]) -> Option<Self> {
        match arguments {
            [ZYGOTE_ROLE] => Some(Self::Zygote),
            [BOOT_ROLE, how @ ..] if how.iter().all(|word| [PRELOAD, TEMPLATE].contains(word)) => {
                let preloading = if how.contains(&PRELOAD) { Preloading::Yes } else { Preloading::No };
                let becomes = if how.contains(&TEMPLATE) { Becomes::Template } else { Becomes::BaseImage };
                Some(Self::Boot { preloading, becomes })
            }
            _ => None,
        }
    }
}

/// Makes this process a worker if it was started as one, and then never returns.
///
/// Every executable that uses a [`crate::pool::Pool`] calls this first thing in `main`: workers are
/// the same executable, started anew.
pub fn run_if_worker() {
    let arguments: Vec<_> = std::env::args_os().collect();
    if arguments.get(1).is_none_or(|argument| argument != WORKER_ARGUMENT) {
        return;
    }
    let role: Option<Vec<&str>> = arguments[2..].iter().map(|argument| argument.to_str()).collect();
    match role.as_deref().and_then(Role::of) {
        Some(Role::Zygote) => zygote::zygote(),
        Some(Role::Boot { preloading, becomes }) => zygote::boot(preloading, becomes),
        None => end(EXIT_USAGE),
    }
}

/// Status of a worker whose server went away, or that was told nothing more.
pub(crate) const EXIT_NORMAL: i32 = 0;
/// Status of a worker that was started by hand.
const EXIT_USAGE: i32 = 2;
/// Status of a run that the system gave no more memory.
pub(crate) const EXIT_OUT_OF_MEMORY: i32 = 71;
/// Status of a worker that broke one of its own assumptions.
pub(crate) const EXIT_BROKEN: i32 = 70;
