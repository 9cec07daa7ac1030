//! The port behind which images are kept.

use std::{fmt, io};

use async_trait::async_trait;
use bytes::Bytes;

use crate::HeapId;

/// Stores immutable blobs under an id that the caller derived from their content.
///
/// * `put` is idempotent and atomic: a reader sees the whole blob or none. Once it has returned, the
///   blob survives a crash of this process and of the machine.
/// * A blob that exists is never changed. Putting other bytes under an id that exists keeps the
///   first.
/// * Implementations do not look into blobs: whoever seals them verifies them.
#[async_trait]
pub trait BlobStore: fmt::Debug + Send + Sync {
    /// Keeps `blob` under `id`.
    async fn put(&self, id: HeapId, blob: Bytes) -> Result<(), StoreError>;

    /// Returns the blob, or `None` if the store does not have it.
    async fn get(&self, id: HeapId) -> Result<Option<Bytes>, StoreError>;

    /// Returns size and first bytes (at most `prefix`) of a blob without reading the rest.
    async fn info(&self, id: HeapId, prefix: usize) -> Result<Option<BlobInfo>, StoreError>;

    /// Removes the blob; says whether there was one.
    async fn delete(&self, id: HeapId) -> Result<bool, StoreError>;

    /// All ids, in ascending order.
    async fn list(&self) -> Result<Vec<HeapId>, StoreError>;
}

/// What [`BlobStore::info`] tells of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobInfo {
    /// Size of the stored blob, in bytes.
    pub stored: u64,
    /// Its first bytes.
    pub prefix: Bytes,
}

/// What a store could not do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no room. Nothing was written.
    #[error("the heap store is full")]
    Full(#[source] io::Error),
    /// The store did not allow it.
    #[error("the heap store refused access")]
    Denied(#[source] io::Error),
    /// Anything else; trying again may help.
    #[error("the heap store failed")]
    Unavailable(#[source] io::Error),
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::Full(error)
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::Denied(error),
            _ => Self::Unavailable(error),
        }
    }
}

/// What every [`BlobStore`] must pass; a store's own tests call [`conformance::all`] on an empty one.
pub mod conformance {
    use super::{BlobStore, Bytes, HeapId};

    /// Runs the whole suite.
    ///
    /// # Panics
    /// On the first breach of the contract.
    pub async fn all(store: &dyn BlobStore) {
        absent_is_none(store).await;
        what_was_put_is_got(store).await;
        putting_again_keeps_the_first(store).await;
        deleting(store).await;
    }

    fn blob(text: &str) -> (HeapId, Bytes) {
        (HeapId::of(text.as_bytes()), Bytes::copy_from_slice(text.as_bytes()))
    }

    async fn absent_is_none(store: &dyn BlobStore) {
        let (id, _) = blob("never put");
        assert_eq!(store.get(id).await.expect("get"), None);
        assert_eq!(store.info(id, 8).await.expect("info"), None);
        assert!(!store.delete(id).await.expect("delete"));
        assert_eq!(store.list().await.expect("list"), []);
    }

    async fn what_was_put_is_got(store: &dyn BlobStore) {
        for text in ["one", "", "two"] {
            let (id, bytes) = blob(text);
            store.put(id, bytes.clone()).await.expect("put");
            assert_eq!(store.get(id).await.expect("get"), Some(bytes.clone()));
            let info = store.info(id, 2).await.expect("info").expect("is there");
            assert_eq!(info.stored, bytes.len() as u64);
            assert_eq!(info.prefix, bytes.slice(..bytes.len().min(2)));
        }
        let mut ids: Vec<_> = ["one", "", "two"].map(|text| blob(text).0).into();
        ids.sort();
        assert_eq!(store.list().await.expect("list"), ids);
    }

    async fn putting_again_keeps_the_first(store: &dyn BlobStore) {
        let (id, bytes) = blob("first");
        store.put(id, bytes.clone()).await.expect("put");
        store.put(id, Bytes::from_static(b"second")).await.expect("put again");
        assert_eq!(store.get(id).await.expect("get"), Some(bytes));
    }

    async fn deleting(store: &dyn BlobStore) {
        let (id, bytes) = blob("to be deleted");
        store.put(id, bytes).await.expect("put");
        assert!(store.delete(id).await.expect("delete"));
        assert!(!store.delete(id).await.expect("delete again"));
        assert_eq!(store.get(id).await.expect("get"), None);
    }
}
