//! Many at once, and stores that fail.

use std::{
    io,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::join_all;
use stasis_core::{BlobInfo, BlobStore, StoreError};

use super::*;

/// Counts what is asked of it and fails when told to.
#[derive(Debug)]
struct Watched {
    inner: FileBlobStore,
    gets: AtomicUsize,
    fails: AtomicBool,
}

impl Watched {
    fn new(dir: &Path) -> Arc<Self> {
        let inner = FileBlobStore::open(&dir.join("heaps")).expect("open");
        Arc::new(Self { inner, gets: AtomicUsize::new(0), fails: AtomicBool::new(false) })
    }

    fn check(&self) -> Result<(), StoreError> {
        match self.fails.load(Ordering::SeqCst) {
            true => Err(io::Error::from(io::ErrorKind::StorageFull).into()),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl BlobStore for Watched {
    async fn put(&self, id: HeapId, blob: Bytes) -> Result<(), StoreError> {
        self.check()?;
        self.inner.put(id, blob).await
    }

    async fn get(&self, id: HeapId) -> Result<Option<Bytes>, StoreError> {
        self.gets.fetch_add(1, Ordering::SeqCst);
        self.check()?;
        self.inner.get(id).await
    }

    async fn info(&self, id: HeapId, prefix: usize) -> Result<Option<BlobInfo>, StoreError> {
        self.inner.info(id, prefix).await
    }

    async fn delete(&self, id: HeapId) -> Result<bool, StoreError> {
        self.check()?;
        self.inner.delete(id).await
    }

    async fn list(&self) -> Result<Vec<HeapId>, StoreError> {
        self.inner.list().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_save_the_same_and_different_images() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = store_in(dir.path(), "cache");
    let images: Vec<_> = (0..8).map(|seed| noise(seed, 50_000)).collect();
    let saved = join_all((0..64).map(|n| save(&store, &images[n % 8]))).await;
    for (n, id) in saved.into_iter().enumerate() {
        let opened = store.open(id.expect("save")).await.expect("open");
        assert_eq!(content(&opened), images[n % 8]);
    }
    assert_eq!(names(&dir.path().join("heaps")).len(), 8);
    assert_eq!(names(&dir.path().join("cache")).len(), 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_open_the_same_heap_and_it_is_fetched_once() {
    let dir = tempfile::tempdir().expect("tempdir");
    let image = noise(1, 500_000);
    let id = save(&store_in(dir.path(), "cache"), &image).await.expect("save");
    let blobs = Watched::new(dir.path());
    let store = HeapStore::new(Arc::clone(&blobs) as _, cache_in(&dir.path().join("empty"), key()));
    let opened = join_all((0..32).map(|_| store.open(id))).await;
    assert!(opened.into_iter().all(|opened| content(&opened.expect("open")) == image));
    assert_eq!(blobs.gets.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_the_store_did_not_take_is_not_saved() {
    let dir = tempfile::tempdir().expect("tempdir");
    let blobs = Watched::new(dir.path());
    let store = HeapStore::new(Arc::clone(&blobs) as _, cache_in(&dir.path().join("cache"), key()));
    blobs.fails.store(true, Ordering::SeqCst);
    let refused = save(&store, b"image").await;
    assert!(matches!(refused, Err(HeapError::Store(StoreError::Full(_)))));
    let id = Digest::of(b"image");
    // A store that fails is not one that does not have the heap.
    assert!(matches!(store.open(id).await, Err(HeapError::Store(_))));
    blobs.fails.store(false, Ordering::SeqCst);
    assert!(matches!(store.open(id).await, Err(HeapError::Absent(_))));
    save(&store, b"image").await.expect("save");
    blobs.fails.store(true, Ordering::SeqCst);
    assert!(matches!(store.remove(id).await, Err(HeapError::Store(_))));
    store.open(id).await.expect("a cached heap needs no store");
}
