//! How long a worker process takes from `execve` until it waits for work.

use std::{
    env, io,
    io::Read,
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// The two kinds of process that are started; all others are forked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessKind {
    /// Boots V8 from the start-up snapshot and warms it up; becomes the base image.
    Boot,
    /// Boxes itself in and waits to fork.
    Zygote,
}

/// Starts a worker, waits until it says that it is ready, and ends it. The pool does the same, but
/// offers no way to do it alone; so the command line is repeated here.
///
/// # Errors
/// If the process cannot be started, or ends instead of answering.
pub fn time_process_start(kind: ProcessKind) -> io::Result<Duration> {
    let role = match kind {
        ProcessKind::Boot => "boot",
        ProcessKind::Zygote => "zygote",
    };
    let (mut ours, theirs) = UnixStream::pair()?;
    let mut command = Command::new(env::current_exe()?);
    command
        .args(["stasis-worker", role])
        .env_clear()
        .env("GLIBC_TUNABLES", "glibc.pthread.rseq=0")
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let begun = Instant::now();
    let mut child = command.spawn()?;
    // Our copy of the worker's end: without it the end of the worker is the end of the stream.
    drop(command);
    let answered = ours.read_exact(&mut [0]);
    let taken = begun.elapsed();
    child.kill()?;
    child.wait()?;
    answered.map(|()| taken)
}
