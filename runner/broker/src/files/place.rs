//! A name in a folder that is held open: what was decided upon, so that nothing can be swapped in between.
//!
//! From the root on, each folder is opened by its name in the one before, and no link is followed. If somebody
//! has put a link where the policy was told there is none, opening fails.

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{AtFlags, FileType, Mode, OFlags, Stat},
    io::Errno,
    path::Arg,
};

use super::{
    error::FileError,
    forbidden::refuse_special_file_system,
    resolve::{Resolved, open_root},
};

/// How folders are opened that are only passed through.
const PASSING: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// What every opened file has in common: no link is followed, nobody waits for a pipe's other end, and a
/// terminal does not become ours.
const CAREFULLY: OFlags =
    OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);
/// Permissions of new files, less the umask.
const FILE_MODE: Mode = Mode::from_raw_mode(0o666);
/// Permissions of new folders, less the umask.
const FOLDER_MODE: Mode = Mode::from_raw_mode(0o777);

/// See the module.
#[derive(Debug)]
pub(crate) struct Place {
    folder: OwnedFd,
    name: String,
    names_folder: bool,
}

impl Place {
    /// Opens the folder that something is in, or is to be in.
    pub(crate) fn open(resolved: &Resolved, call: &'static str) -> Result<Self, FileError> {
        Self::walk(resolved, call, enter)
    }

    /// The same, where folders on the way are made if they are not there.
    pub(crate) fn open_making_folders(resolved: &Resolved, call: &'static str) -> Result<Self, FileError> {
        Self::walk(resolved, call, |folder, name| match enter(folder, name) {
            Err(Errno::NOENT) => {
                match rustix::fs::mkdirat(folder, name, FOLDER_MODE) {
                    // Somebody else made it in the meantime.
                    Ok(()) | Err(Errno::EXIST) => enter(folder, name),
                    Err(errno) => Err(errno),
                }
            }
            other => other,
        })
    }

    fn walk(
        resolved: &Resolved,
        call: &'static str,
        enter: impl Fn(&OwnedFd, &str) -> Result<OwnedFd, Errno>,
    ) -> Result<Self, FileError> {
        let mut folder = open_root()?;
        // The root has no name; it is where we are.
        let Some((name, folders)) = resolved.names().split_last() else {
            return Ok(Self { folder, name: ".".to_owned(), names_folder: true });
        };
        for name in folders {
            refuse_special_file_system(&folder)?;
            folder = enter(&folder, name).map_err(FileError::in_call(call))?;
        }
        refuse_special_file_system(&folder)?;
        Ok(Self { folder, name: name.clone(), names_folder: resolved.names_folder })
    }

    /// Whether this is the root folder.
    pub(crate) fn is_root(&self) -> bool {
        self.name == "."
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &OwnedFd {
        &self.folder
    }

    /// The name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What is there. A link that was not there before is an error.
    pub(crate) fn stat(&self, call: &'static str) -> Result<Stat, FileError> {
        let stat = rustix::fs::statat(&self.folder, self.name.as_str(), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(FileError::in_call(call))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => Err(FileError::Changed),
            _ => Ok(stat),
        }
    }

    /// Opens a regular file for reading.
    pub(crate) fn open_to_read(&self, call: &'static str) -> Result<OwnedFd, FileError> {
        refuse_other_than_file(&self.stat(call)?, call)?;
        self.open_file(OFlags::RDONLY, Mode::empty(), call)
    }

    /// Opens a regular file for writing, as it is; makes it if it is not there.
    pub(crate) fn open_to_write(&self, extra: OFlags, call: &'static str) -> Result<OwnedFd, FileError> {
        self.open_to_write_with_mode(extra, FILE_MODE, call)
    }

    /// The same, with other permissions for a new file.
    pub(crate) fn open_to_write_with_mode(
        &self,
        extra: OFlags,
        mode: Mode,
        call: &'static str,
    ) -> Result<OwnedFd, FileError> {
        // Opening alone can set off a device, so this comes before, and again after in case of a change.
        match self.stat(call) {
            Ok(stat) => refuse_other_than_file(&stat, call)?,
            Err(error) if error.is_absence() && self.names_folder => {
                return Err(FileError::System { errno: Errno::ISDIR, call });
            }
            Err(error) if error.is_absence() => {}
            Err(error) => return Err(error),
        }
        self.open_file(OFlags::WRONLY | OFlags::CREATE | extra, mode, call)
    }

    fn open_file(&self, flags: OFlags, mode: Mode, call: &'static str) -> Result<OwnedFd, FileError> {
        let file = rustix::fs::openat(&self.folder, self.name.as_str(), flags | CAREFULLY, mode)
            .map_err(|errno| changed_if_link(errno, call))?;
        let stat = rustix::fs::fstat(&file).map_err(FileError::in_call(call))?;
        refuse_other_than_file(&stat, call)?;
        refuse_special_file_system(&file)?;
        Ok(file)
    }

    /// Opens a folder to see what is in it.
    pub(crate) fn open_folder(&self, call: &'static str) -> Result<OwnedFd, FileError> {
        let folder = open_subfolder(&self.folder, self.name.as_str()).map_err(FileError::in_call(call))?;
        refuse_special_file_system(&folder)?;
        Ok(folder)
    }

    /// Makes a folder.
    pub(crate) fn make_folder(&self, call: &'static str) -> Result<(), FileError> {
        rustix::fs::mkdirat(&self.folder, self.name.as_str(), FOLDER_MODE).map_err(FileError::in_call(call))
    }
}

/// Opens a folder in a folder to see what is in it, not through a link.
pub(crate) fn open_subfolder(folder: impl AsFd, name: impl Arg) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | CAREFULLY;
    rustix::fs::openat(folder, name, flags, Mode::empty())
}

fn enter(folder: &OwnedFd, name: &str) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(folder, name, PASSING, Mode::empty())
}

fn changed_if_link(errno: Errno, call: &'static str) -> FileError {
    match errno {
        // There is only one link that we can meet: one in the place of what was decided upon.
        Errno::LOOP => FileError::Changed,
        // A pipe without a reader, a socket.
        Errno::NXIO => FileError::NoRegularFile { call },
        errno => FileError::in_call(call)(errno),
    }
}

fn refuse_other_than_file(stat: &Stat, call: &'static str) -> Result<(), FileError> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(()),
        FileType::Directory => Err(FileError::System { errno: Errno::ISDIR, call }),
        FileType::Symlink => Err(FileError::Changed),
        _ => Err(FileError::NoRegularFile { call }),
    }
}
