//! A pool and a store in a temporary folder.

use std::{
    future::pending,
    io,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use stasis_core::{ByteSize, Capabilities, ConsoleLevel, HeapId, Limits, NoHost, Outcome};
use stasis_store::{
    DirectoryError, FileBlobStore, HeapError, HeapInfo, HeapKey, HeapStore, ImageCache, KeyError,
};
use stasis_worker::pool::{Pool, PoolError, PoolOptions, RunEvents, RunRequest, Start, Timings};
use tempfile::TempDir;

use crate::ADD;

/// More than all images of one measurement take: the cache shall not drop what is measured.
const CACHE_BYTES: ByteSize = ByteSize::mebibytes(16 << 10);

/// What keeps a benchmark from measuring.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The operating system refused something.
    #[error(transparent)]
    System(#[from] io::Error),
    /// The store cannot be set up.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The store's key cannot be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store failed.
    #[error(transparent)]
    Heap(#[from] HeapError),
    /// The pool failed.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// A script did not return.
    #[error("script ended with {0:?}")]
    Script(Outcome),
    /// A run left no heap, or the store lost it.
    #[error("heap is missing")]
    NoHeap,
    /// Node cannot be run, or fails.
    #[error("node: {0}")]
    Node(String),
    /// What a measuring script returned is not what it should return.
    #[error("measurements are not understood")]
    Answer(#[from] serde_json::Error),
}

/// A run that returned.
#[derive(Debug)]
pub struct Done {
    /// What it returned.
    pub text: String,
    /// The heap that it left, if it was to be kept.
    pub heap: Option<HeapId>,
    /// From the request to the answer.
    pub total: Duration,
    /// The pool's own account.
    pub timings: Timings,
}

/// A pool whose folders are its own and go away with it.
#[derive(Debug)]
pub struct Workshop {
    pool: Pool,
    heaps: HeapStore,
    limits: Limits,
    folder: Arc<TempDir>,
}

impl Workshop {
    /// Starts a pool on empty folders, below `TMPDIR`.
    ///
    /// # Errors
    /// If folders or workers cannot be made.
    pub async fn open(hot_heaps: usize) -> Result<Self, BenchError> {
        let folder = tempfile::Builder::new().prefix("stasis-bench-").tempdir()?;
        let heaps = heap_store(folder.path())?;
        Self::start(Arc::new(folder), heaps, hot_heaps).await
    }

    /// Starts another pool on the same folders: the base image and all heaps are there.
    ///
    /// # Errors
    /// If workers cannot be started.
    pub async fn reopen(&self, hot_heaps: usize) -> Result<Self, BenchError> {
        Self::start(self.folder.clone(), self.heaps.clone(), hot_heaps).await
    }

    async fn start(folder: Arc<TempDir>, heaps: HeapStore, hot_heaps: usize) -> Result<Self, BenchError> {
        let mut options = PoolOptions::new(folder.path().join("state"));
        options.hot_heaps = hot_heaps;
        let pool = Pool::start(options, heaps.clone()).await?;
        // Far from what is measured: no limit may matter.
        let limits = Limits {
            heap: ByteSize::mebibytes(1024),
            wall_clock: Limits::MAX_WALL_CLOCK,
            ..Limits::default()
        };
        Ok(Self { pool, heaps, limits, folder })
    }

    /// Runs until the pool is as fast as it gets: it copies its code to large pages after some runs, if the
    /// kernel can.
    ///
    /// # Errors
    /// If a run fails.
    pub async fn warmed_up(self) -> Result<Self, BenchError> {
        const MOST_RUNS: usize = 500;
        for _ in 0..MOST_RUNS {
            if self.pool.code_is_large() {
                break;
            }
            self.run(ADD, Start::Fresh, false).await?;
        }
        Ok(self)
    }

    /// How long a process takes to boot from the start-up snapshot, as the base image's does.
    ///
    /// # Errors
    /// If it does not boot.
    pub async fn time_boot(&self) -> Result<Duration, BenchError> {
        Ok(self.pool.time_boot().await?)
    }

    /// Runs a script that must return.
    ///
    /// # Errors
    /// If it does not, or if its heap was to be kept and was not.
    pub async fn run(&self, code: &str, start: Start, keep: bool) -> Result<Done, BenchError> {
        let request = RunRequest {
            name: "bench".to_owned(),
            code: code.to_owned(),
            limits: self.limits,
            start,
            keep,
            capabilities: Capabilities::default(),
        };
        let begun = Instant::now();
        let finished = self.pool.run(&request, &mut Silence, &mut NoHost, pending()).await?;
        let total = begun.elapsed();
        let Outcome::Returned(text) = finished.outcome else {
            return Err(BenchError::Script(finished.outcome));
        };
        let heap = finished.heap.transpose()?;
        Ok(Done { text, heap, total, timings: finished.timings })
    }

    /// Runs a script on nothing, and keeps the heap that it leaves.
    ///
    /// # Errors
    /// If the script does not return or its heap is not saved.
    pub async fn heap(&self, code: &str) -> Result<HeapId, BenchError> {
        self.run(code, Start::Fresh, true).await?.heap.ok_or(BenchError::NoHeap)
    }

    /// What the store knows of a heap.
    ///
    /// # Errors
    /// If the store fails or does not have it.
    pub async fn info(&self, heap: HeapId) -> Result<HeapInfo, BenchError> {
        self.heaps.info(heap).await?.ok_or(BenchError::NoHeap)
    }

    /// Removes a heap, so that measurements of large ones do not fill the disk.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn remove(&self, heap: HeapId) -> Result<(), BenchError> {
        self.heaps.remove(heap).await?;
        Ok(())
    }
}

fn heap_store(folder: &Path) -> Result<HeapStore, BenchError> {
    let blobs = FileBlobStore::open(&folder.join("heaps"))?;
    let key = HeapKey::load_or_create(&folder.join("heap.key"))?;
    let cache = ImageCache::open(&folder.join("images"), CACHE_BYTES, Arc::new(key))?;
    Ok(HeapStore::new(Arc::new(blobs), cache).with_small_images_in_memory())
}

/// Nobody listens, and there are no modules.
struct Silence;

impl RunEvents for Silence {
    fn console(&mut self, _level: ConsoleLevel, _text: &str) {}
}
