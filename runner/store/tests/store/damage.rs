//! Nothing but what was saved is ever handed out.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
};

use super::*;

/// Saves `noise(1, 10_000)`, changes what is stored, and opens it without a cache.
async fn check(change: impl FnOnce(&mut Vec<u8>), expect: &str) {
    let dir = tempfile::tempdir().expect("tempdir");
    let id = save(&store_in(dir.path(), "cache"), &noise(1, 10_000)).await.expect("save");
    let path = stored(dir.path(), id);
    let mut bytes = fs::read(&path).expect("read");
    change(&mut bytes);
    overwrite(&path, &bytes);
    let opened = store_in(dir.path(), "empty cache").open(id).await;
    let got = opened.map_or_else(|error| error.to_string(), |_| "opened".to_owned());
    assert_eq!(got, expect.replace("ID", &id.to_string()));
    assert!(names(&dir.path().join("empty cache")).is_empty(), "nothing of it is kept");
    // Who has the image still may use it.
    store_in(dir.path(), "cache").open(id).await.expect("open from the cache");
}

fn stored(dir: &Path, id: HeapId) -> PathBuf {
    dir.join("heaps").join(format!("{id}.heap"))
}

fn overwrite(path: &Path, bytes: &[u8]) {
    fs::set_permissions(path, Permissions::from_mode(0o600)).expect("chmod");
    fs::write(path, bytes).expect("write");
}

#[tokio::test]
async fn damaged_heaps_are_refused() {
    let damaged = |how: &str| format!("heap ID is damaged: {how}");
    let truncated = damaged("cut short within its header");
    let frame = damaged("the compressed part is damaged");
    let forged = "heap ID is not authenticated by this installation's heap key";
    let other_format = "heap ID is stored in format 2; this build reads format 1";
    check(|bytes| bytes[0] ^= 1, &damaged("not a heap")).await;
    check(|bytes| bytes.clear(), &truncated).await;
    check(|bytes| bytes.truncate(159), &truncated).await;
    check(|bytes| bytes.truncate(160), &frame).await;
    check(|bytes| bytes.truncate(5000), &frame).await;
    check(|bytes| bytes[8] = 2, other_format).await;
    check(|bytes| bytes[20] ^= 1, forged).await;
    check(|bytes| bytes[100] ^= 1, forged).await;
    check(|bytes| bytes[159] ^= 1, forged).await;
    let hash = damaged("the image does not have the hash that its header says");
    check(|bytes| bytes[5000] ^= 1, &hash).await;
    check(|bytes| bytes.push(0), &damaged("something follows the compressed part")).await;
}

#[tokio::test]
async fn a_heap_under_another_heaps_name_is_refused() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = store_in(dir.path(), "cache");
    let [a, b] = [save(&store, b"a").await.expect("save"), save(&store, b"b").await.expect("save")];
    overwrite(&stored(dir.path(), b), &fs::read(stored(dir.path(), a)).expect("read"));
    let expect = format!("heap {b} is damaged: it is heap {a}");
    let fresh = store_in(dir.path(), "empty cache");
    assert_eq!(fresh.open(b).await.expect_err("swapped").to_string(), expect);
    assert_eq!(fresh.info(b).await.expect_err("swapped").to_string(), expect);
    let listed = fresh.list().await.expect("one bad heap does not hide the others");
    assert_eq!(listed.iter().filter(|(_, info)| info.is_ok()).count(), 1);
    assert_eq!(listed.len(), 2);
}

#[tokio::test]
async fn heaps_of_another_installation_are_refused() {
    let dir = tempfile::tempdir().expect("tempdir");
    let id = save(&store_in(dir.path(), "cache"), b"image").await.expect("save");
    let blobs = Arc::new(FileBlobStore::open(&dir.path().join("heaps")).expect("open"));
    let other_key = Arc::new(HeapKey::from_bytes([8; 32]));
    // Not even the cache that was filled with the other key is trusted.
    let stranger = HeapStore::new(blobs, cache_in(&dir.path().join("cache"), other_key));
    assert!(matches!(stranger.open(id).await, Err(HeapError::Forged(forged)) if forged == id));
    assert!(matches!(stranger.info(id).await, Err(HeapError::Forged(forged)) if forged == id));
}

#[tokio::test]
async fn a_damaged_cache_is_filled_again() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = store_in(dir.path(), "cache");
    let id = save(&store, b"image").await.expect("save");
    let cached = dir.path().join("cache").join(format!("{id}.image"));
    for damage in [&b"imagE"[..], b"", b"image and more"] {
        overwrite(&cached, damage);
        assert_eq!(content(&store.open(id).await.expect("open")), b"image");
    }
    fs::remove_file(&cached).expect("remove");
    assert_eq!(content(&store.open(id).await.expect("open")), b"image");
}
