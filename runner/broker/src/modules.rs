//! Modules, for scripts: where a specifier leads, whether the policy allows that, and what is there.
//!
//! `npm:` and `jsr:` are looked up in a registry (esm.sh, or one like it), `https:` and `http:` are taken as they
//! are. Each URL on the way is put to the policy: the first one, and each that it redirects to. Sources are
//! cached by content, and the policy is asked in any case.

mod cache;
mod download;
mod error;
mod freshness;
mod kind;
mod library;
mod question;
mod shelf;
mod specifier;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{FutureExt as _, future::BoxFuture};
use stasis_core::host::{HostAnswer, HostResult, ModuleSource};
use stasis_policy::Policy;
use tokio::sync::Semaphore;
use url::Url;

pub use self::error::ModuleSetupError;
use self::{
    cache::{Cache, Found},
    error::ModuleError,
    library::Library,
    specifier::Registry,
};
use crate::outbound::Outbound;

/// Most redirects on the way to a module.
const MAX_REDIRECTS: usize = 10;
/// Most bytes of modules that are kept in memory, if there is no folder for them.
const MAX_MEMORY_BYTES: u64 = 64 << 20;
/// Where packages are looked up, unless the operator says otherwise.
const DEFAULT_BASE_URL: &str = "https://esm.sh";

/// Hands out modules.
#[derive(Debug)]
pub struct ModuleBroker {
    shared: Arc<Shared>,
}

/// How modules are served.
#[derive(Debug, Clone)]
pub struct ModuleOptions {
    /// Whether scripts may import anything at all (`--allow-external-modules`).
    pub allow_external: bool,
    /// Who decides which modules may be imported; if there is nobody, all of them may.
    pub policy: Option<Arc<dyn Policy>>,
    /// Where packages are looked up (`--module-base-url`).
    pub base_url: Url,
    /// Where sources are cached; if there is no folder, in memory.
    pub cache_folder: Option<PathBuf>,
    /// Most bytes of the cache; in memory, not more than 64 MiB of it.
    pub cache_bytes: u64,
    /// What each run may import.
    pub limits: ModuleLimits,
}

/// What a run may import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModuleLimits {
    /// Most modules of a run.
    pub modules: u64,
    /// Most bytes of their sources, altogether.
    pub total_bytes: u64,
    /// Most modules of a run that are loaded at the same time; others wait.
    pub concurrent: usize,
    /// How long a server may take for the headers of a response, and again for its body.
    pub within: Duration,
}

/// One run's side of a [`ModuleBroker`].
#[derive(Debug)]
pub struct ModuleRun {
    run: Arc<Run>,
}

#[derive(Debug)]
struct Shared {
    allow_external: bool,
    policy: Option<Arc<dyn Policy>>,
    registry: Registry,
    library: Library,
    limits: ModuleLimits,
}

#[derive(Debug)]
struct Run {
    shared: Arc<Shared>,
    modules: AtomicU64,
    bytes: AtomicU64,
    slots: Semaphore,
}

impl Default for ModuleOptions {
    fn default() -> Self {
        Self {
            allow_external: false,
            policy: None,
            base_url: Url::parse(DEFAULT_BASE_URL).expect("the default is a URL"),
            cache_folder: None,
            cache_bytes: 512 << 20,
            limits: ModuleLimits::default(),
        }
    }
}

impl Default for ModuleLimits {
    fn default() -> Self {
        // A registry builds a package when somebody asks for it first, which takes its time.
        let within = Duration::from_secs(60);
        Self { modules: 5000, total_bytes: 256 << 20, concurrent: 16, within }
    }
}

impl ModuleBroker {
    /// Serves modules, fetched by `outbound`. Waits for the disk if there is a folder.
    ///
    /// # Errors
    /// If the base URL is none, or the folder cannot be used.
    pub fn new(outbound: Outbound, options: ModuleOptions) -> Result<Self, ModuleSetupError> {
        let ModuleOptions { allow_external, policy, base_url, cache_folder, cache_bytes, limits } = options;
        let registry = Registry::new(base_url).ok_or(ModuleSetupError::BaseUrl)?;
        let cache = match cache_folder {
            None => Cache::in_memory(cache_bytes.min(MAX_MEMORY_BYTES)),
            Some(path) => Cache::in_folder(&path, cache_bytes)
                .map_err(|error| ModuleSetupError::Folder { path, error })?,
        };
        let library = Library::new(outbound, cache, limits.within);
        Ok(Self { shared: Arc::new(Shared { allow_external, policy, registry, library, limits }) })
    }

    /// Serves one run. How much it imports is counted until this is dropped.
    pub fn attend(&self) -> ModuleRun {
        let shared = Arc::clone(&self.shared);
        let slots = Semaphore::new(shared.limits.concurrent);
        ModuleRun {
            run: Arc::new(Run { shared, modules: AtomicU64::new(0), bytes: AtomicU64::new(0), slots }),
        }
    }
}

impl ModuleRun {
    /// Loads a module by its absolute specifier. Dropping the future withdraws the question.
    pub fn load(&self, specifier: String) -> BoxFuture<'static, HostResult> {
        let run = Arc::clone(&self.run);
        async move {
            let loaded = run.load(&specifier).await;
            loaded.map(HostAnswer::Module).map_err(|error| error.told(&specifier))
        }
        .boxed()
    }
}

impl Run {
    async fn load(&self, specifier: &str) -> Result<ModuleSource, ModuleError> {
        let Shared { allow_external, registry, limits, .. } = &*self.shared;
        if !allow_external {
            return Err(ModuleError::Off);
        }
        let mut url = registry.locate(specifier)?;
        if !spend(&self.modules, 1, limits.modules) {
            return Err(ModuleError::Modules(limits.modules));
        }
        let _slot = self.slots.acquire().await.expect("the semaphore is never closed");
        // The fragment is no business of the server's, but tells apart modules that are otherwise the same.
        let fragment = url.fragment().map(str::to_owned);
        url.set_fragment(None);
        for _ in 0..=MAX_REDIRECTS {
            if let Some(policy) = &self.shared.policy {
                question::ask(&**policy, specifier, &url).await?;
            }
            match self.shared.library.find(&url).await? {
                Found::Redirect(to) => url = to,
                Found::Source { kind, text } => {
                    if !spend(&self.bytes, text.len() as u64, limits.total_bytes) {
                        return Err(ModuleError::TotalBytes(limits.total_bytes));
                    }
                    url.set_fragment(fragment.as_deref());
                    return Ok(ModuleSource { url: url.into(), kind, text: text.as_ref().to_owned() });
                }
            }
        }
        Err(ModuleError::Redirects(MAX_REDIRECTS))
    }
}

/// Adds to a counter, unless it would go past its limit.
fn spend(counter: &AtomicU64, amount: u64, limit: u64) -> bool {
    let add = |spent: u64| spent.checked_add(amount).filter(|sum| *sum <= limit);
    counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_ok()
}
