//! Runs on the base image, forked before anybody asks for them: a fork takes longer than a short script.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use super::{Inner, PoolError, waiting::Forked};

/// Processes that wait for their one script.
#[derive(Debug)]
pub(super) struct Spares {
    wanted: usize,
    ready: Mutex<VecDeque<Forked>>,
    /// Whether somebody is refilling already.
    refilling: AtomicBool,
}

impl Spares {
    pub(super) fn new(wanted: usize) -> Self {
        Self { wanted, ready: Mutex::default(), refilling: AtomicBool::new(false) }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Forked>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take(&self) -> Option<Forked> {
        self.lock().pop_front()
    }

    /// Drops all, because one was found dead: whatever killed it may have killed the others.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    fn missing(&self) -> usize {
        self.wanted.saturating_sub(self.count())
    }

    /// Whether it is time to fork others: several together take less than one at a time.
    fn run_low(&self) -> bool {
        self.missing() >= (self.wanted / 2).max(1)
    }
}

impl Inner {
    /// Forks as many spares as are missing, in the background.
    pub(super) fn refill_spares(self: &Arc<Self>) {
        if !self.spares.run_low() || self.spares.refilling.swap(true, Relaxed) {
            return;
        }
        let pool = self.clone();
        tokio::spawn(async move {
            while let missing @ 1.. = pool.spares.missing() {
                // Whoever needs a process next will see what is wrong.
                let Ok(forked) = pool.fork_spares(missing).await else { break };
                pool.spares.lock().extend(forked);
            }
            pool.spares.refilling.store(false, Relaxed);
        });
    }

    async fn fork_spares(&self, count: usize) -> Result<Vec<Forked>, PoolError> {
        let template = self.base_template().await?;
        template.fork_spares(count, self.patience_to_fork()).await
    }
}
