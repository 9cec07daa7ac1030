//! What the database does not ask of the disk itself.

use std::{fmt, fs::File, io, path::Path};

/// The disk under the database.
pub(super) trait Disk: fmt::Debug + Send + Sync {
    /// Makes durable what the database has written.
    fn sync(&self) -> io::Result<()>;

    /// How many bytes more could be written.
    fn room(&self) -> io::Result<u64>;
}

/// The disk that has the database's file.
#[derive(Debug)]
pub(super) struct FileDisk {
    file: File,
}

impl FileDisk {
    /// Of the database in a folder, opened before: what fails from now on is reported here, too.
    pub(super) fn of(folder: &Path) -> io::Result<Self> {
        Ok(Self { file: File::open(folder.join("db"))? })
    }
}

impl Disk for FileDisk {
    /// The database only starts the writing and waits for it (`sync_file_range`), which leaves the
    /// data in the drive's cache and the file's new length in memory.
    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn room(&self) -> io::Result<u64> {
        let found = rustix::fs::fstatvfs(&self.file)?;
        // Some file systems do not count.
        let counts = found.f_blocks > 0;
        Ok(if counts { found.f_bavail.saturating_mul(found.f_frsize) } else { u64::MAX })
    }
}
