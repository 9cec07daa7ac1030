//! Reads, writes and copies the content of files.

use std::{
    fs::File,
    io::{Read as _, Write as _},
};

use bytes::Bytes;
use rustix::fs::{Mode, OFlags};

use super::{
    error::FileError,
    limits::{FileLimits, LimitError, Usage},
    place::Place,
};

/// Reads all of a file.
pub(crate) fn read(place: &Place, usage: &Usage, limits: &FileLimits) -> Result<Bytes, FileError> {
    let file = File::from(place.open_to_read("open")?);
    let size = file.metadata().map_err(FileError::of_io("read"))?.len();
    usage.count_bytes(size, limits)?;
    let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    // It may grow while it is read.
    file.take(limits.file_bytes + 1).read_to_end(&mut content).map_err(FileError::of_io("read"))?;
    let length = content.len() as u64;
    if length > limits.file_bytes {
        return Err(LimitError::FileBytes(limits.file_bytes).into());
    }
    usage.count_bytes(length.saturating_sub(size), limits)?;
    Ok(content.into())
}

/// Replaces the content of a file. It is opened first and emptied then: what turns out to be no file stays as
/// it is.
pub(crate) fn write(place: &Place, content: &[u8]) -> Result<(), FileError> {
    let mut file = File::from(place.open_to_write(OFlags::empty(), "open")?);
    file.set_len(0).map_err(FileError::of_io("ftruncate"))?;
    file.write_all(content).map_err(FileError::of_io("write"))
}

/// Adds to the end of a file.
pub(crate) fn append(place: &Place, content: &[u8]) -> Result<(), FileError> {
    let mut file = File::from(place.open_to_write(OFlags::APPEND, "open")?);
    file.write_all(content).map_err(FileError::of_io("write"))
}

/// Copies a file with its permissions. Nothing is lost if both are the same file.
pub(crate) fn copy(from: &Place, to: &Place, usage: &Usage, limits: &FileLimits) -> Result<(), FileError> {
    const CALL: &str = "copyfile";
    let source = from.open_to_read(CALL)?;
    let stat = rustix::fs::fstat(&source).map_err(FileError::in_call(CALL))?;
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    usage.count_bytes(size, limits)?;

    let mode = Mode::from_raw_mode(stat.st_mode) & Mode::from_raw_mode(0o777);
    let target = to.open_to_write_with_mode(OFlags::empty(), mode, CALL)?;
    let other = rustix::fs::fstat(&target).map_err(FileError::in_call(CALL))?;
    if (stat.st_dev, stat.st_ino) == (other.st_dev, other.st_ino) {
        return Err(FileError::SameFile);
    }
    let mut target = File::from(target);
    target.set_len(0).map_err(FileError::of_io(CALL))?;
    // What is added while it is copied was not accounted for.
    std::io::copy(&mut File::from(source).take(size), &mut target).map_err(FileError::of_io(CALL))?;
    Ok(())
}
