//! What is in a folder.

use std::ffi::CString;

use rustix::{fd::OwnedFd, fs::Dir};
use stasis_core::host::MAX_CONTENT_BYTES;

use super::{
    error::FileError,
    limits::{FileLimits, LimitError},
    place::Place,
};

/// The name that errors have.
const CALL: &str = "scandir";

/// The names in a folder, sorted. What is not UTF-8 in them is replaced, so that such a name is seen but cannot
/// be used.
pub(crate) fn read_folder(place: &Place, limits: &FileLimits) -> Result<Vec<String>, FileError> {
    let folder = place.open_folder(CALL)?;
    let names = names_in(&folder, limits.entries, CALL)?.ok_or(LimitError::Entries(limits.entries))?;
    if names.iter().map(|name| name.count_bytes()).sum::<usize>() > MAX_CONTENT_BYTES {
        return Err(LimitError::Entries(limits.entries).into());
    }
    let mut names: Vec<String> = names.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    Ok(names)
}

/// The names in a folder, or none if there are more than `most`.
pub(crate) fn names_in(
    folder: &OwnedFd,
    most: usize,
    call: &'static str,
) -> Result<Option<Vec<CString>>, FileError> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder).map_err(FileError::in_call(call))? {
        let entry = entry.map_err(FileError::in_call(call))?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        if names.len() == most {
            return Ok(None);
        }
        names.push(name.to_owned());
    }
    Ok(Some(names))
}
