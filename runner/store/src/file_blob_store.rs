//! Blobs in a directory.

use std::{
    io::{self, Read as _, Write as _},
    path::Path,
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;
use stasis_core::{BlobInfo, BlobStore, HeapId, StoreError};

use crate::{
    blocking::blocking,
    directory::{Directory, DirectoryError},
    draft::Draft,
};

const SUFFIX: &str = ".heap";

/// Keeps blobs as files of a directory: `<64 hex digits>.heap`, readable by our user only.
///
/// A blob is written to a file without a name, synced, named, and the directory is synced; so a crash
/// at any point leaves the whole blob or nothing. Puts that end at the same time share the
/// directory's sync. Other files in the directory are left alone.
///
/// The directory is flat: today's file systems index directories, and one directory is one sync.
#[derive(Debug, Clone)]
pub struct FileBlobStore {
    directory: Arc<Directory>,
}

impl FileBlobStore {
    /// Opens the store, creating the directory if it is not there.
    ///
    /// # Errors
    /// If the directory cannot be created, or not be read and written.
    pub fn open(directory: &Path) -> Result<Self, DirectoryError> {
        Ok(Self { directory: Arc::new(Directory::open_or_create(directory)?) })
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Directory) -> io::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let directory = Arc::clone(&self.directory);
        blocking(move || Ok(work(&directory)?)).await
    }
}

#[async_trait]
impl BlobStore for FileBlobStore {
    async fn put(&self, id: HeapId, blob: Bytes) -> Result<(), StoreError> {
        self.work(move |directory| put(directory, id, &blob)).await
    }

    async fn get(&self, id: HeapId) -> Result<Option<Bytes>, StoreError> {
        let info = self.work(move |directory| read(directory, id, None)).await?;
        Ok(info.map(|info| info.prefix))
    }

    async fn info(&self, id: HeapId, prefix: usize) -> Result<Option<BlobInfo>, StoreError> {
        self.work(move |directory| read(directory, id, Some(prefix))).await
    }

    async fn delete(&self, id: HeapId) -> Result<bool, StoreError> {
        self.work(move |directory| {
            let existed = directory.remove(&name_of(id))?;
            directory.sync()?;
            Ok(existed)
        })
        .await
    }

    async fn list(&self) -> Result<Vec<HeapId>, StoreError> {
        self.work(|directory| {
            let mut ids: Vec<_> = directory.names()?.iter().filter_map(|name| id_of(name)).collect();
            ids.sort();
            Ok(ids)
        })
        .await
    }
}

fn name_of(id: HeapId) -> String {
    format!("{id}{SUFFIX}")
}

fn id_of(name: &str) -> Option<HeapId> {
    name.strip_suffix(SUFFIX)?.parse().ok()
}

fn put(directory: &Directory, id: HeapId, blob: &[u8]) -> io::Result<()> {
    let name = name_of(id);
    if !directory.contains(&name)? {
        let mut draft = Draft::create(directory, 0o400)?;
        draft.file().write_all(blob)?;
        draft.file().sync_all()?;
        draft.publish(&name)?;
    }
    // Also when it was there: whoever put it may not have synced its name yet.
    directory.sync()
}

/// Reads a blob, or its beginning.
fn read(directory: &Directory, id: HeapId, prefix: Option<usize>) -> io::Result<Option<BlobInfo>> {
    let Some(file) = directory.open_file(&name_of(id))? else { return Ok(None) };
    let stored = file.metadata()?.len();
    let wanted = prefix.map_or(stored, |prefix| stored.min(prefix as u64));
    let mut bytes = Vec::new();
    let room = usize::try_from(wanted).map_err(|_| io::ErrorKind::OutOfMemory)?;
    bytes.try_reserve_exact(room).map_err(|_| io::ErrorKind::OutOfMemory)?;
    file.take(wanted).read_to_end(&mut bytes)?;
    Ok(Some(BlobInfo { stored, prefix: bytes.into() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_named_drafts(path: &Path) -> FileBlobStore {
        let directory = Directory::open_or_create(path).expect("open").with_named_drafts();
        FileBlobStore { directory: Arc::new(directory) }
    }

    #[tokio::test]
    async fn conforms() {
        let (unnamed, named) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
        stasis_core::conformance::all(&FileBlobStore::open(unnamed.path()).expect("open")).await;
        stasis_core::conformance::all(&with_named_drafts(named.path())).await;
    }

    #[tokio::test]
    async fn foreign_files_are_neither_listed_nor_removed() {
        let dir = tempfile::tempdir().expect("tempdir");
        let id = HeapId::of(b"x");
        let foreign = ["README", "abc.heap", &format!("{id}"), &format!("{id}.heap~")].map(str::to_owned);
        for name in &foreign {
            std::fs::write(dir.path().join(name), "").expect("write");
        }
        let store = FileBlobStore::open(dir.path()).expect("open");
        store.put(id, Bytes::from_static(b"x")).await.expect("put");
        assert_eq!(store.list().await.expect("list"), [id]);
        assert!(foreign.iter().all(|name| dir.path().join(name).exists()));
    }
}
