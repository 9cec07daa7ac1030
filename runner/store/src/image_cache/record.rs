//! The record that spares hashing a cached image again.
//!
//! | offset | length | field                                            |
//! |-------:|-------:|--------------------------------------------------|
//! |      0 |      8 | magic `STASIS\0R`                                |
//! |      8 |     32 | the boot in which the image was hashed           |
//! |     40 |     56 | the image file's identity                        |
//! |     96 |    160 | the image's sealed header, with its own tag      |
//! |    256 |     32 | HMAC-SHA-256 of what precedes, with the heap key |
//!
//! A record of another layout is as good as none: the image is fetched again.

use std::{fs, io};

use stasis_core::Digest;

use crate::{HeapKey, draft, heap_key::Tag, identity::Identity, sealed::SealedHeader};

const MAGIC: [u8; 8] = *b"STASIS\0R";
const HEADER: usize = 96;
const TAG: usize = HEADER + SealedHeader::LEN;

/// See the module.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) boot: Digest,
    pub(super) identity: [u8; Identity::LEN],
    pub(super) header: SealedHeader,
}

impl Record {
    /// Length of the encoding.
    pub(super) const LEN: usize = TAG + size_of::<Tag>();

    pub(super) fn encode(&self, key: &HeapKey) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..40].copy_from_slice(self.boot.as_bytes());
        bytes[40..HEADER].copy_from_slice(&self.identity);
        bytes[HEADER..TAG].copy_from_slice(&self.header.encode(key));
        let tag = key.sign(&bytes[..TAG]);
        bytes[TAG..].copy_from_slice(&tag);
        bytes
    }

    /// Reads a record; `None` if it is not an authentic one.
    pub(super) fn parse(bytes: &[u8], key: &HeapKey) -> Option<Self> {
        let bytes: &[u8; Self::LEN] = bytes.try_into().ok()?;
        let (signed, tag) = bytes.split_first_chunk::<TAG>()?;
        let (magic, fields) = signed.split_first_chunk()?;
        let (boot, fields) = fields.split_first_chunk()?;
        let (identity, header) = fields.split_first_chunk()?;
        if *magic != MAGIC || !key.verify(signed, tag.first_chunk()?) {
            return None;
        }
        let header = SealedHeader::parse(header, key).ok()?;
        Some(Self { boot: Digest::from_bytes(*boot), identity: *identity, header })
    }
    /// Whether a file is exactly the one that was hashed.
    pub(super) fn vouches_for(&self, boot: &Digest, identity: &Identity) -> bool {
        self.boot == *boot && self.identity == identity.encode()
    }
}

/// Names this boot of the machine. A power failure can leave a file with the right times and sizes and
/// without its content; it comes with a new boot.
pub(super) fn this_boot() -> io::Result<Digest> {
    match fs::read("/proc/sys/kernel/random/boot_id") {
        Ok(text) => Ok(Digest::of(&text)),
        Err(error) => {
            tracing::warn!(%error, "the boot has no name: cached images are hashed again at each start");
            let mut random = [0; 32];
            draft::fill_random(&mut random)?;
            Ok(Digest::from_bytes(random))
        }
    }
}
