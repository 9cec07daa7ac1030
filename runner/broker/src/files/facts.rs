//! What is known of a file.

use rustix::fs::{AtFlags, FileType, StatxFlags, StatxTimestamp};
use stasis_core::host::{FileFacts, FileKind};

use super::{error::FileError, place::Place};

/// What is known of a file or folder. A link that was not there before is an error.
pub(crate) fn facts(place: &Place) -> Result<FileFacts, FileError> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    let stat =
        rustix::fs::statx(place.folder(), place.name(), flags, wanted).map_err(FileError::in_call("stat"))?;
    let kind = match FileType::from_raw_mode(u32::from(stat.stx_mode)) {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Folder,
        FileType::Symlink => return Err(FileError::Changed),
        _ => FileKind::Other,
    };
    let knows_creation = stat.stx_mask & StatxFlags::BTIME.bits() != 0;
    Ok(FileFacts {
        size: stat.stx_size,
        kind,
        mode: u32::from(stat.stx_mode) & 0o777,
        modified: milliseconds(&stat.stx_mtime),
        accessed: milliseconds(&stat.stx_atime),
        created: knows_creation.then(|| milliseconds(&stat.stx_btime)),
    })
}

fn milliseconds(time: &StatxTimestamp) -> i64 {
    time.tv_sec.saturating_mul(1000).saturating_add(i64::from(time.tv_nsec / 1_000_000))
}
