//! The store of heaps.

use std::{
    collections::HashMap,
    fs::File,
    io,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use stasis_core::{BlobStore, ByteSize, Fingerprint, HeapId};

use crate::{
    HeapError, HeapFacts, ImageCache, MappableImage, UnixMillis,
    blocking::blocking,
    recent_images::{self, RecentImages},
    sealed::{self, SealedHeader, VerifiedImage},
};

/// How many headers are read at a time for a list.
const LIST_CONCURRENCY: usize = 16;

/// Saves and opens heaps: sealed in a [`BlobStore`], uncompressed in an [`ImageCache`] or in memory.
///
/// What was saved is durable. What is opened is authenticated, has the hash that names it, and can be
/// mapped. Whether it was made by *this* build is for the caller to check: the fingerprint is in its
/// facts.
#[derive(Debug, Clone)]
pub struct HeapStore {
    blobs: Arc<dyn BlobStore>,
    cache: Arc<ImageCache>,
    recent: Option<Arc<RecentImages>>,
    max_image: ByteSize,
    fetches: Arc<Fetches>,
}

/// What is known of a heap without reading its image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeapInfo {
    /// SHA-256 of the image.
    pub id: HeapId,
    /// Size of the uncompressed image.
    pub image_size: ByteSize,
    /// Size of what is stored.
    pub stored_size: ByteSize,
    /// The image on top of which this one is mapped.
    pub base: Option<HeapId>,
    /// When it was made.
    pub created: UnixMillis,
    /// The build that made it, and the only one that can use it.
    pub fingerprint: Fingerprint,
}

impl HeapStore {
    /// Joins a store and a cache. Heaps are authenticated with the cache's key.
    pub fn new(blobs: Arc<dyn BlobStore>, cache: ImageCache) -> Self {
        let max_image = sealed::DEFAULT_MAX_IMAGE;
        Self { blobs, cache: Arc::new(cache), recent: None, max_image, fetches: Arc::default() }
    }

    /// Keeps the small images that were used last in memory (at most 64 MiB) and none of them in the cache.
    /// For blobs that are near: another process, and this one after a while, reads them again.
    pub fn with_small_images_in_memory(mut self) -> Self {
        self.recent = Some(Arc::default());
        self
    }

    /// Refuses larger images, at saving and opening alike.
    pub fn with_max_image(mut self, max_image: ByteSize) -> Self {
        self.max_image = max_image;
        self
    }

    /// Creates a file to freeze an image into, which will have about `expected` bytes. It has no name until it
    /// is saved.
    ///
    /// # Errors
    /// If the cache's file system refuses, or there is no memory.
    pub fn create_image_file(&self, expected: u64) -> Result<File, HeapError> {
        let in_memory = self.recent.is_some() && RecentImages::is_small(expected);
        // Memory is only an improvement, which an administrator may have forbidden.
        match in_memory.then(recent_images::memory_file) {
            Some(Ok(file)) => Ok(file),
            Some(Err(_)) | None => Ok(self.cache.create_tmp()?),
        }
    }

    /// Whether [`HeapStore::seal`] will work, unless somebody prevents it.
    pub fn can_seal(image: &File) -> bool {
        recent_images::can_seal(image)
    }

    /// Takes an image in a memory file from whoever else can write to it and has not mapped it; says whether it
    /// is sealed now.
    pub fn seal(image: &File) -> bool {
        recent_images::forbid_changes(image)
    }

    /// Keeps an image under its hash. Returns when it is durable; to save it again does no harm, and
    /// keeps the facts it was saved with first.
    ///
    /// Nobody else may be able to write to `image` any more: the process that froze it has ended, or the file is
    /// sealed ([`HeapStore::seal`]). It should be from [`HeapStore::create_image_file`]: such a file is kept as it is,
    /// unless it has become far larger than expected; one of another file system is copied.
    ///
    /// # Errors
    /// If the image is too large, changes or cannot be read; if the store fails. That the local cache
    /// fails is no error here, as the heap is safe by then; it is logged.
    pub async fn save(&self, image: File, facts: HeapFacts) -> Result<HeapId, HeapError> {
        self.save_noticing(image, facts, async |_| Ok(())).await
    }

