//! What a worker process does besides running JavaScript: it is started, boxes itself in, forks,
//! thaws, freezes, and ends.

mod allocator;
mod channel;
mod lifecycle;
mod run;
mod sandbox;
mod zygote;

use crate::engine::Preloading;
pub(crate) use channel::Channel;
pub(crate) use lifecycle::end;
pub use sandbox::Layers;

/// The argument that makes an executable a worker; see [`run_if_worker`].
pub(crate) const WORKER_ARGUMENT: &str = "stasis-worker";
const ZYGOTE_ROLE: &str = "zygote";
const BOOT_ROLE: &str = "boot";
const BOOT_TO_PRELOAD_ROLE: &str = "boot-to-preload";

pub(crate) use roles::{BOOT, BOOT_TO_PRELOAD, ZYGOTE};

mod roles {
    //! Command lines of the two kinds of process that are started and not forked.
    pub(crate) const ZYGOTE: [&str; 2] = [super::WORKER_ARGUMENT, super::ZYGOTE_ROLE];
    pub(crate) const BOOT: [&str; 2] = [super::WORKER_ARGUMENT, super::BOOT_ROLE];
    pub(crate) const BOOT_TO_PRELOAD: [&str; 2] = [super::WORKER_ARGUMENT, super::BOOT_TO_PRELOAD_ROLE];
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
    let role = arguments.get(2).and_then(|role| role.to_str());
    match role {
        Some(ZYGOTE_ROLE) => zygote::zygote(),
        Some(BOOT_ROLE) => zygote::boot(Preloading::No),
        Some(BOOT_TO_PRELOAD_ROLE) => zygote::boot(Preloading::Yes),
        _ => end(EXIT_USAGE),
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
