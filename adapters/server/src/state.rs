//! Where things are kept on this machine, and the parts that work on them.

use std::{path::PathBuf, sync::Arc};

use stasis_core::ByteSize;
use stasis_store::{FileBlobStore, HeapKey, HeapStore, ImageCache};
use stasis_worker::{
    pool::{Pool, PoolOptions},
    protocol::PreloadedModule,
};

use crate::{arguments::StoreArguments, environment::Environment, failure::Failure};

/// Uncompressed images kept for mapping.
const CACHE_BYTES: ByteSize = ByteSize::mebibytes(4096);

/// The heap store of this machine.
pub(crate) struct State {
    pub(crate) heaps: HeapStore,
    /// Where the heaps are.
    pub(crate) directory: PathBuf,
    /// For what can be made anew.
    pub(crate) folder: PathBuf,
    /// See [`Environment`].
    shows_worker_errors: bool,
}

impl State {
    /// Opens the store, and makes its folders and key if they are not there.
    pub(crate) fn open(arguments: &StoreArguments, environment: &Environment) -> Result<Self, Failure> {
        let directory = match &arguments.directory_path {
            Some(directory) => directory.clone(),
            None => environment.default_folder("heaps")?,
        };
        let folder = directory.join(".state");
        let blobs = FileBlobStore::open(&directory)?;
        let key = match &arguments.heap_key {
            Some(path) => HeapKey::load(path)?,
            None => HeapKey::load_or_create(&folder.join("heap.key"))?,
        };
        key.claim(&folder)?;
        let cache = ImageCache::open(&folder.join("images"), CACHE_BYTES, Arc::new(key))?;
        let heaps = HeapStore::new(Arc::new(blobs), cache);
        Ok(Self { heaps, directory, folder, shows_worker_errors: environment.shows_worker_errors })
    }

    /// Refuses, before anything is started, to keep heaps where that cannot be done.
    pub(crate) fn check_heaps(stateless: bool) -> Result<(), Failure> {
        Self::check_heaps_where(stateless, Pool::CAN_KEEP_HEAPS)
    }

    /// The same for builds that can keep heaps, and for those that cannot.
    pub(crate) fn check_heaps_where(stateless: bool, can_keep: bool) -> Result<(), Failure> {
        if stateless || can_keep { Ok(()) } else { Err(Failure::NoHeapsHere) }
    }

    /// Where the sources of imported modules are kept.
    pub(crate) fn module_cache(&self) -> PathBuf {
        self.folder.join("modules")
    }

    /// How workers are to be had for what is kept here.
    pub(crate) fn pool_options(&self, require_sandbox: bool, preload: Vec<PreloadedModule>) -> PoolOptions {
        let mut options = PoolOptions::new(self.folder.clone());
        options.require_sandbox = require_sandbox;
        options.preload = preload;
        options.worker.show_errors = self.shows_worker_errors;
        options
    }
}
