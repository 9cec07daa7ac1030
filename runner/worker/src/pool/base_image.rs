//! The base image of this build, and those that stored heaps refer to.

use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    path::PathBuf,
    sync::Mutex,
    time::Duration,
};

use stasis_core::{Fingerprint, HeapId};
use stasis_image::{FileIdentity, Image, Loader};
use stasis_store::{HeapError, HeapFacts, HeapStore, MappableImage, UnixMillis};

use super::{
    Inner, PoolError, PoolOptions,
    at_hand::LEARNING,
    waiting::{Forked, Order, Waiting},
    within,
};
use crate::protocol::{AfterFreeze, Becomes, Boot, FromWorker, PreloadedModule, ToWorker};

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

/// What the note is called: a base image is that of one build with one set of modules.
fn note_name(fingerprint: Fingerprint, preload: &[PreloadedModule]) -> String {
    if preload.is_empty() {
        return format!("base-{fingerprint}");
    }
    let mut content = Vec::new();
    for PreloadedModule { name, bytes, instantiate } in preload {
        let instantiate = u8::from(*instantiate);
        content.extend_from_slice(format!("{name} {instantiate} {}\n", HeapId::of(bytes)).as_bytes());
    }
    format!("base-{fingerprint}-{}", HeapId::of(&content))
}

/// Has a process that has booted compile a module.
async fn preload(worker: &mut Forked, module: &PreloadedModule) -> Result<(), PoolError> {
    worker.connection.send(&ToWorker::Preload(module.clone()), &[]).await?;
    match worker.connection.receive().await? {
        FromWorker::Preloaded(Ok(())) => Ok(()),
        FromWorker::Preloaded(Err(why)) => Err(PoolError::Preload { name: module.name.clone(), why }),
        FromWorker::OutOfMemory => Err(PoolError::Preload {
            name: module.name.clone(),
            why: "it takes more memory than there is".to_owned(),
        }),
        other => Err(PoolError::unexpected(&other)),
    }
}

/// How long the compilation of one module may take.
const COMPILING: Duration = Duration::from_secs(60);
/// Base images of other nodes that are kept open besides our own.
const MAX_OPEN: usize = 16;

impl BaseImages {
    pub(super) fn new(options: &PoolOptions, loader: &Loader) -> Self {
        let fingerprint = Fingerprint::from_bytes(loader.fingerprint());
        Self {
            note: options.state.join(note_name(fingerprint, &options.preload)),
            fingerprint,
            current: tokio::sync::Mutex::default(),
            open: Mutex::default(),
        }
    }

    /// The noted base image, if the store still has it and this machine can thaw it: another one may have made it,
    /// whose processor can do more.
    pub(super) async fn known(&self, heaps: &HeapStore, loader: &Loader) -> Option<HeapId> {
        let id = fs::read_to_string(&self.note).ok()?.trim().parse().ok()?;
        let image = heaps.open(id).await.ok()?;
        loader.check(&Image::read(image.file()).ok()?).ok().map(|()| id)
    }

    /// This build's base image, the same for as long as the pool is there; made now if there is none.
    pub(super) async fn current(&self, pool: &Inner) -> Result<Base, PoolError> {
        let mut current = self.current.lock().await;
        let id = match *current {
            Some(id) => id,
            None => match self.known(&pool.heaps, &pool.loader).await {
                Some(id) => id,
                None => within(pool.patience_to_boot() + LEARNING, self.make(pool)).await?,
            },
        };
        *current = Some(id);
        self.open(pool, id).await
    }

    /// The base image that a heap refers to; itself, if it is one.
    pub(super) async fn of(&self, pool: &Inner, image: &MappableImage) -> Result<Base, PoolError> {
        match self.opened(image.facts().base.unwrap_or(image.id())) {
            Some(base) => Ok(base),
            None => self.keep(pool.heaps.open_base(image).await?.unwrap_or_else(|| image.clone())),
        }
    }

    /// The base image with this id.
    async fn open(&self, pool: &Inner, id: HeapId) -> Result<Base, PoolError> {
        match self.opened(id) {
            Some(base) => Ok(base),
            None => self.keep(pool.heaps.open(id).await?),
        }
    }

    fn opened(&self, id: HeapId) -> Option<Base> {
        self.lock().get(&id).cloned()
    }

    fn keep(&self, image: MappableImage) -> Result<Base, PoolError> {
        let id = image.id();
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
        let mut worker = pool.boot(Becomes::BaseImage).await?;
        let image = pool.heaps.create_image_file(u64::MAX)?;
        pool.freeze(&mut worker, &image, None, AfterFreeze::End).await?;
        pool.learn_pages_at_hand(&image).await.map_err(HeapError::Io)?;
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

impl Inner {
    /// How long a process may take to boot and to compile the modules.
    pub(super) fn patience_to_boot(&self) -> Duration {
        self.options.patience + COMPILING * u32::try_from(self.options.preload.len()).unwrap_or(u32::MAX)
    }

    /// A process that has booted V8 and has what every run finds.
    pub(super) async fn boot(&self, becomes: Becomes) -> Result<Forked, PoolError> {
        let how = Boot { becomes, preloads: !self.options.preload.is_empty() };
        let mut worker = self.make(&Order::boot(how)).await?;
        match worker.connection.receive().await? {
            FromWorker::Booted => {}
            other => return Err(PoolError::unexpected(&other)),
        }
        for module in &self.options.preload {
            preload(&mut worker, module).await?;
        }
        Ok(worker)
    }

    /// A process like one that was thawed from a base image, where there is none.
    pub(super) async fn booted_template(&self) -> Result<Waiting, PoolError> {
        let make = async {
            let mut worker = self.boot(Becomes::Template).await?;
            worker.connection.send(&ToWorker::WarmUp, &[]).await?;
            match worker.connection.receive().await? {
                FromWorker::WarmedUp => {}
                other => return Err(PoolError::unexpected(&other)),
            }
            let data = worker.child.data_bytes().map_err(PoolError::System)?;
            worker.connection.send(&ToWorker::BecomeTemplate { data }, &[]).await?;
            Ok(Waiting::template(worker))
        };
        within(self.patience_to_boot(), make).await
    }
}
