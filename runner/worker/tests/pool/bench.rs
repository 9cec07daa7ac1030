//! A pool to try things with.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use stasis_core::{ByteSize, Capabilities, ConsoleLevel, HeapId, Limits, NoHost, Outcome};
use stasis_store::{FileBlobStore, HeapKey, HeapStore, ImageCache};
use stasis_worker::pool::{Finished, Pool, PoolOptions, RunEvents, RunRequest, Start};
use tempfile::TempDir;

#[derive(Default)]
pub(crate) struct Printed(pub(crate) Vec<(ConsoleLevel, String)>);

impl RunEvents for Printed {
    fn console(&mut self, level: ConsoleLevel, text: &str) {
        self.0.push((level, text.to_owned()));
    }
}

/// A pool with folders of its own.
pub(crate) struct Bench {
    pub(crate) pool: Pool,
    pub(crate) heaps: HeapStore,
    folder: Arc<TempDir>,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with_spares(2).await
    }

    /// Without spares, there are as many processes as there are runs and warm heaps.
    pub(crate) async fn with_spares(spare_runs: usize) -> Self {
        Self::with(|options| options.spare_runs = spare_runs).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut PoolOptions)) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let heaps = heaps(folder.path());
        Self::on(Arc::new(folder), heaps, change).await
    }

    /// Where the pool notes which image is its base image.
    pub(crate) fn base_image_note(&self) -> PathBuf {
        let entries = fs::read_dir(self.folder.path().join("state")).expect("the pool's folder");
        let mut notes = entries.map(|entry| entry.expect("an entry").path());
        let is_note = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"base-"))
        };
        notes.find(is_note).expect("it has made one")
    }

    /// Another pool with the same heaps.
    pub(crate) async fn another(&self, change: impl FnOnce(&mut PoolOptions)) -> Self {
        Self::on(self.folder.clone(), self.heaps.clone(), change).await
    }

    async fn on(folder: Arc<TempDir>, heaps: HeapStore, change: impl FnOnce(&mut PoolOptions)) -> Self {
        let mut options = options(folder.path());
        change(&mut options);
        let pool = Pool::start(options, heaps.clone()).await.expect("the pool starts");
        Self { pool, heaps, folder }
    }

    pub(crate) async fn run(&self, code: &str, start: Start) -> Finished {
        self.run_with(code, start, |_| ()).await
    }

    pub(crate) async fn run_with(
        &self,
        code: &str,
        start: Start,
        change: impl FnOnce(&mut RunRequest),
    ) -> Finished {
        let mut request = request(code, start);
        change(&mut request);
        let mut printed = Printed::default();
        self.pool
            .run(&request, &mut printed, &mut NoHost, std::future::pending())
            .await
            .expect("the pool works")
    }

    /// Runs code that must return, and gives its text and heap.
    pub(crate) async fn returns(&self, code: &str, start: Start) -> (String, HeapId) {
        let finished = self.run(code, start).await;
        let Outcome::Returned(text) = finished.outcome else { panic!("{code}: {:?}", finished.outcome) };
        (text, finished.heap.expect("kept").expect("saved"))
    }
}

pub(crate) fn options(folder: &Path) -> PoolOptions {
    PoolOptions { require_sandbox: true, ..PoolOptions::new(folder.join("state")) }
}

pub(crate) fn heaps(folder: &Path) -> HeapStore {
    let key = Arc::new(HeapKey::generate().expect("a key"));
    let blobs = FileBlobStore::open(&folder.join("heaps")).expect("a blob store");
    let cache = ImageCache::open(&folder.join("images"), ByteSize::mebibytes(1024), key).expect("a cache");
    HeapStore::new(Arc::new(blobs), cache).with_small_images_in_memory()
}

pub(crate) fn request(code: &str, start: Start) -> RunRequest {
    RunRequest {
        name: "test".to_owned(),
        code: code.to_owned(),
        limits: Limits::default(),
        start,
        keep: true,
        capabilities: Capabilities::default(),
    }
}

/// Process ids of this process's children, zombies included.
pub(crate) fn children() -> Vec<u32> {
    let tasks = fs::read_dir("/proc/self/task").expect("own tasks");
    tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok())
        .flat_map(|pids| pids.split_whitespace().map(|pid| pid.parse().expect("a pid")).collect::<Vec<_>>())
        .collect()
}

/// Children that are not among `others`. Those may end meanwhile: to count children would take one for another.
pub(crate) fn children_beside(others: &[u32]) -> Vec<u32> {
    children().into_iter().filter(|pid| !others.contains(pid)).collect()
}

/// Kills every worker there is.
pub(crate) fn kill_children() {
    for pid in children() {
        let pid = rustix::process::Pid::from_raw(pid as i32).expect("a pid");
        match rustix::process::kill_process(pid, rustix::process::Signal::KILL) {
            // One that was reaped meanwhile is as dead.
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(10), "{what} within ten seconds");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("own descriptors").count()
}
