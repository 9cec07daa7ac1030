//! The port behind which scripts are run.

pub mod fake;

use std::{error::Error, fmt, time::Duration};

use async_trait::async_trait;
use futures::future::BoxFuture;

use crate::{Capabilities, ConsoleLevel, HeapId, Limits, Outcome, RunHost};

/// Runs scripts on heaps. What a script asks for goes to the run's host.
///
/// * A run ends when the script returns or throws, exceeds a limit, or `cancel` resolves, and within its
///   wall-clock limit plus a moment.
/// * A run that returned and is to be kept leaves a heap that is durable when `run` returns. Any other
///   run leaves nothing.
/// * Runs share nothing but the heaps they start from, which no run changes.
/// * If the future is dropped, the run is killed.
#[async_trait]
pub trait Engine: fmt::Debug + Send + Sync {
    /// Runs one script.
    ///
    /// # Errors
    /// [`EngineError`] if it could not be run. What a script does is never an error.
    async fn run(
        &self,
        job: &Job,
        events: &mut dyn RunEvents,
        host: &mut dyn RunHost,
        cancel: BoxFuture<'_, ()>,
    ) -> Result<Finished, EngineError>;

    /// Whether a heap is there; says nothing of whether it can be used.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be asked.
    async fn has_heap(&self, heap: HeapId) -> Result<bool, EngineError>;
}

/// One script to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// What the script is called in stack traces; a `file:` or `https:` URL if it may import modules
    /// relative to itself.
    pub name: String,
    /// JavaScript or TypeScript.
    pub code: String,
    /// What it may use.
    pub limits: Limits,
    /// The state it starts from.
    pub start: StartState,
    /// Whether to keep the state that it leaves.
    pub keep: bool,
    /// What it finds that reaches outside.
    pub capabilities: Capabilities,
}

/// The state that a run starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartState {
    /// Nothing is defined but the runtime's own.
    Fresh,
    /// What an earlier run left.
    Heap(HeapId),
}

impl StartState {
    /// The heap, if it is one.
    pub const fn heap(self) -> Option<HeapId> {
        match self {
            Self::Fresh => None,
            Self::Heap(heap) => Some(heap),
        }
    }
}

/// What happens while a run goes on.
pub trait RunEvents: Send {
    /// The script printed something. Called in order.
    fn console(&mut self, level: ConsoleLevel, text: &str);

    /// The script can do nothing until its host answers, and needs no processor meanwhile.
    fn sleeps(&mut self) {}

    /// The script goes on.
    fn wakes(&mut self) {}

    /// The script has ended and its process needs no processor any more; its heap may still be on the
    /// way to the store. Called at most once.
    fn ended(&mut self) {}
}

/// A run that has ended.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub outcome: Outcome,
    /// The heap that it left; none if it was not to be kept or did not return. An error means that
    /// only saving failed.
    pub heap: Option<Result<HeapId, EngineError>>,
    /// Where the time went.
    pub timings: Timings,
}

/// Where a run's time went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings {
    /// From the request to a process that has the job.
    pub start: Duration,
    /// Until the outcome.
    pub run: Duration,
    /// Until the image was complete.
    pub freeze: Duration,
    /// Until the heap was durable.
    pub store: Duration,
}

/// What an engine could not do. `Display` is for the caller; the source is for the log.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store has no such heap.
    #[error("there is no heap {0}")]
    Absent(HeapId),
    /// The heap is there and must not be used: damaged, forged, or made by another build.
    #[error("heap {heap} cannot be used: {why}")]
    Unusable {
        /// Which one.
        heap: HeapId,
        /// What is wrong with it.
        why: String,
    },
    /// The store of heaps is full.
    #[error("the heap store is full")]
    Full(#[source] Box<dyn Error + Send + Sync>),
    /// The state could not be kept for a reason that lies in the run.
    #[error("the state could not be saved: {0}")]
    NotSaved(String),
    /// The store of heaps failed; trying again may help.
    #[error("the heap store is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The engine failed.
    #[error("the engine failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}
