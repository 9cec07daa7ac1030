//! The pool as the engine that everything above knows.

use async_trait::async_trait;
use futures::future::BoxFuture;
use stasis_core::{
    Engine, EngineError, HeapId, RunHost, StoreError,
    engine::{Finished, Job, RunEvents},
};
use stasis_store::HeapError;

use super::{Pool, PoolError};

#[async_trait]
impl Engine for Pool {
    async fn run(
        &self,
        job: &Job,
        events: &mut dyn RunEvents,
        host: &mut dyn RunHost,
        cancel: BoxFuture<'_, ()>,
    ) -> Result<Finished, EngineError> {
        let start = job.start.heap();
        let finished =
            self.run(job, events, host, cancel).await.map_err(|error| engine_error(start, error))?;
        let heap = finished.heap.map(|heap| heap.map_err(|error| engine_error(None, error)));
        Ok(Finished { outcome: finished.outcome, heap, timings: finished.timings })
    }

    async fn has_heap(&self, heap: HeapId) -> Result<bool, EngineError> {
        match self.inner.heaps.info(heap).await {
            Ok(info) => Ok(info.is_some()),
            // What is wrong with it is said when it is used.
            Err(HeapError::Corrupt { .. } | HeapError::Forged(_) | HeapError::OtherFormat { .. }) => Ok(true),
            Err(error) => Err(heap_error(Some(heap), error)),
        }
    }
}

/// What an error means to whoever asked for a run that was to start from `heap`.
fn engine_error(heap: Option<HeapId>, error: PoolError) -> EngineError {
    match (heap, error) {
        (_, PoolError::Heap(error)) => heap_error(heap, error),
        (_, error @ PoolError::NoMemoryToSave) => EngineError::NotSaved(error.to_string()),
        (Some(heap), PoolError::NotThawed(why)) => EngineError::Unusable { heap, why },
        (_, error) => EngineError::Failed(Box::new(error)),
    }
}

fn heap_error(heap: Option<HeapId>, error: HeapError) -> EngineError {
    match (heap, error) {
        (Some(heap), HeapError::BaseAbsent { base, .. }) => {
            EngineError::Unusable { heap, why: format!("its base image {base} is missing") }
        }
        (_, HeapError::Absent(heap)) => EngineError::Absent(heap),
        (_, HeapError::Store(error @ StoreError::Full(_))) => EngineError::Full(Box::new(error)),
        (_, HeapError::Store(error)) => EngineError::Unavailable(Box::new(error)),
        (None, error @ HeapError::TooLarge { .. }) => EngineError::NotSaved(error.to_string()),
        (
            Some(heap),
            error @ (HeapError::Corrupt { .. }
            | HeapError::Forged(_)
            | HeapError::OtherFormat { .. }
            | HeapError::TooLarge { .. }),
        ) => EngineError::Unusable { heap, why: error.to_string() },
        (_, error) => EngineError::Failed(Box::new(error)),
    }
}
