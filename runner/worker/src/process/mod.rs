//! What a worker process does besides running JavaScript: it is started, boxes itself in, forks,
//! thaws, freezes, and ends.

mod allocator;
mod buffers;
mod channel;
mod lifecycle;
mod run;
mod sandbox;
mod zygote;

pub(crate) use buffers::buffer_allocator;
pub(crate) use channel::Channel;
pub(crate) use lifecycle::end;
pub use sandbox::Layers;

/// The argument that makes an executable a worker; see [`run_if_worker`].
pub(crate) const WORKER_ARGUMENT: &str = "stasis-worker";

/// Makes this process a worker if it was started as one, and then never returns.
///
/// Every executable that uses a [`crate::pool::Pool`] calls this first thing in `main`: workers are
/// the same executable, started anew.
pub fn run_if_worker() {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == WORKER_ARGUMENT) {
        zygote::zygote();
    }
}

/// Status of a worker whose server went away, or that was told nothing more.
pub(crate) const EXIT_NORMAL: i32 = 0;
/// Status of a run that the system gave no more memory.
pub(crate) const EXIT_OUT_OF_MEMORY: i32 = 71;
/// Status of a worker that broke one of its own assumptions.
pub(crate) const EXIT_BROKEN: i32 = 70;
