//! Opening the database.

use std::{
    error::Error,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::{
    disk::FileDisk,
    entries::{Entries, EntriesError, SEGMENT, unpanicked},
    folder_lock::FolderLock,
};
use crate::directory::{Directory, DirectoryError};

const CACHE: u64 = 64 << 20;
const TREE: &str = "entries";

/// Why a database of references could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Another process uses it.
    #[error("the session store in {} is in use by {}", folder.display(), holder(*pid))]
    Locked {
        /// The folder.
        folder: PathBuf,
        /// The other process, if it has said so.
        pid: Option<u32>,
    },
    /// What is stored cannot be understood.
    #[error("the session store in {} is damaged", folder.display())]
    Damaged {
        /// The folder.
        folder: PathBuf,
        /// What was found.
        source: Box<dyn Error + Send + Sync>,
    },
    /// It was made with other settings, or by another version.
    #[error("the session store in {} has another format", folder.display())]
    OtherFormat {
        /// The folder.
        folder: PathBuf,
        /// What was found.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A file could not be read or written.
    #[error("the session store in {} cannot be opened", folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

impl OpenError {
    pub(super) fn io(folder: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { folder: folder.to_owned(), source }
    }

    fn database(folder: &Path, error: EntriesError) -> Self {
        let folder = folder.to_owned();
        match error {
            EntriesError::Database(sled::Error::Io(source)) => Self::Io { folder, source },
            EntriesError::Database(sled::Error::Unsupported(_)) => {
                Self::OtherFormat { folder, source: Box::new(error) }
            }
            error => Self::Damaged { folder, source: Box::new(error) },
        }
    }
}

/// Commits were acknowledged that are not there.
#[derive(Debug, thiserror::Error)]
#[error("group {durable} was durable, and only group {found} is there")]
struct Forgotten {
    durable: u64,
    found: u64,
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

/// An open database. The lock goes last.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) entries: Entries,
    /// The number of the last group of batches.
    pub(super) group: u64,
    pub(super) disk: FileDisk,
    pub(super) lock: FolderLock,
}

/// Opens the database of a folder, or makes one.
pub(super) fn open(folder: &Path) -> Result<Opened, OpenError> {
    let directory = Directory::open_or_create(folder)?;
    let lock = FolderLock::take(folder)?;
    remove_stillborn(folder).and_then(|()| remove_unfinished(folder)).map_err(OpenError::io(folder))?;
    let opened = unpanicked(|| {
        let database = sled::Config::new()
            .path(folder)
            .cache_capacity(CACHE)
            .segment_size(SEGMENT)
            .flush_every_ms(None)
            .open()?;
        let tree = database.open_tree(TREE)?;
        tree.flush()?;
        let entries = Entries::new(tree);
        let group = entries.last_group()?;
        Ok((entries, group))
    });
    let (entries, group) = opened.map_err(|error| OpenError::database(folder, error))?;
    // Opening makes files, and syncs only some of them.
    let sync = || {
        for name in ["conf", "db"] {
            File::open(folder.join(name))?.sync_all()?;
        }
        let disk = FileDisk::of(folder)?;
        directory.sync()?;
        let durable = disk.last_durable()?;
        Ok((disk, durable))
    };
    let (disk, durable) = sync().map_err(OpenError::io(folder))?;
    if group < durable {
        let source = Box::new(Forgotten { durable, found: group });
        return Err(OpenError::Damaged { folder: folder.to_owned(), source });
    }
    Ok(Opened { entries, group, disk, lock })
}

/// The database reads every file that begins like a snapshot, also one that it was writing when it was
/// killed. These were not used yet by anything else.
fn remove_unfinished(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The database writes its settings before anything else, and neither at once nor synced: without a
/// database they may be torn, and are of no use.
fn remove_stillborn(folder: &Path) -> io::Result<()> {
    if folder.join("db").try_exists()? {
        return Ok(());
    }
    match fs::remove_file(folder.join("conf")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
