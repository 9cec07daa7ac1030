//! What can go wrong with a heap.

use std::io;

use stasis_core::{ByteSize, HeapId, StoreError};

use crate::sealed::{Damage, FORMAT_VERSION, SealError};

/// Why a heap could not be saved or opened. Nothing was changed, and nothing unverified was handed
/// out.
#[derive(Debug, thiserror::Error)]
pub enum HeapError {
    /// The store does not have it.
    #[error("there is no heap {0}")]
    Absent(HeapId),
    /// The store does not have the image on top of which it is mapped.
    #[error("heap {id} cannot be resumed: its base image {base} is missing")]
    BaseAbsent {
        /// The heap.
        id: HeapId,
        /// What is missing.
        base: HeapId,
    },
    /// Stored heaps are mapped on top of it; nothing was removed.
    #[error("heap {id} cannot be removed: it is the base image of {}", counted(*heaps))]
    Needed {
        /// The base image.
        id: HeapId,
        /// How many stored heaps need it.
        heaps: usize,
    },
    /// What is stored is not what was saved.
    #[error("heap {id} is damaged: {what}")]
    Corrupt {
        /// The heap.
        id: HeapId,
        /// In what way.
        what: Damage,
    },
    /// It was not sealed with this installation's key: it is from elsewhere, or forged.
    #[error("heap {0} is not authenticated by this installation's heap key")]
    Forged(HeapId),
    /// It was stored by a version with another format.
    #[error("heap {id} is stored in format {found}; this build reads format {FORMAT_VERSION}")]
    OtherFormat {
        /// The heap.
        id: HeapId,
        /// The format that was found.
        found: u32,
    },
    /// Its image is larger than allowed.
    #[error("a heap image of {size} exceeds the limit of {max}")]
    TooLarge {
        /// Size of the image.
        size: ByteSize,
        /// The limit.
        max: ByteSize,
    },
    /// The image was written to while it was being saved.
    #[error("the heap image changed while it was being saved")]
    Changed,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An image could not be read, or not be written to the local cache.
    #[error("the local image cache failed")]
    Io(#[from] io::Error),
}

/// So many heaps, in words.
fn counted(heaps: usize) -> String {
    match heaps {
        1 => "1 stored heap".to_owned(),
        _ => format!("{heaps} stored heaps"),
    }
}

impl HeapError {
    /// What `error` means for what is stored under `id`.
    pub(crate) fn of_stored(id: HeapId, error: SealError) -> Self {
        match error {
            SealError::Damaged(what) => Self::Corrupt { id, what },
            SealError::NotAuthenticated => Self::Forged(id),
            SealError::OtherFormat { found } => Self::OtherFormat { id, found },
            SealError::TooLarge { size, max } => Self::TooLarge { size, max },
            SealError::Changed => Self::Changed,
            SealError::Io(error) => Self::Io(error),
        }
    }

    /// What `error` means for an image that was to be sealed.
    pub(crate) fn of_sealing(error: SealError) -> Self {
        match error {
            SealError::TooLarge { size, max } => Self::TooLarge { size, max },
            SealError::Changed => Self::Changed,
            SealError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => Self::Changed,
            SealError::Io(error) => Self::Io(error),
            // Sealing reads no sealed bytes, so these do not occur; they are passed on all the same.
            SealError::Damaged(_) | SealError::NotAuthenticated | SealError::OtherFormat { .. } => {
                Self::Io(io::Error::other(error))
            }
        }
    }
}
