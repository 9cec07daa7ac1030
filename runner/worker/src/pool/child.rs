//! A process that is ours to kill and to reap.

use std::{
    fs::{self, File},
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    sync::{OnceLock, mpsc},
    time::Duration,
};

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitIdStatus, pidfd_open, pidfd_send_signal, waitid,
};
use tokio::io::{Interest, unix::AsyncFd};

/// A child process, by a descriptor that cannot come to mean another one. Killed when dropped.
#[derive(Debug)]
pub(super) struct Child {
    pidfd: Option<OwnedFd>,
    /// Once it was asked for.
    pid: OnceLock<u32>,
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
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        waitid(WaitId::PidFd(pidfd.as_fd()), options)?;
        Ok(Self { pidfd: Some(pidfd), pid: OnceLock::new() })
    }

    /// Takes over a process that was started in the ordinary way.
    pub(super) fn from_pid(pid: u32) -> io::Result<Self> {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
        Self::from_pidfd(pidfd_open(pid, PidfdFlags::empty())?)
    }

    fn pidfd(&self) -> &OwnedFd {
        self.pidfd.as_ref().expect("taken only when dropped")
    }

    /// Waits for the process to end, and reaps it.
    pub(super) async fn wait(&self) -> io::Result<Exit> {
        // Most processes are never waited for, and need not be known to the runtime.
        #[expect(
            deprecated,
            reason = "a BorrowedFd keeps its descriptor, which the new function wants promised"
        )]
        let pidfd = AsyncFd::with_interest(self.pidfd().as_fd(), Interest::READABLE)?;
        pidfd.async_io(Interest::READABLE, |pidfd| reap(*pidfd)).await
    }

    /// Ends the process, whatever it is doing.
    pub(super) fn kill(&self) {
        // It may have ended already.
        let _gone = pidfd_send_signal(self.pidfd(), Signal::KILL);
    }

    /// Has the process do nothing until [`Child::resume`].
    pub(super) fn stop(&self) {
        let _gone = pidfd_send_signal(self.pidfd(), Signal::STOP);
    }

    /// Has a stopped process go on.
    pub(super) fn resume(&self) {
        let _gone = pidfd_send_signal(self.pidfd(), Signal::CONT);
    }

    /// Opens the process's `maps` and `pagemap`.
    pub(super) fn open_memory_maps(&self) -> io::Result<(File, File)> {
        let pid = self.pid()?;
        let open = |name| File::open(format!("/proc/{pid}/{name}"));
        Ok((open("maps")?, open("pagemap")?))
    }

    /// Bytes of memory that the process has written to.
    pub(super) fn own_bytes(&self) -> io::Result<u64> {
        let [_, resident, shared, ..] = self.memory_sizes()?;
        Ok(resident.saturating_sub(shared))
    }

    /// Bytes of private writable memory that the process may write to.
    pub(super) fn data_bytes(&self) -> io::Result<u64> {
        let [.., data] = self.memory_sizes()?;
        Ok(data)
    }

    /// Linux `Documentation/filesystems/proc.rst`, `statm`: size, resident, shared (with files), code, nothing, and
    /// data with stack; here in bytes.
    fn memory_sizes(&self) -> io::Result<[u64; 6]> {
        let text = fs::read_to_string(format!("/proc/{}/statm", self.pid()?))?;
        let mut numbers = text.split_ascii_whitespace().map_while(|number| number.parse::<u64>().ok());
        let page = rustix::param::page_size() as u64;
        let mut sizes = [0; 6];
        for size in &mut sizes {
            *size = numbers.next().ok_or(io::ErrorKind::InvalidData)? * page;
        }
        Ok(sizes)
    }

    /// The process id, from what the kernel says about the descriptor. The process is ours and not
    /// reaped, so the number is not given to another one meanwhile.
    fn pid(&self) -> io::Result<u32> {
        if let Some(pid) = self.pid.get() {
            return Ok(*pid);
        }
        let descriptor = self.pidfd().as_raw_fd();
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{descriptor}"))?;
        let pid = info.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok());
        pid.map(|pid| *self.pid.get_or_init(|| pid)).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn reap(pidfd: BorrowedFd<'_>) -> io::Result<Exit> {
    match waitid(WaitId::PidFd(pidfd), WaitIdOptions::EXITED | WaitIdOptions::NOHANG)? {
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
        if let Some(pidfd) = self.pidfd.take() {
            reap_later(pidfd);
        }
    }
}

/// Reaps a process that was killed, from a thread of its own: a process takes a moment to end, longer with a
/// large memory, and nobody needs to know when.
fn reap_later(pidfd: OwnedFd) {
    /// Processes that end within this time are reaped together, so that a busy server is not woken for each.
    const TOGETHER: Duration = Duration::from_millis(5);
    static ENDING: OnceLock<mpsc::Sender<OwnedFd>> = OnceLock::new();
    /// How long one that does not end is left alone at most, before it is looked at again.
    const ALONE: Duration = Duration::from_secs(1);
    let ending = ENDING.get_or_init(|| {
        let (sender, receiver) = mpsc::channel::<OwnedFd>();
        let is_there = |pidfd: &OwnedFd| {
            // One that was waited for already is no child of ours any more: another error.
            reap(pidfd.as_fd()).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        };
        let serve = move || {
            while let Ok(first) = receiver.recv() {
                let (mut ending, mut pause) = (vec![first], TOGETHER);
                while !ending.is_empty() {
                    std::thread::sleep(pause);
                    let before = ending.len();
                    ending.extend(receiver.try_iter());
                    ending.retain(is_there);
                    pause = if ending.len() < before { TOGETHER } else { ALONE.min(pause * 2) };
                }
            }
        };
        // Without the thread the receiver is gone, and each is reaped where it is dropped.
        let _thread = std::thread::Builder::new().name("worker-reaper".into()).spawn(serve);
        sender
    });
    if let Err(mpsc::SendError(pidfd)) = ending.send(pidfd) {
        let _reaped = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED);
    }
}
