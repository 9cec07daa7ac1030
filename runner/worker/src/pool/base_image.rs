//! The base image of this build, and those that stored heaps refer to.

use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    path::PathBuf,
    sync::Mutex,
};

use stasis_core::{Fingerprint, HeapId};
use stasis_image::{FileIdentity, Loader};
use stasis_store::{HeapError, HeapFacts, HeapStore, MappableImage, UnixMillis};

use super::{Inner, PoolError, PoolOptions, waiting::Waiting, within};

/// A base image that can be mapped.
#[derive(Debug, Clone)]
pub(super) struct Base {
    pub(super) image: MappableImage,
    /// How the kernel names its file in memory maps.
    pub(super) identity: FileIdentity,
}

#[derive(Debug)]
pub(super) struct BaseImages {
    /// Holds the id of this build's base image.
    note: PathBuf,
    fingerprint: Fingerprint,
    current: tokio::sync::Mutex<Option<HeapId>>,
    open: Mutex<HashMap<HeapId, Base>>,
}

/// Base images of other nodes that are kept open besides our own.
const MAX_OPEN: usize = 16;

impl BaseImages {
    pub(super) fn new(options: &PoolOptions, loader: &Loader) -> Self {
        let fingerprint = Fingerprint::from_bytes(loader.fingerprint());
        Self {
            note: options.state.join(format!("base-{fingerprint}")),
            fingerprint,
            current: tokio::sync::Mutex::default(),
            open: Mutex::default(),
        }
    }

    /// The noted base image, if the store still has it.
    pub(super) async fn known(&self, heaps: &HeapStore) -> Option<HeapId> {
        let id = fs::read_to_string(&self.note).ok()?.trim().parse().ok()?;
        heaps.open(id).await.ok().map(|_| id)
    }

    /// This build's base image; made now if there is none.
    pub(super) async fn current(&self, pool: &Inner) -> Result<Base, PoolError> {
        let mut current = self.current.lock().await;
        let id = match *current {
            Some(id) => id,
            None => match self.known(&pool.heaps).await {
                Some(id) => id,
                None => within(pool.options.patience, self.make(pool)).await?,
            },
        };
        *current = Some(id);
        self.open(pool, id).await
    }

    /// The base image with this id.
    pub(super) async fn open(&self, pool: &Inner, id: HeapId) -> Result<Base, PoolError> {
        if let Some(base) = self.lock().get(&id) {
            return Ok(base.clone());
        }
        let image = pool.heaps.open(id).await?;
        let identity = FileIdentity::of(image.file()).map_err(PoolError::System)?;
        let base = Base { image, identity };
        let mut open = self.lock();
        if open.len() == MAX_OPEN {
            open.clear();
        }
        open.insert(id, base.clone());
        Ok(base)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<HeapId, Base>> {
        self.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn make(&self, pool: &Inner) -> Result<HeapId, PoolError> {
        let (booted, _) = Waiting::boot(&pool.options.worker).await?;
        let mut worker = booted.into_forked();
        let image = pool.heaps.create_image_file()?;
        pool.freeze(&mut worker, &image, None).await?;
        let facts = HeapFacts { base: None, fingerprint: self.fingerprint, created: UnixMillis::now() };
        let id = pool.heaps.save(image, facts).await?;
        self.write_note(id).map_err(HeapError::Io)?;
        Ok(id)
    }

    /// Two servers that start at once may both make one; either is as good.
    fn write_note(&self, id: HeapId) -> io::Result<()> {
        let folder = self.note.parent().ok_or(io::ErrorKind::InvalidInput)?;
        fs::create_dir_all(folder)?;
        let draft = self.note.with_extension(format!("{}.tmp", std::process::id()));
        fs::write(&draft, format!("{id}\n"))?;
        File::open(&draft)?.sync_all()?;
        fs::rename(&draft, &self.note)
    }
}
