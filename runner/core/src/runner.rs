//! The one use case: run a script on a heap, and remember what came of it.

mod request;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use futures::future::BoxFuture;

pub use request::{RequestError, RequestedRun, RunRequest, RunRules};

use crate::{
    Capabilities, Engine, EngineError, ExecutionId, HeapId, Host, NoHost, Outcome, RefError, RefStore,
    SessionEntry, Sessions, TagIndex, Timestamp,
    engine::{Finished, Job, RunEvents, StartState, Timings},
    ref_store::Batch,
};

/// Runs requests: finds the heap to start from, has the engine run the script, and appends to the
/// session.
#[derive(Debug, Clone)]
pub struct Runner {
    engine: Arc<dyn Engine>,
    refs: Arc<dyn RefStore>,
    sessions: Sessions,
    tags: TagIndex,
    host: Arc<dyn Host>,
}

/// Whoever keeps a record of runs: what it has to say of one is committed with the run's own changes, or
/// neither is.
#[async_trait]
pub trait Recorder: Send + Sync {
    /// Called once, when the script has ended: what it returns is how the run ends. Whoever wants to
    /// cancel it afterwards is too late.
    fn decide(&self, outcome: Outcome) -> Outcome;

    /// What is to be committed for a run that has ended so. Called again if the session has moved on
    /// meanwhile.
    async fn closing(&self, report: &Report) -> Result<Batch, RefError>;
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How the script ended.
    pub outcome: Outcome,
    /// The heap that it left.
    pub heap: Option<HeapId>,
    /// Why it left none although it returned and was to leave one.
    pub heap_error: Option<String>,
    /// What became of the session.
    pub session: SessionOutcome,
    /// When it ended.
    pub completed_at: Timestamp,
    /// Where the time went.
    pub timings: Timings,
}

/// What became of the session that a run belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionOutcome {
    /// There is none, or the run did not complete.
    Unchanged,
    /// The run is this entry of it.
    Appended {
        /// The entry's index.
        index: u64,
    },
    /// Other runs of the session have completed since this one was started from its latest heap.
    MovedOn {
        /// How many entries it has now.
        length: u64,
    },
}

/// Why a request could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The engine could not run the script.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Sessions or records could not be read or written.
    #[error(transparent)]
    Refs(#[from] RefError),
}

impl Runner {
    /// Runs on `engine`, with sessions and tags in `refs`. Scripts can reach nothing outside.
    pub fn new(engine: Arc<dyn Engine>, refs: Arc<dyn RefStore>) -> Self {
        let (sessions, tags) = (Sessions::new(refs.clone()), TagIndex::new(refs.clone()));
        Self { engine, refs, sessions, tags, host: Arc::new(NoHost) }
    }

    /// Lets runs reach what `host` grants them.
    #[must_use]
    pub fn with_host(self, host: Arc<dyn Host>) -> Self {
        Self { host, ..self }
    }

    /// What scripts find that reaches outside.
    pub fn capabilities(&self) -> Capabilities {
        self.host.capabilities()
    }

    /// The sessions that runs are appended to.
    pub const fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// The tags of heaps.
    pub const fn tags(&self) -> &TagIndex {
        &self.tags
    }

    /// Whether there is such a heap.
    ///
    /// # Errors
    /// If the store of heaps fails.
    pub async fn has_heap(&self, heap: HeapId) -> Result<bool, EngineError> {
        self.engine.has_heap(heap).await
    }