    /// As [`HeapStore::save`]; also says whether there was no such heap before. Somebody who knows a heap can have
    /// made its image once more.
    ///
    /// # Errors
    /// As [`HeapStore::save`].
    pub async fn save_new(&self, image: File, facts: HeapFacts) -> Result<(HeapId, bool), HeapError> {
        let mut is_new = false;
        let look = async |id| {
            is_new = !self.contains(id).await?;
            Ok(())
        };
        let id = self.save_noticing(image, facts, look).await?;
        Ok((id, is_new))
    }

    /// Saves an image; `notice` is told its id before it is in the store.
    async fn save_noticing(
        &self,
        image: File,
        facts: HeapFacts,
        notice: impl AsyncFnOnce(HeapId) -> Result<(), HeapError>,
    ) -> Result<HeapId, HeapError> {
        let (cache, max) = (Arc::clone(&self.cache), self.max_image);
        let (verified, sealed) = blocking(move || {
            recent_images::forbid_changes(&image);
            sealed::seal(image, facts, cache.key(), max).map_err(HeapError::of_sealing)
        })
        .await?;
        let id = verified.header().id;
        notice(id).await?;
        self.blobs.put(id, Bytes::from(sealed)).await?;
        if let Some(recent) = self.recent_for(&verified) {
            recent.keep(verified);
            return Ok(id);
        }
        let cache = Arc::clone(&self.cache);
        if let Err(error) = blocking(move || cache.admit(verified)).await {
            tracing::warn!(%error, heap = %id, "a saved heap could not be cached");
        }
        Ok(id)
    }

    /// Opens a heap for mapping, from the cache if it is there. Calls that fetch the same heap at once
    /// fetch it once.
    ///
    /// # Errors
    /// If there is no such heap; if what is stored is damaged, of another format, too large or not
    /// authentic; if store or cache fail.
    pub async fn open(&self, id: HeapId) -> Result<MappableImage, HeapError> {
        if let Some(image) = self.at_hand(id).await? {
            return Ok(image);
        }
        let fetch = self.fetches.of(id);
        let _turn = fetch.lock().await;
        match self.at_hand(id).await? {
            Some(image) => Ok(image),
            None => self.fetch(id).await,
        }
    }

    /// Opens the image on top of which `image` is mapped; there is none if that is a base image itself.
    ///
    /// # Errors
    /// As [`HeapStore::open`]; where there is no such image, [`HeapError::BaseAbsent`] names both.
    pub async fn open_base(&self, image: &MappableImage) -> Result<Option<MappableImage>, HeapError> {
        let Some(base) = image.facts().base else { return Ok(None) };
        match self.open(base).await {
            Err(HeapError::Absent(base)) => Err(HeapError::BaseAbsent { id: image.id(), base }),
            opened => opened.map(Some),
        }
    }

