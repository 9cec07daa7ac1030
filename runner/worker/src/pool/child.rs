//! A process that is ours to kill and to reap.

use std::{
    fs::{self, File},
    io,
    os::fd::{AsRawFd, OwnedFd},
};

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitIdStatus, pidfd_open, pidfd_send_signal, waitid,
};
use tokio::io::{Interest, unix::AsyncFd};

/// A child process, by a descriptor that cannot come to mean another one. Killed when dropped.
#[derive(Debug)]
pub(super) struct Child {
    pidfd: Option<AsyncFd<OwnedFd>>,
}

/// How a worker's process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Status(i32),
    Signal(i32),
}

impl Child {
    /// Takes a descriptor that a worker sent. It is only believed to be a child of ours if the kernel
    /// agrees.
    pub(super) fn from_pidfd(pidfd: OwnedFd) -> io::Result<Self> {
        use std::os::fd::AsFd;
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        waitid(WaitId::PidFd(pidfd.as_fd()), options)?;
        #[expect(
            deprecated,
            reason = "an OwnedFd keeps its descriptor, which the new function wants promised"
        )]
        let pidfd = AsyncFd::with_interest(pidfd, Interest::READABLE)?;
        Ok(Self { pidfd: Some(pidfd) })
    }

    /// Takes over a process that was started in the ordinary way.
    pub(super) fn from_pid(pid: u32) -> io::Result<Self> {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
        Self::from_pidfd(pidfd_open(pid, PidfdFlags::empty())?)
    }

    fn pidfd(&self) -> &AsyncFd<OwnedFd> {
        self.pidfd.as_ref().expect("taken only when dropped")
    }

    /// Waits for the process to end, and reaps it.
    pub(super) async fn wait(&self) -> io::Result<Exit> {
        self.pidfd().async_io(Interest::READABLE, reap).await
    }

    /// Ends the process, whatever it is doing.
    pub(super) fn kill(&self) {
        // It may have ended already.
        let _gone = pidfd_send_signal(self.pidfd().get_ref(), Signal::KILL);
    }

    /// Opens the process's `maps` and `pagemap`.
    pub(super) fn open_memory_maps(&self) -> io::Result<(File, File)> {
        let pid = self.pid()?;
        let open = |name| File::open(format!("/proc/{pid}/{name}"));
        Ok((open("maps")?, open("pagemap")?))
    }

    /// The process id, from what the kernel says about the descriptor. The process is ours and not
    /// reaped, so the number is not given to another one meanwhile.
    fn pid(&self) -> io::Result<u32> {
        let descriptor = self.pidfd().get_ref().as_raw_fd();
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{descriptor}"))?;
        info.lines()
            .find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn reap(pidfd: &OwnedFd) -> io::Result<Exit> {
    use std::os::fd::AsFd;
    match waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG)? {
        None => Err(io::ErrorKind::WouldBlock.into()),
        Some(status) => Ok(exit_of(&status)),
    }
}

fn exit_of(status: &WaitIdStatus) -> Exit {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(status), _) => Exit::Status(status),
        (None, signal) => Exit::Signal(signal.unwrap_or_default()),
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
        let Some(pidfd) = self.pidfd.take() else { return };
        // A killed process takes a moment to end, longer with a large memory.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(async move { pidfd.async_io(Interest::READABLE, reap).await });
            }
            Err(_) => {
                use std::os::fd::AsFd;
                let _reaped = waitid(WaitId::PidFd(pidfd.get_ref().as_fd()), WaitIdOptions::EXITED);
            }
        }
    }
}