    /// Carries out a request under the name `id`.
    ///
    /// The heap is durable before anything refers to it. Session, tags and the recorder's changes are
    /// committed together. A run that did not return changes neither session nor tags.
    ///
    /// # Errors
    /// [`RunError`] if the script could not be run, or what came of it could not be kept; the session is
    /// then as it was.
    pub async fn run(
        &self,
        id: ExecutionId,
        request: &RunRequest,
        events: &mut dyn RunEvents,
        cancel: BoxFuture<'_, ()>,
        recorder: &dyn Recorder,
    ) -> Result<Report, RunError> {
        let from = self.resolve(request).await?;
        let job = Job {
            name: request.name().to_owned(),
            code: request.code().to_owned(),
            limits: *request.limits(),
            start: from.heap.map_or(StartState::Fresh, StartState::Heap),
            keep: request.keep(),
            capabilities: self.host.capabilities(),
        };
        let mut host = self.host.attend();
        let mut finished = self.engine.run(&job, events, &mut *host, cancel).await?;
        finished.outcome = recorder.decide(finished.outcome);
        if !matches!(finished.outcome, Outcome::Returned(_)) {
            finished.heap = None;
        }
        self.settle(id, request, from, finished, recorder).await
    }

    async fn resolve(&self, request: &RunRequest) -> Result<Origin, RefError> {
        match (request.heap(), request.session()) {
            (Some(heap), _) => Ok(Origin { heap: Some(heap), expected_length: None }),
            (None, None) => Ok(Origin { heap: None, expected_length: None }),
            (None, Some(session)) => {
                let position = self.sessions.position(session).await?;
                Ok(Origin { heap: position.latest, expected_length: Some(position.length) })
            }
        }
    }

    /// Commits what came of a run.
    async fn settle(
        &self,
        id: ExecutionId,
        request: &RunRequest,
        from: Origin,
        finished: Finished,
        recorder: &dyn Recorder,
    ) -> Result<Report, RunError> {
        let (heap, heap_error) = match finished.heap {
            Some(Ok(heap)) => (Some(heap), None),
            Some(Err(error)) => (None, Some(error)),
            None => (None, None),
        };
        let mut report = Report {
            outcome: finished.outcome,
            heap,
            heap_error: heap_error.map(|error| error.to_string()),
            session: SessionOutcome::Unchanged,
            completed_at: Timestamp::now(),
            timings: finished.timings,
        };
        loop {
            let mut batch = Batch::default();
            if let Some(heap) = heap {
                batch.append(self.append(id, request, from, heap, &mut report).await?);
                if !request.tags().is_empty() {
                    batch.append(self.tags.setting(heap, request.tags()).await?);
                }
            }
            batch.append(recorder.closing(&report).await?);
            match self.refs.commit(batch).await {
                Ok(()) => return Ok(report),
                // Somebody else was faster: look again.
                Err(RefError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The changes to the session, if there is one and it is still where the run found it.
    async fn append(
        &self,
        id: ExecutionId,
        request: &RunRequest,
        from: Origin,
        heap: HeapId,
        report: &mut Report,
    ) -> Result<Batch, RefError> {
        let Some(session) = request.session() else { return Ok(Batch::default()) };
        let length = self.sessions.position(session).await?.length;
        if from.expected_length.is_some_and(|expected| expected != length) {
            report.session = SessionOutcome::MovedOn { length };
            return Ok(Batch::default());
        }
        report.session = SessionOutcome::Appended { index: length };
        let entry = SessionEntry {
            index: length,
            input_heap: from.heap,
            output_heap: heap,
            code: request.code().to_owned(),
            timestamp: report.completed_at,
        };
        self.sessions.appending(session, &entry, id).await
    }
}

/// Where a run starts from.
#[derive(Debug, Clone, Copy)]
struct Origin {
    heap: Option<HeapId>,
    /// How long the session must still be when the run has completed; none, if the caller named the
    /// heap: that is a branch, which does not depend on where the session stands.
    expected_length: Option<u64>,
}

impl fmt::Display for SessionOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unchanged => f.write_str("no session was changed"),
            Self::Appended { index } => write!(f, "appended as entry {index}"),
            Self::MovedOn { length } => write!(
                f,
                "another run of the session completed first: the session has {length} entries now and does \
                 not include this run; its heap is kept, pass it as heap to go on from it"
            ),
        }
    }
}

#[cfg(test)]
mod tests;