    /// Whether there is such a heap, whatever is wrong with it.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn contains(&self, id: HeapId) -> Result<bool, HeapError> {
        Ok(self.blobs.info(id, 0).await?.is_some())
    }

    /// Tells what is known of a stored heap, or `None` if the store does not have it.
    ///
    /// # Errors
    /// If its header is damaged, of another format or not authentic; if the store fails.
    pub async fn info(&self, id: HeapId) -> Result<Option<HeapInfo>, HeapError> {
        let Some(blob) = self.blobs.info(id, SealedHeader::LEN).await? else { return Ok(None) };
        let header = SealedHeader::parse_as(&blob.prefix, id, self.cache.key())
            .map_err(|error| HeapError::of_stored(id, error))?;
        Ok(Some(HeapInfo {
            id,
            image_size: ByteSize::bytes(header.image_len),
            stored_size: ByteSize::bytes(blob.stored),
            base: header.facts.base,
            created: header.facts.created,
            fingerprint: header.facts.fingerprint,
        }))
    }

    /// All stored heaps in ascending order of id, each with what is known of it or why nothing is.
    ///
    /// # Errors
    /// If the store cannot be listed.
    pub async fn list(&self) -> Result<Vec<(HeapId, Result<HeapInfo, HeapError>)>, HeapError> {
        let ids = self.blobs.list().await?;
        let infos = stream::iter(ids).map(async |id| Some((id, self.info(id).await.transpose()?)));
        // What was removed since it was listed is left out.
        Ok(infos.buffered(LIST_CONCURRENCY).filter_map(std::future::ready).collect().await)
    }

    /// How many stored heaps are mapped on top of this one.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn count_dependents(&self, id: HeapId) -> Result<usize, HeapError> {
        // What says that it has a base is none: a heap refers to its base image and to nothing else.
        if let Ok(Some(HeapInfo { base: Some(_), .. })) = self.info(id).await {
            return Ok(0);
        }
        let listed = self.list().await?;
        Ok(listed.iter().filter(|(_, info)| matches!(info, Ok(info) if info.base == Some(id))).count())
    }

    /// Removes a heap from store and cache; says whether the store had it. Images that were opened
    /// stay usable. Other machines may still have it in their caches.
    ///
    /// # Errors
    /// [`HeapError::Needed`] if stored heaps are mapped on top of it; one that is saved at this moment does not count.
    /// If store or cache fail; the heap may then be in either.
    pub async fn remove(&self, id: HeapId) -> Result<bool, HeapError> {
        let heaps = self.count_dependents(id).await?;
        if heaps > 0 {
            return Err(HeapError::Needed { id, heaps });
        }
        let existed = self.blobs.delete(id).await?;
        if let Some(recent) = &self.recent {
            recent.remove(id);
        }
        let cache = Arc::clone(&self.cache);
        blocking(move || cache.remove(id)).await?;
        Ok(existed)
    }

    /// Where an image is kept instead of the cache, if it is.
    fn recent_for(&self, image: &VerifiedImage) -> Option<&RecentImages> {
        self.recent.as_deref().filter(|_| RecentImages::can_keep(image))
    }

    async fn at_hand(&self, id: HeapId) -> Result<Option<MappableImage>, HeapError> {
        if let Some(recent) = &self.recent
            && let Some(image) = recent.get(id)
        {
            // Another process may have removed the heap.
            if self.contains(id).await? {
                return Ok(Some(image));
            }
            recent.remove(id);
        }
        let cache = Arc::clone(&self.cache);
        Ok(blocking::<_, io::Error>(move || cache.get(id)).await?)
    }

    async fn fetch(&self, id: HeapId) -> Result<MappableImage, HeapError> {
        let sealed = self.blobs.get(id).await?.ok_or(HeapError::Absent(id))?;
        let (store, max) = (self.clone(), self.max_image);
        blocking(move || {
            let (cache, of_stored) = (&store.cache, |error| HeapError::of_stored(id, error));
            let header = SealedHeader::parse_as(&sealed, id, cache.key()).map_err(of_stored)?;
            let file = store.create_image_file(header.image_len)?;
            let verified = sealed::unseal_to_file(header, &sealed, max, file).map_err(of_stored)?;
            recent_images::forbid_changes(verified.file());
            match store.recent_for(&verified) {
                Some(recent) => Ok(recent.keep(verified)),
                None => Ok(cache.admit(verified)?),
            }
        })
        .await
    }
}

/// One lock per heap that is being fetched.
#[derive(Debug, Default)]
struct Fetches(Mutex<HashMap<HeapId, Weak<tokio::sync::Mutex<()>>>>);

impl Fetches {
    fn of(&self, id: HeapId) -> Arc<tokio::sync::Mutex<()>> {
        let mut fetches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        fetches.retain(|_, fetch| fetch.strong_count() > 0);
        let present = fetches.get(&id).and_then(Weak::upgrade);
        present.unwrap_or_else(|| {
            let fetch = Arc::default();
            fetches.insert(id, Arc::downgrade(&fetch));
            fetch
        })
    }
}
