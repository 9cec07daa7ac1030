//! Small images that were used last, in memory.

use std::{
    fs::File,
    io,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lru::LruCache;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use stasis_core::{ByteSize, HeapId};

use crate::{image_cache::MappableImage, sealed::VerifiedImage};

/// Images up to this size are small: to read, decompress and hash one again takes a millisecond or two.
const SMALL: ByteSize = ByteSize::mebibytes(1);
/// How many are kept; each takes a descriptor and at most [`SMALL`].
const MAX_IMAGES: NonZeroUsize = NonZeroUsize::new(64).expect("more than none");

/// Keeps small images in memory files, so that a heap that is resumed once and then replaced by the next one, as in
/// a session, costs no files but its blob. A memory file cannot be changed once it is sealed, and so needs no record
/// of what it was when it was hashed.
#[derive(Debug)]
pub(crate) struct RecentImages(Mutex<LruCache<HeapId, MappableImage>>);

impl Default for RecentImages {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(MAX_IMAGES)))
    }
}

impl RecentImages {
    /// Whether an image of this length is kept here.
    pub(crate) fn is_small(len: u64) -> bool {
        len <= SMALL.get()
    }

    /// Whether an image can be kept here: it is small, and nobody can change it any more.
    pub(crate) fn can_keep(image: &VerifiedImage) -> bool {
        Self::is_small(image.header().image_len) && is_unchangeable(image.file())
    }

    /// Keeps an image, of which [`RecentImages::can_keep`] says that this is possible, unless it is there already.
    pub(crate) fn keep(&self, image: VerifiedImage) -> MappableImage {
        let header = image.header();
        let kept = || MappableImage::new(Arc::new(image.into_file()), header);
        self.lock().get_or_insert(header.id, kept).clone()
    }

    pub(crate) fn get(&self, id: HeapId) -> Option<MappableImage> {
        self.lock().get(&id).cloned()
    }

    pub(crate) fn remove(&self, id: HeapId) {
        self.lock().pop(&id);
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<HeapId, MappableImage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A new, empty memory file.
///
/// # Errors
/// If the system has no memory or no descriptors left.
pub(crate) fn memory_file() -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    Ok(memfd_create("stasis-image", flags)?.into())
}

/// Who wrote it has ended, or cannot have mapped it to be written to, so that only new writers are to be kept out; to
/// rule out old ones, the kernel would look at each page on each processor.
const SEALS: SealFlags = SealFlags::FUTURE_WRITE.union(SealFlags::GROW).union(SealFlags::SHRINK);

/// Whether it is a memory file that nobody has kept from being sealed.
pub(crate) fn can_seal(file: &File) -> bool {
    rustix::fs::fcntl_get_seals(file).is_ok_and(|seals| !seals.contains(SealFlags::SEAL))
}

/// Sees to it that a memory file is not changed any more, and says whether it is not. What is no memory file can be.
pub(crate) fn forbid_changes(file: &File) -> bool {
    // It is looked at before it is relied on.
    let _sealed = fcntl_add_seals(file, SEALS);
    is_unchangeable(file)
}

fn is_unchangeable(file: &File) -> bool {
    rustix::fs::fcntl_get_seals(file).is_ok_and(|seals| seals.contains(SEALS))
}
