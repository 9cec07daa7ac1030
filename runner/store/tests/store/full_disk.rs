//! A store that has no room says so, and nothing half-written is left.
//!
//! Files of the child cannot grow beyond a limit; that is how any process can have a full disk.

use std::{fs::File, process::Command};

use bytes::Bytes;
use stasis_core::{BlobStore as _, StoreError};

use super::*;

const DIR: &str = "STASIS_STORE_FULL_DIR";
const LARGE: usize = 1 << 20;

/// Tries what does not fit, if it is the child; else does nothing.
#[tokio::test]
async fn child() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let dir = Path::new(&dir);
    let blobs = FileBlobStore::open(&dir.join("heaps")).expect("open");
    let full = blobs.put(Digest::of(b"large"), noise(1, LARGE).into()).await;
    assert!(matches!(full, Err(StoreError::Full(_))), "{full:?}");
    blobs.put(Digest::of(b"small"), Bytes::from_static(b"small")).await.expect("what fits is taken");
    blobs.delete(Digest::of(b"small")).await.expect("delete");

    let store = store_in(dir, "cache");
    let image = |name| File::open(dir.join(name)).expect("open");
    let full = store.save(image("large"), facts()).await;
    assert!(matches!(full, Err(HeapError::Store(StoreError::Full(_)))), "{full:?}");
    // What compresses well fits the store and not the cache.
    let other = File::open(std::env::var_os("STASIS_STORE_FULL_OTHER").expect("set")).expect("open");
    let id = store.save(other, facts()).await.expect("the store has room");
    let full = store.open(id).await;
    assert!(matches!(full, Err(HeapError::Io(_))), "{full:?}");
    assert_eq!(names(&dir.join("heaps")), [format!("{id}.heap")]);
    assert!(names(&dir.join("cache")).is_empty());
}

#[tokio::test]
async fn what_does_not_fit_leaves_nothing_behind() {
    let dir = tempfile::tempdir().expect("tempdir");
    std::fs::write(dir.path().join("large"), noise(2, LARGE)).expect("write");
    // On another file system, so that it has to be copied into the cache.
    let other = tempfile::NamedTempFile::new_in("/dev/shm").expect("tempfile");
    std::fs::write(other.path(), vec![0; LARGE]).expect("write");
    // Without the trap, growing a file too far ends the process.
    let output = Command::new("sh")
        .args(["-c", r#"trap "" XFSZ; ulimit -f 256; exec "$0" "$@""#])
        .args(child_test("full_disk::child"))
        .env(DIR, dir.path())
        .env("STASIS_STORE_FULL_OTHER", other.path())
        .output()
        .expect("run the child");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    // With room again, the same heap can be opened.
    let id = Digest::of(&vec![0; LARGE]);
    store_in(dir.path(), "cache").open(id).await.expect("open");
}
