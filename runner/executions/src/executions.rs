//! The one door to executions.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use stasis_core::{
    EngineError, ExecutionId, ExecutionLog, ExecutionRecord, ExecutionSummary, HeapId, ListOrder, OutputPage,
    OutputRange, RefError, Report, RunError, RunRequest, Runner, Status,
};
use tokio::task::JoinHandle;
use tracing::Instrument as _;

use crate::{
    Ended, FailureKind, Retention,
    admission::{Admission, Bounds, Caller, Entrance, Permit, Refused},
    events::Events,
    live::{Cancel, INTERRUPTED, Live},
    measure, retention,
};

/// How executions are to be carried out.
#[derive(Debug, Clone, Copy)]
pub struct ExecutionOptions {
    /// How many scripts run at a time.
    pub concurrency: usize,
    /// How many may wait for their turn.
    pub queue_max: usize,
    /// How long they are remembered.
    pub retention: Retention,
}

/// Carries out executions and answers for them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Executions {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    runner: Runner,
    log: ExecutionLog,
    admission: Arc<Admission>,
    live: Mutex<HashMap<ExecutionId, Arc<Live>>>,
    retention: Retention,
    cleaning: JoinHandle<()>,
}

/// When the store has to know of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Starting {
    /// Before [`Executions::submit`] returns: its name is going to be told.
    Recorded,
    /// When it takes longer than a moment: its name is told with how it ended.
    Awaited,
}

/// Why an execution was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// As many wait as may.
    #[error("too many executions are waiting; try again in {}s", retry_after.as_secs())]
    QueueFull {
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// The server is being stopped.
    #[error("the server is being stopped")]
    ShuttingDown,
    /// The heap that it is to start from is not there.
    #[error("there is no heap {0}")]
    NoHeap(HeapId),
    /// The store of heaps cannot be asked.
    #[error(transparent)]
    Engine(EngineError),
    /// The store of records cannot be written.
    #[error(transparent)]
    Refs(RefError),
}

/// Why an execution was not cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// There is no such execution.
    #[error("there is no execution {0}")]
    Absent(ExecutionId),
    /// It has ended.
    #[error("the execution has already ended")]
    Ended,
    /// It runs on another server.
    #[error("the execution runs on another server")]
    Elsewhere,
    /// The store of records cannot be read.
    #[error(transparent)]
    Refs(#[from] RefError),
}

/// What is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Scripts that run.
    pub running: usize,
    /// Executions that wait for their turn.
    pub waiting: usize,
}

