//! Processes that stay when they have frozen. The heap that a run left is, most often, resumed once: by the next
//! run of its session. The process that left it has it in memory, and goes on with that run.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lru::LruCache;
use stasis_core::{HeapId, Limits};

use super::waiting::Forked;

/// How long a process may have been at work before: its processor time counts against the kernel's limit of
/// each run, which has less than twice this to spare.
const MAX_WORKED: Duration = Duration::from_secs(1);

/// A process that is in the state of the heap that it left.
#[derive(Debug)]
pub(super) struct Warm {
    pub(super) worker: Forked,
    /// How long it was at work in all its runs.
    pub(super) worked: Duration,
    /// The kernel holds it to these, which can be lowered and never raised.
    pub(super) limits: Limits,
}

impl Warm {
    fn can_run_within(&self, limits: &Limits) -> bool {
        let memory = |limits: &Limits| limits.heap.get().saturating_add(limits.external.get());
        memory(limits) <= memory(&self.limits) && limits.wall_clock <= self.limits.wall_clock
    }
}

/// A bounded number of them; the one that left its heap first goes first.
#[derive(Debug)]
pub(super) struct WarmProcesses(Option<Mutex<LruCache<HeapId, Warm>>>);

impl WarmProcesses {
    pub(super) fn new(max: usize) -> Self {
        Self(NonZeroUsize::new(max).map(|max| Mutex::new(LruCache::new(max))))
    }

    fn lock(&self) -> Option<MutexGuard<'_, LruCache<HeapId, Warm>>> {
        self.0.as_ref().map(|processes| processes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a process that has been at work for this long is worth keeping.
    pub(super) fn wants(&self, worked: Duration) -> bool {
        self.0.is_some() && worked <= MAX_WORKED
    }

    /// Keeps the process that left `heap`.
    pub(super) fn keep(&self, heap: HeapId, process: Warm) {
        // What has to go is killed, and that not under the lock.
        let _gone = self.lock().and_then(|mut processes| processes.push(heap, process));
    }

    /// The process that left `heap`, if it is here and can be held to these limits.
    pub(super) fn take(&self, heap: HeapId, limits: &Limits) -> Option<Warm> {
        let mut processes = self.lock()?;
        processes.peek(&heap)?.can_run_within(limits).then(|| processes.pop(&heap))?
    }

    pub(super) fn count(&self) -> usize {
        self.lock().map_or(0, |processes| processes.len())
    }
}
