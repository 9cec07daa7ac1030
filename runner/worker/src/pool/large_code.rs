//! The program's code in large pages: copied once a pool has shown that it is used.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU32, Ordering::Relaxed},
};

use stasis_image::{CodeCopy, Image};

use super::{Inner, PoolError};
use crate::protocol::CodePart;

/// Runs after which the code is copied: it takes as much memory as the code, and pays for itself after
/// some hundred runs.
const COPY_AFTER_RUNS: u32 = 32;

/// The copy, if there is one.
#[derive(Debug, Default)]
pub(super) struct LargeCode {
    copy: OnceLock<CodeCopy>,
    runs: AtomicU32,
}

impl LargeCode {
    pub(super) fn get(&self) -> Option<&CodeCopy> {
        self.copy.get()
    }

    /// Counts a run; says whether it is the one after which the code is to be copied.
    fn count(&self) -> bool {
        self.runs.load(Relaxed) < COPY_AFTER_RUNS && self.runs.fetch_add(1, Relaxed) == COPY_AFTER_RUNS - 1
    }
}

/// What a copy shows, as workers are told.
pub(super) fn parts_of(copy: &CodeCopy) -> Vec<CodePart> {
    copy.parts().iter().copied().map(Into::into).collect()
}

impl Inner {
    /// To be called at each run: copies the code in the background when it is time.
    pub(super) fn count_run(self: &Arc<Self>) {
        if !self.options.keeps_heaps || !self.code.count() {
            return;
        }
        let pool = self.clone();
        tokio::spawn(async move {
            if let Err(error) = pool.copy_code().await {
                tracing::debug!(error = &error as &dyn std::error::Error, "code stays in small pages");
            }
        });
    }

    async fn copy_code(self: &Arc<Self>) -> Result<(), PoolError> {
        if !self.zygote().await?.has_large_pages() {
            return Ok(());
        }
        let base = self.bases.current(self).await?;
        let pool = self.clone();
        let copying = tokio::task::spawn_blocking(move || {
            let image =
                Image::read(base.image.file()).map_err(|error| PoolError::NotThawed(error.to_string()))?;
            CodeCopy::make(&pool.loader, &image).map_err(PoolError::System)
        });
        let copy = copying.await.map_err(|error| PoolError::Worker(error.to_string()))??;
        // Nobody else sets it.
        let _first = self.code.copy.set(copy);
        // What waits already was made without.
        let template = self.thaw_base().await?;
        *self.base_template.lock().await = Some(template);
        self.spares.clear();
        self.refill_spares();
        Ok(())
    }
}
