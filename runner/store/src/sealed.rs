//! The format in which an image is stored: an authenticated header, then the compressed image.
//!
//! All numbers are little-endian.
//!
//! | offset | length | field                                                       |
//! |-------:|-------:|-------------------------------------------------------------|
//! |      0 |      8 | magic `STASIS\0H`                                           |
//! |      8 |      4 | format version, 1                                           |
//! |     12 |      1 | compression: 1 = zstd                                       |
//! |     13 |      1 | flags: bit 0 = has a base; the others are 0                 |
//! |     14 |      2 | 0                                                           |
//! |     16 |      8 | length of the uncompressed image                            |
//! |     24 |      8 | when it was made, in milliseconds since 1970                |
//! |     32 |     32 | id of the base image, or zeros                              |
//! |     64 |     32 | fingerprint of the build that made it                       |
//! |     96 |     32 | id: SHA-256 of the uncompressed image                       |
//! |    128 |     32 | HMAC-SHA-256 of bytes 0 to 127 with the installation's key  |
//! |    160 |        | one zstd frame with content size and without checksum       |
//!
//! Magic and version stay where they are in every version. The frame needs no authentication of its
//! own: what comes out of it must have the authenticated length and hash, and nothing uses it before.
//! (One image has many encodings: zstd ignores a few bits. Blobs are named by the image, not by these.)

mod body;
mod header;

use std::{fmt, fs::File, io, io::Write};

use stasis_core::{ByteSize, HeapId};

pub use header::{HeapFacts, SealedHeader, UnixMillis};

use crate::{HeapKey, identity::Identity};

/// The version of the format that this build writes and reads.
pub const FORMAT_VERSION: u32 = 1;

/// The largest image that is stored unless said otherwise.
pub const DEFAULT_MAX_IMAGE: ByteSize = ByteSize::mebibytes(20 * 1024);

/// Why an image could not be sealed, or what was stored not be unsealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The bytes are not what was once sealed.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The tag is not one made with this key.
    #[error("not authenticated by this heap key")]
    NotAuthenticated,
    /// Another version of the format.
    #[error("stored in format {found}; this build reads format {FORMAT_VERSION}")]
    OtherFormat {
        /// The version that was found.
        found: u32,
    },
    /// The image is larger than allowed.
    #[error("an image of {size} exceeds the limit of {max}")]
    TooLarge {
        /// Size of the image.
        size: ByteSize,
        /// The limit.
        max: ByteSize,
    },
    /// Somebody wrote to the image while it was sealed.
    #[error("the image changed while it was read")]
    Changed,
    /// The uncompressed image could not be read or written.
    #[error("the image could not be read or written")]
    Io(#[from] io::Error),
}

/// In what way stored bytes are damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// They do not begin as a sealed image does.
    NotAHeap,
    /// They end within the header.
    Truncated,
    /// The header is authentic, but the named field has a value that is never written.
    Field(&'static str),
    /// The compressed part cannot be decompressed.
    Frame,
    /// The image has another length than the header says.
    Length,
    /// The image has another hash than the header says.
    Hash,
    /// Something follows the compressed part.
    Trailing,
    /// It is a good heap, but not the one it is stored as.
    OtherHeap(HeapId),
}

impl std::error::Error for Damage {}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAHeap => f.write_str("not a heap"),
            Self::Truncated => f.write_str("cut short within its header"),
            Self::Field(name) => write!(f, "impossible value of header field `{name}`"),
            Self::Frame => f.write_str("the compressed part is damaged"),
            Self::Length => f.write_str("the image is not as long as its header says"),
            Self::Hash => f.write_str("the image does not have the hash that its header says"),
            Self::Trailing => f.write_str("something follows the compressed part"),
            Self::OtherHeap(id) => write!(f, "it is heap {id}"),
        }
    }
}

/// A file that holds the image its header describes: it was hashed by this process, and the header
/// is authenticated. Only this module makes one.
#[derive(Debug)]
pub(crate) struct VerifiedImage {
    file: File,
    identity: Identity,
    header: SealedHeader,
}

impl VerifiedImage {
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn into_file(self) -> File {
        self.file
    }

    pub(crate) fn header(&self) -> SealedHeader {
        self.header
    }

    /// What the file was when it was hashed.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Takes a file for an image after hashing it; `None` if it is another one.
    pub(crate) fn check(file: File, header: SealedHeader) -> io::Result<Option<Self>> {
        let identity = Identity::of(&file)?;
        let same = identity.size == header.image_len
            && body::hash_file(&file, header.image_len)? == header.id
            && Identity::of(&file)? == identity;
        Ok(same.then_some(Self { file, identity, header }))
    }
}

/// Seals an image: reads it once, hashing and compressing.
pub(crate) fn seal(
    image: File,
    facts: HeapFacts,
    key: &HeapKey,
    max: ByteSize,
) -> Result<(VerifiedImage, Vec<u8>), SealError> {
    let identity = Identity::of(&image)?;
    let image_len = within(identity.size, max)?;
    let (id, mut sealed) = body::pack(&image, image_len, SealedHeader::LEN)?;
    if Identity::of(&image)? != identity {
        return Err(SealError::Changed);
    }
    let header = SealedHeader { id, image_len, facts };
    sealed[..SealedHeader::LEN].copy_from_slice(&header.encode(key));
    Ok((VerifiedImage { file: image, identity, header }, sealed))
}

/// Unseals what has this header into an empty file.
pub(crate) fn unseal_to_file(
    header: SealedHeader,
    sealed: &[u8],
    max: ByteSize,
    mut file: File,
) -> Result<VerifiedImage, SealError> {
    unpack(&header, sealed, max, &mut file)?;
    let identity = Identity::of(&file)?;
    Ok(VerifiedImage { file, identity, header })
}

/// Reads a sealed image and writes the image to `into`, which gets never more than the header's and
/// never more than `max` bytes. Until this has succeeded, what was written is not to be used.
///
/// # Errors
/// If the bytes are damaged, of another format, not authentic or too large, or if `into` fails.
pub fn unseal(
    sealed: &[u8],
    key: &HeapKey,
    max: ByteSize,
    into: &mut impl Write,
) -> Result<SealedHeader, SealError> {
    let header = SealedHeader::parse(sealed, key)?;
    unpack(&header, sealed, max, into)?;
    Ok(header)
}

fn unpack(
    header: &SealedHeader,
    sealed: &[u8],
    max: ByteSize,
    into: &mut impl Write,
) -> Result<(), SealError> {
    let image_len = within(header.image_len, max)?;
    let frame = sealed.get(SealedHeader::LEN..).ok_or(Damage::Truncated)?;
    match body::unpack(frame, image_len, into)? {
        id if id == header.id => Ok(()),
        _ => Err(Damage::Hash.into()),
    }
}

fn within(size: u64, max: ByteSize) -> Result<u64, SealError> {
    if size <= max.get() { Ok(size) } else { Err(SealError::TooLarge { size: ByteSize::bytes(size), max }) }
}

#[cfg(test)]
mod tests;
