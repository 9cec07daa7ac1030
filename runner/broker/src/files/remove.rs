//! Removes files, links, and folders with everything in them. Each step is by descriptor, and no link is ever
//! followed: a link is removed, what it points to stays.

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{AtFlags, FileType},
    io::Errno,
};

use super::{
    error::FileError,
    folder::names_in,
    limits::{FileLimits, LimitError},
    place::{Place, open_subfolder},
};

/// The name that errors have.
const CALL: &str = "rm";

/// Removes a file or a link, or a folder if it is `recursive`.
pub(crate) fn remove(place: &Place, recursive: bool, limits: &FileLimits) -> Result<(), FileError> {
    if place.is_root() {
        return Err(FileError::System { errno: Errno::PERM, call: CALL });
    }
    let kind = kind_of(place.folder(), place.name())?;
    if kind != FileType::Directory {
        return unlink(place.folder(), place.name(), AtFlags::empty());
    }
    if !recursive {
        return Err(FileError::System { errno: Errno::ISDIR, call: CALL });
    }
    let folder = open_subfolder(place.folder(), place.name()).map_err(FileError::in_call(CALL))?;
    Removal { device: device_of(&folder)?, entries: 0, limits }.empty(&folder, 1)?;
    unlink(place.folder(), place.name(), AtFlags::REMOVEDIR)
}

/// A folder that is being removed.
struct Removal<'a> {
    /// Where the folder is: what else is mounted below is left alone.
    device: u64,
    entries: usize,
    limits: &'a FileLimits,
}

impl Removal<'_> {
    /// Removes what is in a folder.
    fn empty(&mut self, folder: &OwnedFd, depth: usize) -> Result<(), FileError> {
        if depth > self.limits.depth {
            return Err(LimitError::Depth(self.limits.depth).into());
        }
        let left = self.limits.entries - self.entries;
        let names = names_in(folder, left, CALL)?.ok_or(LimitError::Entries(self.limits.entries))?;
        self.entries += names.len();
        for name in names {
            match self.remove_entry(folder, &name, depth) {
                // Somebody else was faster.
                Err(error) if error.is_absence() => {}
                other => other?,
            }
        }
        Ok(())
    }

    fn remove_entry(
        &mut self,
        folder: &OwnedFd,
        name: &std::ffi::CStr,
        depth: usize,
    ) -> Result<(), FileError> {
        if kind_of(folder, name)? != FileType::Directory {
            return unlink(folder, name, AtFlags::empty());
        }
        let below = open_subfolder(folder, name).map_err(FileError::in_call(CALL))?;
        if device_of(&below)? != self.device {
            return Err(FileError::System { errno: Errno::BUSY, call: CALL });
        }
        self.empty(&below, depth + 1)?;
        unlink(folder, name, AtFlags::REMOVEDIR)
    }
}

fn kind_of(folder: impl AsFd, name: impl rustix::path::Arg) -> Result<FileType, FileError> {
    let stat =
        rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(FileError::in_call(CALL))?;
    Ok(FileType::from_raw_mode(stat.st_mode))
}

fn device_of(folder: &OwnedFd) -> Result<u64, FileError> {
    Ok(rustix::fs::fstat(folder).map_err(FileError::in_call(CALL))?.st_dev)
}

fn unlink(folder: impl AsFd, name: impl rustix::path::Arg, flags: AtFlags) -> Result<(), FileError> {
    rustix::fs::unlinkat(folder, name, flags).map_err(FileError::in_call(CALL))
}
