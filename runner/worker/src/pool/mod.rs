//! The server's side: has scripts run in worker processes, and keeps what makes that fast.
//!
//! A *zygote* is started once; everything else is forked. A *template* is a thawed process that waits:
//! one for the base image always, and one for each heap that was resumed more than once lately. A run
//! on the base image or on a hot heap is a child of a template; a run on any other heap is a child of the base
//! image's template that lays the heap over itself, unless the process that left the heap is still there (the heap
//! is *warm*) and goes on. Children of the zygote thaw the rest: templates, and heaps of another base image. The
//! server is the parent of all of them: it kills and reaps.
//!
//! Where no heaps are kept ([`PoolOptions::keeps_heaps`]), nothing is thawed: the one template is a process that has
//! booted.

mod at_hand;
mod base_image;
mod calls;
mod child;
mod connection;
mod engine;
mod large_code;
#[cfg(test)]
mod rogue;
mod run;
mod spares;
mod spawner;
mod templates;
mod waiting;
mod warm;

use std::{
    io,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use stasis_core::{Fingerprint, HeapId};
use stasis_image::{Image, Loader};
use stasis_store::{HeapError, HeapStore};
use tokio::sync::Mutex;

pub use run::Finished;
pub use spawner::WorkerProgram;
pub use stasis_core::engine::{Job as RunRequest, RunEvents, StartState as Start, Timings};

use crate::{
    Layers,
    protocol::{Becomes, FromWorker, PreloadedModule, ToWorker},
};
use base_image::BaseImages;
use connection::ConnectionError;
use large_code::LargeCode;
use spares::Spares;
use templates::Templates;
use waiting::{Forked, ImagePair, Order, Waiting};
use warm::WarmProcesses;

/// How a pool is to work.
#[derive(Debug, Clone)]
pub struct PoolOptions {
    /// What workers are made of.
    pub worker: WorkerProgram,
    /// Where the pool notes which base image belongs to this build.
    pub state: PathBuf,
    /// Refuse to run without the sandbox's layers that any Linux host of the last years has.
    pub require_sandbox: bool,
    /// How many templates of heaps are kept waiting.
    pub hot_heaps: usize,
    /// How many processes stay when they have frozen, to go on with the next run on the heap that they left.
    pub warm_heaps: usize,
    /// How long such a process waits for that run.
    pub warm_for: Duration,
    /// How many children of the base image's template are forked ahead of being needed. Each takes some 150 kB.
    pub spare_runs: usize,
    /// How long a worker may take for what is not the script's doing: to boot, to fork, to freeze.
    pub patience: Duration,
    /// Whether heaps can be kept and resumed. Without, runs are forked from a process that has booted, and nothing is
    /// ever frozen.
    pub keeps_heaps: bool,
    /// WebAssembly modules that every fresh run finds. They are compiled when the base image is made.
    pub preload: Vec<PreloadedModule>,
}

/// What templates of heaps may take together, in bytes. What they have not written to is the page cache's.
const MAX_HOT_BYTES: u64 = 512 << 20;

/// When half of them are left the others are forked, as many at a time as a message has descriptors: a template that is
/// woken for each takes a twentieth of what a server can do.
const SPARES_PER_PROCESSOR: usize = 4;

impl PoolOptions {
    /// The usual: this executable, eight hot heaps, 128 warm ones for two minutes, four spare processes for each
    /// processor, half a minute of patience.
    pub fn new(state: PathBuf) -> Self {
        Self {
            worker: WorkerProgram::current(),
            state,
            require_sandbox: false,
            hot_heaps: 8,
            warm_heaps: 128,
            warm_for: Duration::from_secs(120),
            spare_runs: SPARES_PER_PROCESSOR * std::thread::available_parallelism().map_or(1, usize::from),
            patience: Duration::from_secs(30),
            keeps_heaps: Pool::CAN_KEEP_HEAPS,
            preload: Vec::new(),
        }
    }

    /// Starts a zygote that is boxed in as it has to be.
    async fn start_zygote(&self, fingerprint: [u8; 32]) -> Result<(Waiting, Layers), PoolError> {
        let (zygote, layers) = within(self.patience, Waiting::zygote(&self.worker, fingerprint)).await?;
        if layers.complete() {
            return Ok((zygote, layers));
        }
        if self.require_sandbox {
            return Err(PoolError::Sandbox(layers));
        }
        tracing::warn!(%layers, "scripts are not confined as they should be");
        Ok((zygote, layers))
    }
}

/// What keeps a pool from running a script.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The program's own files cannot be read.
    #[error("own executable cannot be examined")]
    Program(#[from] stasis_image::ProgramError),
    /// A worker process could not be started.
    #[error("worker process cannot be started")]
    Start(#[source] io::Error),
    /// The operating system refused something else.
    #[error("system call failed")]
    System(#[source] io::Error),
    /// A worker is not boxed in as it should be.
    #[error("sandbox is incomplete: {0}")]
    Sandbox(Layers),
    /// A worker went away or talked nonsense where no script was running.
    #[error("worker process failed: {0}")]
    Worker(String),
    /// Workers died again and again before they started the script, or did not start it in time.
    #[error("script was not started: {0}")]
    NotStarted(String),
    /// A worker sent no descriptor for the child it forked.
    #[error("worker process sent no descriptor for its child")]
    NoDescriptor,
    /// A worker could not fork.
    #[error("worker process cannot fork: {0}")]
    NotForked(String),
    /// Saving the state took more memory than the run may have.
    #[error("saving the state exceeded the heap limit; try increasing heap_memory_max_mb")]
    NoMemoryToSave,
    /// A heap is to be kept or resumed, and this pool does neither.
    #[error("heaps cannot be kept or resumed here")]
    KeepsNoHeaps,
    /// A heap cannot be thawed, for example because another build made it.
    #[error("{0}")]
    NotThawed(String),
    /// A heap could not be thawed, which is not its fault.
    #[error("heap could not be mapped into a new process: {0}")]
    NotMapped(String),
    /// The executable or its libraries are not those any more that this process runs: what is started now cannot work
    /// with it.
    #[error("own executable or its libraries were replaced; start the server anew")]
    ProgramReplaced,
    /// A heap could not be read or written.
    #[error(transparent)]
    Heap(#[from] HeapError),
    /// A WebAssembly module that runs are to find cannot be compiled or instantiated.
    #[error("WebAssembly module {name} cannot be used: {why}")]
    Preload {
        /// Which one.
        name: String,
        /// What V8 says.
        why: String,
    },
    /// A worker did not do its part in time.
    #[error("worker process took longer than {0:?}")]
    Slow(Duration),
}

impl PoolError {
    fn unexpected(message: &FromWorker) -> Self {
        match message {
            FromWorker::NotThawed(why) => Self::NotThawed(why.clone()),
            FromWorker::NotMapped(why) => Self::NotMapped(why.clone()),
            other => Self::Worker(format!("unexpected message {other:?}")),
        }
    }
}

impl From<ConnectionError> for PoolError {
    fn from(error: ConnectionError) -> Self {
        Self::Worker(error.to_string())
    }
}

/// Processes that wait for something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingProcesses {
    /// Children of the base image's template.
    pub spares: usize,
    /// Templates of heaps.
    pub hot_heaps: usize,
    /// Processes that go on with the heap that they left.
    pub warm_heaps: usize,
}

/// Runs scripts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Pool {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    options: PoolOptions,
    heaps: HeapStore,
    loader: Loader,
    layers: Layers,
    bases: BaseImages,
    code: LargeCode,
    zygote: Mutex<Arc<Waiting>>,
    base_template: Mutex<Option<Arc<Waiting>>>,
    spares: Spares,
    templates: Templates,
    warm: WarmProcesses,
}

impl Pool {
    /// Whether this build can keep heaps: whether processes can be frozen on its kind of processor.
    pub const CAN_KEEP_HEAPS: bool = stasis_image::CAN_FREEZE;

    /// Starts the zygote, makes the base image if this build has none yet, and a template of it.
    ///
    /// # Errors
    /// If workers cannot be started, or not boxed in although that is required.
    pub async fn start(options: PoolOptions, heaps: HeapStore) -> Result<Self, PoolError> {
        let loader = Loader::new()?;
        let (zygote, layers) = options.start_zygote(loader.fingerprint()).await?;
        let bases = BaseImages::new(&options, &loader);
        let inner = Inner {
            templates: Templates::new(options.hot_heaps, MAX_HOT_BYTES),
            warm: WarmProcesses::new(options.warm_heaps),
            zygote: Mutex::new(Arc::new(zygote)),
            base_template: Mutex::new(None),
            spares: Spares::new(options.spare_runs),
            options,
            heaps,
            loader,
            layers,
            bases,
            code: LargeCode::default(),
        };
        let pool = Self { inner: Arc::new(inner) };
        pool.inner.base_template().await?;
        pool.inner.refill_spares();
        Ok(pool)
    }

    /// Which layers of the sandbox are active.
    pub fn layers(&self) -> Layers {
        self.inner.layers
    }

    /// How many processes wait.
    pub fn waiting(&self) -> WaitingProcesses {
        WaitingProcesses {
            spares: self.inner.spares.count(),
            hot_heaps: self.inner.templates.count(),
            warm_heaps: self.inner.warm.count(),
        }
    }

    /// Whether new processes have the program's code in large pages. They have it when the pool has had some
    /// runs, if the kernel can.
    pub fn code_is_large(&self) -> bool {
        self.inner.code.get().is_some()
    }

    /// This build's name.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::from_bytes(self.inner.loader.fingerprint())
    }

    /// How long a process takes to boot V8 as the one does that becomes the base image, from the order to fork it until
    /// it is ready. The process is ended then.
    ///
    /// # Errors
    /// If it does not boot.
    pub async fn time_boot(&self) -> Result<Duration, PoolError> {
        let begun = Instant::now();
        let pool = &*self.inner;
        let booted = within(pool.patience_to_boot(), pool.boot(Becomes::BaseImage)).await?;
        let taken = begun.elapsed();
        booted.child.kill();
        booted.child.wait().await.map_err(PoolError::System)?;
        Ok(taken)
    }

    /// Whether this build's base image need not be made any more, which takes a moment.
    pub async fn base_image_exists(options: &PoolOptions, heaps: &HeapStore) -> bool {
        if !options.keeps_heaps {
            return true;
        }
        match Loader::new() {
            Ok(loader) => BaseImages::new(options, &loader).known(heaps, &loader).await.is_some(),
            Err(_) => false,
        }
    }
}

impl Inner {
    /// The zygote; a new one if the last one died.
    async fn zygote(&self) -> Result<Arc<Waiting>, PoolError> {
        let mut zygote = self.zygote.lock().await;
        if zygote.is_gone() {
            let (new, _) = self.options.start_zygote(self.loader.fingerprint()).await?;
            *zygote = Arc::new(new);
        }
        Ok(zygote.clone())
    }

    /// The template of the base image; a new one if there is none or it died.
    async fn base_template(&self) -> Result<Arc<Waiting>, PoolError> {
        let mut template = self.base_template.lock().await;
        match &*template {
            Some(waiting) if !waiting.is_gone() => Ok(waiting.clone()),
            Some(_) | None => {
                let waiting = self.thaw_base().await?;
                *template = Some(waiting.clone());
                Ok(waiting)
            }
        }
    }

    /// A fresh template of the base image.
    async fn thaw_base(&self) -> Result<Arc<Waiting>, PoolError> {
        if !self.options.keeps_heaps {
            return Ok(Arc::new(self.booted_template().await?));
        }
        let base = self.bases.current(self).await?;
        let images = ImagePair { image: base.image, base: None };
        Ok(Arc::new(Waiting::template(self.thaw(&images, None).await?)))
    }

    /// A heap's image and the base image it refers to.
    async fn images(&self, heap: HeapId) -> Result<ImagePair, PoolError> {
        let image = self.heaps.open(heap).await?;
        let base = match image.facts().base {
            Some(_) => Some(self.bases.of(self, &image).await?.image),
            None => None,
        };
        Ok(ImagePair { image, base })
    }

    /// A fresh template of a heap.
    async fn heap_template(&self, heap: HeapId) -> Result<Arc<Waiting>, PoolError> {
        let images = self.images(heap).await?;
        // It would end without being asked why.
        let image =
            Image::read(images.image.file()).map_err(|error| PoolError::NotThawed(error.to_string()))?;
        self.loader.check(&image).map_err(|error| PoolError::NotThawed(error.to_string()))?;
        Ok(Arc::new(Waiting::template(self.thaw(&images, None).await?)))
    }

    /// Has the zygote thaw an image.
    async fn thaw(&self, images: &ImagePair, first: Option<&ToWorker>) -> Result<Forked, PoolError> {
        self.make(&Order::thaw(images, self.code.get(), first)).await
    }

    /// Has the zygote fork a child; a new zygote, if the last one turns out to have died.
    async fn make(&self, order: &Order<'_>) -> Result<Forked, PoolError> {
        let zygote = self.zygote().await?;
        match zygote.make(order, self.patience_to_fork()).await {
            Err(_) if zygote.is_gone() => self.zygote().await?.make(order, self.patience_to_fork()).await,
            other => other,
        }
    }

    /// How long a fork may take, which is the work of a millisecond: a zygote that hangs is replaced before anybody
    /// who waits for its child has lost patience.
    fn patience_to_fork(&self) -> Duration {
        self.options.patience / 3
    }
}

async fn within<T>(
    patience: Duration,
    work: impl Future<Output = Result<T, PoolError>>,
) -> Result<T, PoolError> {
    tokio::time::timeout(patience, work).await.unwrap_or(Err(PoolError::Slow(patience)))
}
