//! How long the zygote takes from `execve` until it waits for work.

use std::{
    env, io,
    io::Read,
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Starts a zygote, waits until it says that it is ready, and ends it. The pool does the same, but
/// offers no way to do it alone; so the command line is repeated here.
///
/// # Errors
/// If the process cannot be started, or ends instead of answering.
pub fn time_zygote_start() -> io::Result<Duration> {
    let (mut ours, theirs) = UnixStream::pair()?;
    let mut command = Command::new(env::current_exe()?);
    command
        .arg("stasis-worker")
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
