//! How a worker comes to be and goes: fork, thaw, freeze, end. Sandbox and allocator aside, all unsafe code
//! of this folder is here.
//!
//! It rests on one fact: a worker process has one thread for its whole life. V8 runs on its
//! single-threaded platform, Deno's crates on a `spawn_blocking` that does not spawn
//! (`runner/deno_unsync`), and the sandbox refuses to make threads.

use std::{
    io,
    os::fd::{FromRawFd, OwnedFd},
};

use stasis_image::{FreezeError, FreezeRequest, Frozen, Loader, ThawError, ThawRequest, interpose};

use super::sandbox;

/// Ends the process at once: no destructors, no handlers.
pub(crate) fn end(status: i32) -> ! {
    loop {
        // The C library's function for it is in a page that runs would need for nothing else.
        // SAFETY: ends the process; nothing runs after it.
        unsafe { libc::syscall(libc::SYS_exit_group, status) };
    }
}

/// What [`fork_child`] returns, once in each process.
pub(super) enum Forked {
    /// In the parent: the child's pidfd.
    Parent(OwnedFd),
    Child,
}

/// Forks a child whose parent is this process's parent, the server: it alone kills and reaps.
pub(super) fn fork_child() -> io::Result<Forked> {
    let mut pidfd: libc::c_int = -1;
    // SAFETY: without a new stack and without sharing memory this is a fork. The process has one
    // thread, so no lock is held by anybody else; the C library's handlers for forked children are
    // called below.
    let result = unsafe { libc::syscall(libc::SYS_clone, sandbox::FORK_FLAGS, 0, &raw mut pidfd, 0, 0) };
    match result {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            interpose::after_clone();
            Ok(Forked::Child)
        }
        // SAFETY: the kernel stored a new descriptor, which nobody else owns.
        _ => Ok(Forked::Parent(unsafe { OwnedFd::from_raw_fd(pidfd) })),
    }
}

/// Becomes the process in an image; returns only if that is impossible.
pub(super) fn thaw(loader: &Loader, request: &ThawRequest<'_>) -> ThawError {
    // SAFETY: a worker has one thread; what the zygote's child has in memory is of no use to anybody.
    unsafe { loader.thaw(request) }
}

/// Becomes the process in an image; returns only if that is impossible.
pub(super) fn overlay(request: &ThawRequest<'_>) -> ThawError {
    // SAFETY: a worker has one thread. This is a child of a template, which has run nothing; what it has in memory
    // that is not the base image's is of no use to anybody.
    unsafe { stasis_image::overlay(request) }
}

/// Writes this process into an image.
pub(super) fn freeze(request: &FreezeRequest<'_>) -> Result<Frozen, FreezeError> {
    // SAFETY: a worker has one thread, and is started without restartable sequences (see the
    // spawner). A thawed worker is a worker that waits, like this one was.
    unsafe { stasis_image::freeze(request) }
}
