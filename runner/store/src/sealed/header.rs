//! The header: what is known of an image without reading it.

use std::time::{SystemTime, UNIX_EPOCH};

use stasis_core::{Digest, Fingerprint, HeapId};

use super::{Damage, FORMAT_VERSION, SealError};
use crate::{HeapKey, heap_key::Tag};

const MAGIC: [u8; 8] = *b"STASIS\0H";
const ZSTD: u8 = 1;
const HAS_BASE: u8 = 1;

/// A moment, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(u64);

impl UnixMillis {
    /// So many milliseconds after 1970 began.
    pub const fn new(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// The current time. A clock set before 1970 counts as 1970.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// The number of milliseconds.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// What whoever made an image says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeapFacts {
    /// The image on top of which this one is to be mapped.
    pub base: Option<HeapId>,
    /// The build that made it, and the only one that can use it.
    pub fingerprint: Fingerprint,
    /// When it was made.
    pub created: UnixMillis,
}

/// The authenticated header of a sealed image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedHeader {
    /// SHA-256 of the image.
    pub id: HeapId,
    /// Length of the uncompressed image, in bytes.
    pub image_len: u64,
    /// What its maker says of it.
    pub facts: HeapFacts,
}

impl SealedHeader {
    /// Length of the encoding, tag included.
    pub const LEN: usize = 160;
    /// Where the tag is, which is also how much it authenticates.
    const TAG: usize = 128;

    /// Encodes the header and authenticates it.
    pub fn encode(&self, key: &HeapKey) -> [u8; Self::LEN] {
        let facts = &self.facts;
        let base = facts.base.unwrap_or(Digest::from_bytes([0; 32]));
        let mut bytes = [0; Self::LEN];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[12] = ZSTD;
        bytes[13] = if facts.base.is_some() { HAS_BASE } else { 0 };
        bytes[16..24].copy_from_slice(&self.image_len.to_le_bytes());
        bytes[24..32].copy_from_slice(&facts.created.get().to_le_bytes());
        bytes[32..64].copy_from_slice(base.as_bytes());
        bytes[64..96].copy_from_slice(facts.fingerprint.as_bytes());
        bytes[96..128].copy_from_slice(self.id.as_bytes());
        let tag = key.sign(&bytes[..Self::TAG]);
        bytes[Self::TAG..].copy_from_slice(&tag);
        bytes
    }

    /// Reads and authenticates the header that `bytes` begin with. What follows is not looked at.
    ///
    /// # Errors
    /// If the bytes are not a sealed image, are of another format, or end too early; if the header
    /// was not made with `key`; if it is authentic and yet impossible.
    pub fn parse(bytes: &[u8], key: &HeapKey) -> Result<Self, SealError> {
        check_format(bytes)?;
        let (signed, tag): (&[u8; Self::TAG], &Tag) = bytes
            .split_first_chunk()
            .and_then(|(signed, rest)| Some((signed, rest.first_chunk()?)))
            .ok_or(Damage::Truncated)?;
        if !key.verify(signed, tag) {
            return Err(SealError::NotAuthenticated);
        }
        Ok(Self::decode(signed)?)
    }

    /// Like [`SealedHeader::parse`], for what is stored under `id`.
    pub(crate) fn parse_as(bytes: &[u8], id: HeapId, key: &HeapKey) -> Result<Self, SealError> {
        match Self::parse(bytes, key)? {
            header if header.id == id => Ok(header),
            other => Err(Damage::OtherHeap(other.id).into()),
        }
    }

    /// Decodes what was authenticated. Every value has one encoding.
    fn decode(bytes: &[u8; Self::TAG]) -> Result<Self, Damage> {
        let (words, _) = bytes.as_chunks::<8>();
        let (digests, _) = bytes.as_chunks::<32>();
        let [_, base, fingerprint, id] = *digests else { return Err(Damage::Truncated) };
        if bytes[12] != ZSTD {
            return Err(Damage::Field("compression"));
        }
        let base = match bytes[13] {
            0 if base == [0; 32] => None,
            0 => return Err(Damage::Field("base")),
            HAS_BASE => Some(Digest::from_bytes(base)),
            _ => return Err(Damage::Field("flags")),
        };
        if bytes[14..16] != [0; 2] {
            return Err(Damage::Field("reserved"));
        }
        let facts = HeapFacts {
            base,
            fingerprint: Digest::from_bytes(fingerprint),
            created: UnixMillis::new(u64::from_le_bytes(words[3])),
        };
        Ok(Self { id: Digest::from_bytes(id), image_len: u64::from_le_bytes(words[2]), facts })
    }
}

/// Looks at what is the same in every version of the format.
fn check_format(bytes: &[u8]) -> Result<(), SealError> {
    let Some((magic, rest)) = bytes.split_first_chunk() else {
        return Err(if MAGIC.starts_with(bytes) { Damage::Truncated } else { Damage::NotAHeap }.into());
    };
    if *magic != MAGIC {
        return Err(Damage::NotAHeap.into());
    }
    match rest.first_chunk().map(|version| u32::from_le_bytes(*version)) {
        None => Err(Damage::Truncated.into()),
        Some(FORMAT_VERSION) => Ok(()),
        Some(found) => Err(SealError::OtherFormat { found }),
    }
}
