//! The stores as a whole: over real directories, damaged files, failing stores, killed processes.

mod concurrency;
mod crash;
mod damage;
mod full_disk;
mod heaps;
mod ref_store;
mod ref_store_crash;

use std::{io::Write as _, path::Path, sync::Arc};

use stasis_core::{ByteSize, Digest, HeapId};
use stasis_store::{
    FileBlobStore, HeapError, HeapFacts, HeapKey, HeapStore, ImageCache, MappableImage, UnixMillis,
};

const BUDGET: ByteSize = ByteSize::mebibytes(256);

fn key() -> Arc<HeapKey> {
    Arc::new(HeapKey::from_bytes([7; 32]))
}

fn facts() -> HeapFacts {
    let fingerprint = Digest::of(b"build");
    HeapFacts { base: Some(Digest::of(b"base")), fingerprint, created: UnixMillis::new(42) }
}

fn cache_in(dir: &Path, key: Arc<HeapKey>) -> ImageCache {
    ImageCache::open(dir, BUDGET, key).expect("open the cache")
}

/// A store over `<dir>/heaps` and `<dir>/<cache>`.
fn store_in(dir: &Path, cache: &str) -> HeapStore {
    let blobs = FileBlobStore::open(&dir.join("heaps")).expect("open the blobs");
    HeapStore::new(Arc::new(blobs), cache_in(&dir.join(cache), key()))
}

async fn save(store: &HeapStore, image: &[u8]) -> Result<HeapId, HeapError> {
    save_with(store, image, facts()).await
}

async fn save_with(store: &HeapStore, image: &[u8], facts: HeapFacts) -> Result<HeapId, HeapError> {
    let mut file = store.create_image_file(0)?;
    file.write_all(image)?;
    store.save(file, facts).await
}

fn content(image: &MappableImage) -> Vec<u8> {
    use std::os::unix::fs::FileExt as _;
    let mut bytes = vec![0; image.len() as usize];
    image.file().read_exact_at(&mut bytes, 0).expect("read");
    assert_eq!(image.file().metadata().expect("metadata").len(), image.len());
    bytes
}

/// Bytes that look random and are the same each time.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    std::iter::repeat_with(|| next().to_le_bytes()).flatten().take(len).collect()
}

/// The names in a directory, in order.
fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("list");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("entry").file_name().into_string().expect("utf-8")).collect();
    names.sort();
    names
}

/// Runs one test of this binary in a process of its own, told so by a variable.
fn child_test(name: &str) -> Vec<String> {
    let binary = std::env::current_exe().expect("own path").into_os_string().into_string().expect("utf-8");
    [&binary, "--exact", name, "--nocapture", "--test-threads=1"].map(str::to_owned).into()
}