/// Runs that wait for an answer of their host and take no processor: others run in their place.
const MAX_ASLEEP: usize = 512;
/// Runs whose heaps are on their way to the store, for each that may run.
const SAVING_PER_RUNNING: usize = 8;
/// How long an execution that is awaited may take before the store is told of it.
const BEGIN_AFTER: Duration = Duration::from_millis(50);
/// What those who are refused are told to wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Executions {
    /// Begins to accept executions. Those that this server had not finished when it was last stopped
    /// have failed.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn start(
        runner: Runner,
        log: ExecutionLog,
        options: ExecutionOptions,
    ) -> Result<Self, RefError> {
        let interrupted = log.fail_unfinished(INTERRUPTED).await?;
        if interrupted > 0 {
            tracing::warn!(interrupted, "executions were interrupted when the server was last stopped");
        }
        let bounds = Bounds {
            running: options.concurrency,
            going: options.concurrency * (1 + SAVING_PER_RUNNING),
            waiting: options.queue_max,
            asleep: MAX_ASLEEP,
        };
        let retention = options.retention;
        let cleaning = tokio::spawn(retention::keep_clean(log.clone(), retention));
        let (admission, live) = (Admission::new(bounds), Mutex::default());
        Ok(Self { inner: Arc::new(Inner { runner, log, admission, live, retention, cleaning }) })
    }

    /// What runs requests; sessions and tags are reached through it.
    pub fn runner(&self) -> &Runner {
        &self.inner.runner
    }

    /// How long executions are remembered.
    pub fn retention(&self) -> Retention {
        self.inner.retention
    }

    /// Accepts an execution, or refuses it at once.
    ///
    /// # Errors
    /// [`SubmitError`]; nothing is run then.
    pub async fn submit(
        &self,
        request: RunRequest,
        caller: &Caller,
        starting: Starting,
    ) -> Result<ExecutionId, SubmitError> {
        self.launch(request, caller, starting).await.map(|live| live.id)
    }

    /// Accepts an execution and waits for its end, but not longer than `patience`.
    ///
    /// # Errors
    /// [`SubmitError`]; nothing is run then.
    pub async fn submit_and_wait(
        &self,
        request: RunRequest,
        caller: &Caller,
        patience: Duration,
    ) -> Result<Result<Arc<Ended>, ExecutionId>, SubmitError> {
        let live = self.launch(request, caller, Starting::Awaited).await?;
        match tokio::time::timeout(patience, live.ended()).await {
            Ok(ended) => Ok(Ok(ended)),
            Err(_) => {
                live.begin().await.map_err(SubmitError::Refs)?;
                Ok(live.has_ended().ok_or(live.id))
            }
        }
    }

    /// An execution's record, if there is one. The record of an execution that goes on says so.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn record(&self, id: ExecutionId) -> Result<Option<ExecutionRecord>, RefError> {
        match self.inner.find(id) {
            Some(live) => Ok(Some(live.record())),
            None => self.inner.log.record(id).await,
        }
    }

    /// An execution's record as soon as it has ended, or when `patience` is over.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn wait(
        &self,
        id: ExecutionId,
        patience: Duration,
    ) -> Result<Option<ExecutionRecord>, RefError> {
        if let Some(live) = self.inner.find(id) {
            let in_time = tokio::time::timeout(patience, live.ended()).await;
            return Ok(Some(in_time.map_or_else(|_| live.record(), |ended| ended.record.clone())));
        }
        self.inner.log.record(id).await
    }

    /// Ends an execution. After this has returned, it never ends otherwise.
    ///
    /// # Errors
    /// [`CancelError`] if it is not there, has ended, or runs elsewhere.
    pub async fn cancel(&self, id: ExecutionId) -> Result<(), CancelError> {
        if let Some(live) = self.inner.find(id) {
            return if live.cancel(Cancel::Caller) { Ok(()) } else { Err(CancelError::Ended) };
        }
        match self.inner.log.summary(id).await? {
            None => Err(CancelError::Absent(id)),
            Some(summary) if summary.status.is_terminal() => Err(CancelError::Ended),
            Some(_) => Err(CancelError::Elsewhere),
        }
    }

    /// Executions, the newest first, those older than `after`, at most `limit`.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn list(
        &self,
        after: Option<ExecutionId>,
        limit: usize,
    ) -> Result<Vec<ExecutionSummary>, RefError> {
        let mut live = self.inner.summaries();
        live.retain(|summary| after.is_none_or(|after| summary.id < after));
        let mut list = self.inner.log.list(ListOrder::NewestFirst, after, limit).await?;
        // What has ended in this moment is in both, and what the store says of it is later.
        list.retain(|stored| stored.status.is_terminal() || !live.iter().any(|live| live.id == stored.id));
        live.retain(|live| !list.iter().any(|stored| stored.id == live.id));
        list.append(&mut live);
        list.sort_by_key(|summary| std::cmp::Reverse(summary.id));
        list.truncate(limit);
        Ok(list)
    }

    /// A part of what an execution has printed, and its status just before that was read: what had ended by
    /// then has nothing to add. None if there is no such execution. What was printed in the last moment may
    /// be missing while it goes on.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn output(
        &self,
        id: ExecutionId,
        range: OutputRange,
    ) -> Result<Option<(Status, OutputPage)>, RefError> {
        let log = &self.inner.log;
        let status = match self.inner.find(id) {
            Some(live) => match live.has_ended() {
                Some(ended) => ended.record.status,
                None => {
                    let page = log.output_up_to(id, range, live.output.durable_length()).await?;
                    return Ok(Some((Status::Running, page)));
                }
            },
            None => match log.summary(id).await? {
                Some(summary) => summary.status,
                None => return Ok(None),
            },
        };
        Ok(Some((status, log.output(id, range).await?)))
    }

    /// Whether executions can be accepted.
    ///
    /// # Errors
    /// Why not.
    pub async fn ready(&self) -> Result<(), SubmitError> {
        if self.inner.admission.is_closed() {
            return Err(SubmitError::ShuttingDown);
        }
        self.inner.log.list(ListOrder::NewestFirst, None, 1).await.map(drop).map_err(SubmitError::Refs)
    }

    /// What is going on.
    pub fn load(&self) -> Load {
        let (running, waiting) = self.inner.admission.load();
        Load { running, waiting }
    }

    /// Accepts nothing more, waits for what is going on, and after `grace` ends it. Returns when all of
    /// it is in the store.
    pub async fn shut_down(&self, grace: Duration) {
        let inner = &self.inner;
        inner.admission.close();
        inner.cleaning.abort();
        let all = |lives: Vec<Arc<Live>>| async move {
            for live in lives {
                live.ended().await;
            }
        };
        if tokio::time::timeout(grace, all(inner.lives())).await.is_err() {
            let left = inner.lives();
            tracing::warn!(left = left.len(), "executions are interrupted");
            for live in &left {
                live.cancel(Cancel::Shutdown);
            }
            all(left).await;
        }
    }

    async fn launch(
        &self,
        request: RunRequest,
        caller: &Caller,
        starting: Starting,
    ) -> Result<Arc<Live>, SubmitError> {
        let inner = &self.inner;
        if let Some(heap) = request.heap()
            && !inner.runner.has_heap(heap).await.map_err(SubmitError::Engine)?
        {
            return Err(SubmitError::NoHeap(heap));
        }
        let entrance = inner.admission.enter(caller).map_err(|refused| {
            measure::refused();
            match refused {
                Refused::Full => SubmitError::QueueFull { retry_after: RETRY_AFTER },
                Refused::Closed => SubmitError::ShuttingDown,
            }
        })?;
        let live = Live::new(inner.log.clone(), request.session().cloned());
        inner.lock().insert(live.id, live.clone());
        let session = request.session().map(ToString::to_string);
        let span =
            tracing::info_span!("run", id = %live.id, session, heap = request.heap().map(|h| h.to_string()));
        tokio::spawn(inner.clone().carry_out(live.clone(), request, entrance).instrument(span));
        if starting == Starting::Recorded
            && let Err(error) = live.begin().await
        {
            // Nobody learns its name: it is not to go on.
            live.cancel(Cancel::Shutdown);
            return Err(SubmitError::Refs(error));
        }
        Ok(live)
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, HashMap<ExecutionId, Arc<Live>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, id: ExecutionId) -> Option<Arc<Live>> {
        self.lock().get(&id).cloned()
    }

    fn lives(&self) -> Vec<Arc<Live>> {
        self.lock().values().cloned().collect()
    }

    fn summaries(&self) -> Vec<ExecutionSummary> {
        self.lives().iter().map(|live| ExecutionSummary::from(&live.record())).collect()
    }

    /// Takes an execution to its end.
    async fn carry_out(self: Arc<Self>, live: Arc<Live>, request: RunRequest, entrance: Entrance) {
        let asked = Instant::now();
        let work = self.run(&live, &request, entrance, asked);
        let (ended, report) = tokio::select! {
            ended = work => ended,
            // Both go on forever, or until the store fails, which the end of the run will find as well.
            never = keep_record(&self.log, &live) => never,
        };
        let record = &ended.record;
        measure::ended(record.status, asked.elapsed(), report.as_ref().map(|report| &report.timings));
        tracing::info!(
            status = record.status.as_str(),
            heap = record.heap.map(|heap| heap.to_string()),
            output_bytes = record.output.bytes,
            milliseconds = asked.elapsed().as_millis() as u64,
            "run ended"
        );
        live.end(ended);
        self.lock().remove(&live.id);
    }

    async fn run(
        &self,
        live: &Arc<Live>,
        request: &RunRequest,
        entrance: Entrance,
        asked: Instant,
    ) -> (Ended, Option<Report>) {
        let permit = tokio::select! {
            biased;
            () = live.cancelled() => None,
            permit = turn(entrance) => permit,
        };
        let Some(permit) = permit else {
            live.close();
            return (self.end(live, live.cancelled_record(), None).await, None);
        };
        measure::waited(asked.elapsed());
        live.start();
        let mut events = Events::new(live.clone(), permit);
        let cancelled = Box::pin(live.cancelled());
        match self.runner.run(live.id, request, &mut events, cancelled, &**live).await {
            Ok(report) => {
                let record = live.finished_record(&report);
                (Ended { record, failure: None }, Some(report))
            }
            Err(_) if live.close() => (self.end(live, live.cancelled_record(), None).await, None),
            Err(error) => {
                let failure = FailureKind::of(&error);
                if failure == FailureKind::Internal {
                    tracing::error!(error = &error as &dyn std::error::Error, "run failed");
                } else {
                    tracing::warn!(error = &error as &dyn std::error::Error, "run failed");
                }
                (self.end(live, live.failed_record(&error), Some(failure)).await, None)
            }
        }
    }

    /// Ends an execution of which nothing but its record is to be stored.
    async fn end(&self, live: &Live, record: ExecutionRecord, failure: Option<FailureKind>) -> Ended {
        let stored = async { self.log.commit(live.last_batch(&record).await?).await };
        match stored.await {
            Ok(()) => Ended { record, failure },
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a record cannot be stored");
                Ended { record, failure: Some(FailureKind::of(&RunError::Refs(error))) }
            }
        }
    }
}

/// Waits for the turn that an entrance leads to.
async fn turn(entrance: Entrance) -> Option<Permit> {
    match entrance {
        Entrance::Now(permit) => Some(permit),
        Entrance::Later(place) => place.turn().await,
    }
}

/// Has the store know of an execution that takes longer than a moment, and of what it prints.
async fn keep_record<T>(log: &ExecutionLog, live: &Live) -> T {
    tokio::time::sleep(BEGIN_AFTER).await;
    let written = async {
        live.begin().await?;
        live.output.write(log, live.id).await
    };
    if let Err(error) = written.await {
        tracing::warn!(error = &error as &dyn std::error::Error, "output cannot be stored");
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests;
