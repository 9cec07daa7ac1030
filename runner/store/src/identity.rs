//! What tells whether a file is still the one that was looked at.

use std::{fs::File, io, os::unix::fs::MetadataExt as _};

/// Where a file is, how long it is, and when content and inode were last changed.
///
/// The change time cannot be set by a program, so content that was changed through the file system
/// shows. Only who still has a file open for writing can escape it for a moment, within the clock's
/// granularity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) size: u64,
    device: u64,
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Identity {
    /// Length of the encoding.
    pub(crate) const LEN: usize = 7 * 8;

    pub(crate) fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            size: metadata.size(),
            device: metadata.dev(),
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    /// Whether both are the same file with the same content. Giving a file a name changes its inode
    /// and so its change time, but neither of these.
    pub(crate) fn is_same_content(&self, other: &Self) -> bool {
        *self == Self { changed: self.changed, ..*other }
    }

    /// All fields, each as eight little-endian bytes.
    pub(crate) fn encode(&self) -> [u8; Self::LEN] {
        let words = [
            self.device.to_le_bytes(),
            self.inode.to_le_bytes(),
            self.size.to_le_bytes(),
            self.modified.0.to_le_bytes(),
            self.modified.1.to_le_bytes(),
            self.changed.0.to_le_bytes(),
            self.changed.1.to_le_bytes(),
        ];
        let mut bytes = [0; Self::LEN];
        bytes.as_chunks_mut().0.copy_from_slice(&words);
        bytes
    }
}
