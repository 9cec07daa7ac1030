//! One process per database.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, test_kill_process};

use super::open::OpenError;

const NAME: &str = "pid";
/// How long a process that is about to end may keep its locks.
const PATIENCE: Duration = Duration::from_secs(5);

/// The right to use a folder. The kernel holds it, so that a killed process leaves none.
///
/// The file has the number of the process in it, for whoever is refused. The number is written after
/// the lock was taken; for that moment it may be the one of the process before.
#[derive(Debug)]
pub(super) struct FolderLock {
    file: File,
}

impl FolderLock {
    pub(super) fn take(folder: &Path) -> Result<Self, OpenError> {
        let open = || {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).mode(0o600);
            options.open(folder.join(NAME))
        };
        let file = open().map_err(OpenError::io(folder))?;
        // The process may have been killed while it started another one, which has its files for a moment more.
        lock(&file, || is_running(&file)).map_err(|refused| match refused {
            TryLockError::WouldBlock => locked(folder, pid_in(&file)),
            TryLockError::Error(error) => OpenError::io(folder)(error),
        })?;
        let mut this = Self { file };
        this.write_pid().map_err(OpenError::io(folder))?;
        wait_for_database(folder)?;
        Ok(this)
    }

    fn write_pid(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        writeln!(self.file, "{}", std::process::id())
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // The lock goes with the file; an old number in it would only mislead.
        if let Err(error) = self.file.set_len(0) {
            tracing::debug!(%error, "the pid file could not be emptied");
        }
    }
}

fn locked(folder: &Path, pid: Option<u32>) -> OpenError {
    OpenError::Locked { folder: folder.to_owned(), pid }
}

fn pid_in(file: &File) -> Option<u32> {
    let mut text = [0; 16];
    let read = file.read_at(&mut text, 0).ok()?;
    str::from_utf8(&text[..read]).ok()?.trim().parse().ok()
}

/// Whether the process whose number is in the file is there.
fn is_running(file: &File) -> bool {
    let pid = pid_in(file).and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
    pid.is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// Locks a file; waits for a while if somebody else has, unless that is `hopeless`.
fn lock(file: &File, hopeless: impl Fn() -> bool) -> Result<(), TryLockError> {
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE && !hopeless() => {
                thread::sleep(Duration::from_millis(2));
            }
            ended => return ended,
        }
    }
}

/// The database locks its file, too, and tells nobody when its last thread has let go of it.
fn wait_for_database(folder: &Path) -> Result<(), OpenError> {
    let file = match File::open(folder.join("db")) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(OpenError::io(folder)(error)),
    };
    lock(&file, || false).map_err(|refused| match refused {
        TryLockError::WouldBlock => locked(folder, None),
        TryLockError::Error(error) => OpenError::io(folder)(error),
    })
}
