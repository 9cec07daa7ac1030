//! One process per database.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use super::open::OpenError;

const NAME: &str = "pid";
/// How long a process that is about to end may keep the database's own lock.
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
        let mut file = open().map_err(OpenError::io(folder))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(locked(folder, pid_in(&mut file))),
            Err(TryLockError::Error(error)) => return Err(OpenError::io(folder)(error)),
        }
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

fn pid_in(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// The database locks its file, too, and tells nobody when its last thread has let go of it.
fn wait_for_database(folder: &Path) -> Result<(), OpenError> {
    let file = match File::open(folder.join("db")) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(OpenError::io(folder)(error)),
    };
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(OpenError::io(folder)(error)),
            Err(TryLockError::WouldBlock) if start.elapsed() > PATIENCE => return Err(locked(folder, None)),
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(2)),
        }
    }
}
