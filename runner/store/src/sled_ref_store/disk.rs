//! What the database does not ask of the disk itself.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
};

/// The disk under the database.
pub(super) trait Disk: fmt::Debug + Send + Sync {
    /// Makes durable what the database has written.
    fn sync(&self) -> io::Result<()>;

    /// Notes that a group of batches is durable, and need not do so durably.
    fn note_durable(&self, group: u64) -> io::Result<()>;

    /// How many bytes more could be written.
    fn room(&self) -> io::Result<u64>;
}

/// The disk that has the database's file.
///
/// To the database, damage in its file's recent part looks like the end of what was written before a
/// crash: it forgets what follows, and says nothing. So the number of the last durable group is kept in
/// a file of its own. That file is not synced: after a loss of power it may be behind, never ahead.
#[derive(Debug)]
pub(super) struct FileDisk {
    file: File,
    durable: File,
}

impl FileDisk {
    /// Of the database in a folder, opened before: what fails from now on is reported here, too.
    pub(super) fn of(folder: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        Ok(Self { file: File::open(folder.join("db"))?, durable: options.open(folder.join("durable"))? })
    }

    /// The last group that was noted; 0, if there is none.
    pub(super) fn last_durable(&self) -> io::Result<u64> {
        let mut number = [0; size_of::<u64>()];
        let read = self.durable.read_at(&mut number, 0)?;
        Ok(if read == number.len() { u64::from_be_bytes(number) } else { 0 })
    }
}

impl Disk for FileDisk {
    /// The database only starts the writing and waits for it (`sync_file_range`), which leaves the
    /// data in the drive's cache and the file's new length in memory.
    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn note_durable(&self, group: u64) -> io::Result<()> {
        self.durable.write_all_at(&group.to_be_bytes(), 0)
    }

    fn room(&self) -> io::Result<u64> {
        let found = rustix::fs::fstatvfs(&self.file)?;
        // Some file systems do not count.
        let counts = found.f_blocks > 0;
        Ok(if counts { found.f_bavail.saturating_mul(found.f_frsize) } else { u64::MAX })
    }
}
