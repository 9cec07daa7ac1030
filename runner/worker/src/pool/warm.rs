//! Processes that stay when they have frozen. The heap that a run left is, most often, resumed once: by the next
//! run of its session. The process that left it has it in memory, and goes on with that run.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use lru::LruCache;
use stasis_core::{HeapId, Limits};

use super::{Inner, run::Origin, waiting::Forked};

/// How long a process may have been at work before: its processor time counts against the kernel's limit for each
/// run, which leaves two seconds over what the run itself may take.
const MAX_WORKED: Duration = Duration::from_secs(1);
/// How long a process is left in peace. Where more sessions take turns than there is room for, some are found here,
/// instead of each making room for another one just before it is needed.
const STAY: Duration = Duration::from_secs(3);

/// A process that is in the state of the heap that it left.
#[derive(Debug)]
pub(super) struct Warm {
    pub(super) worker: Forked,
    /// What its next run starts from.
    pub(super) origin: Origin,
    /// The kernel holds it to these, which can be lowered and never raised.
    pub(super) limits: Limits,
}

impl Warm {
    fn can_run_within(&self, limits: &Limits) -> bool {
        let memory = |limits: &Limits| limits.heap.get().saturating_add(limits.external.get());
        memory(limits) <= memory(&self.limits) && limits.wall_clock <= self.limits.wall_clock
    }
}

/// A bounded number of them, each with the time since when it is here; the one that has been here longest goes first.
#[derive(Debug)]
pub(super) struct WarmProcesses {
    list: Option<Mutex<LruCache<HeapId, (Instant, Warm)>>>,
    /// Whether somebody looks after those that have been here for too long.
    watched: AtomicBool,
}

impl WarmProcesses {
    pub(super) fn new(max: usize) -> Self {
        let list = NonZeroUsize::new(max).map(|max| Mutex::new(LruCache::new(max)));
        Self { list, watched: AtomicBool::new(false) }
    }

    fn lock(&self) -> Option<MutexGuard<'_, LruCache<HeapId, (Instant, Warm)>>> {
        self.list.as_ref().map(|processes| processes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a process that has been at work for this long is worth keeping, and there is room.
    pub(super) fn wants(&self, worked: Duration) -> bool {
        let Some(processes) = self.lock() else { return false };
        let has_room = || processes.len() < processes.cap().get();
        let replaceable = || processes.peek_lru().is_some_and(|(_, (since, _))| since.elapsed() >= STAY);
        worked <= MAX_WORKED && (has_room() || replaceable())
    }

    /// Keeps the process that left `heap`, unless there is one already. It is stopped: whatever runs in it, it does
    /// nothing until it is taken.
    pub(super) fn keep(&self, heap: HeapId, process: Warm) {
        process.worker.child.stop();
        // What has to go is killed, and that not under the lock.
        let _gone = self.lock().and_then(|mut processes| match processes.contains(&heap) {
            true => Some((heap, (Instant::now(), process))),
            false => processes.push(heap, (Instant::now(), process)),
        });
    }

    /// The process that left `heap`, if it is here and can be held to these limits.
    pub(super) fn take(&self, heap: HeapId, limits: &Limits) -> Option<Warm> {
        let mut processes = self.lock()?;
        let (_, process) = processes.peek(&heap)?;
        let fits = process.can_run_within(limits);
        fits.then(|| processes.pop(&heap))?.map(|(_, process)| process)
    }

    pub(super) fn count(&self) -> usize {
        self.lock().map_or(0, |processes| processes.len())
    }

    /// Whether nobody needs to look any more; says so to those who come later.
    fn is_unwatched(&self) -> bool {
        if self.count() > 0 {
            return false;
        }
        self.watched.store(false, SeqCst);
        // One that came in this moment saw that somebody looks.
        self.count() == 0 || self.watched.swap(true, SeqCst)
    }

    /// Ends one that has been here for this long; says whether there was one.
    fn end_one_after(&self, age: Duration) -> bool {
        let ended = self.lock().and_then(|mut processes| {
            let (_, (since, _)) = processes.peek_lru()?;
            (since.elapsed() >= age).then(|| processes.pop_lru())?
        });
        // It is killed here, not under the lock.
        ended.is_some()
    }
}

impl Inner {
    /// Sees to it, in the background, that no process stays for longer than it is to.
    pub(super) fn watch_warm_processes(self: &Arc<Self>) {
        if self.warm.count() == 0 || self.warm.watched.swap(true, SeqCst) {
            return;
        }
        /// How often it looks in that time.
        const LOOKS: u32 = 8;
        let (pool, stay) = (Arc::downgrade(self), self.options.warm_for);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(stay / LOOKS).await;
                let Some(pool) = pool.upgrade() else { break };
                while pool.warm.end_one_after(stay) {}
                if pool.warm.is_unwatched() {
                    break;
                }
            }
        });
    }
}
