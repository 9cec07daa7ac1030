//! An execution that has not ended: its state machine.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use stasis_core::{
    EngineError, ExecutionId, ExecutionLog, ExecutionRecord, Outcome, Recorder, RefError, Report, RunError,
    SessionName, SessionOutcome, Status, StopReason, Timestamp, engine::Timings, ref_store::Batch,
};
use tokio::sync::watch;

use crate::output::Output;

/// An execution from when it is asked for until its record is durable.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) id: ExecutionId,
    pub(crate) output: Output,
    session: Option<SessionName>,
    log: ExecutionLog,
    state: Mutex<State>,
    cancelled: watch::Sender<Option<Cancel>>,
    ended: watch::Sender<Option<Arc<Ended>>>,
    begun: tokio::sync::Mutex<Begun>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running {
        since: Timestamp,
    },
    /// How it ends is decided, and is being made durable.
    Ending {
        since: Option<Timestamp>,
    },
}

/// Who ended an execution from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cancel {
    /// Somebody asked for it.
    Caller,
    /// The server is being stopped.
    Shutdown,
}

/// What is said of executions that a server did not bring to their end.
pub(crate) const INTERRUPTED: &str = "interrupted by a server restart";

/// Whether the store has a record of an execution that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    NotYet,
    Yes,
    /// It ended so soon that its only record is the last one.
    Never,
}

/// An execution that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its record, as it is stored.
    pub record: ExecutionRecord,
    /// If it ended because we failed: in what way.
    pub failure: Option<FailureKind>,
}

/// In what way the server failed to carry out a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The heap that it names is not there.
    Absent,
    /// The heap that it names cannot be used.
    Unusable,
    /// A store cannot be reached; it may be worth trying again.
    Unavailable,
    /// Something else.
    Internal,
}

impl FailureKind {
    pub(crate) const fn of(error: &RunError) -> Self {
        match error {
            RunError::Engine(error) => match error {
                EngineError::Absent(_) => Self::Absent,
                EngineError::Unusable { .. } => Self::Unusable,
                EngineError::Unavailable(_) | EngineError::Full(_) => Self::Unavailable,
                EngineError::NotSaved(_) | EngineError::Failed(_) => Self::Internal,
            },
            RunError::Refs(error) => match error {
                RefError::Conflict | RefError::Full(_) | RefError::Unavailable(_) => Self::Unavailable,
                RefError::Damaged(_) => Self::Internal,
            },
        }
    }
}

impl Live {
    pub(crate) fn new(log: ExecutionLog, session: Option<SessionName>) -> Arc<Self> {
        Arc::new(Self {
            id: ExecutionId::new(),
            output: Output::default(),
            session,
            log,
            state: Mutex::new(State::Waiting),
            cancelled: watch::channel(None).0,
            ended: watch::channel(None).0,
            begun: tokio::sync::Mutex::new(Begun::NotYet),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of it now.
    pub(crate) fn record(&self) -> ExecutionRecord {
        let ended = self.ended.borrow().clone();
        ended.map_or_else(|| self.unfinished_record(), |ended| ended.record.clone())
    }

    fn unfinished_record(&self) -> ExecutionRecord {
        let started_at = match *self.lock() {
            State::Waiting => None,
            State::Running { since } => Some(since),
            State::Ending { since } => since,
        };
        let record = ExecutionRecord::new(self.id, self.session.clone());
        ExecutionRecord { started_at, output: self.output.length(), ..record }
    }

    /// Its turn has come.
    pub(crate) fn start(&self) {
        *self.lock() = State::Running { since: Timestamp::now() };
    }

    /// Ends it, unless how it ends is decided already; says whether that was in time.
    pub(crate) fn cancel(&self, by: Cancel) -> bool {
        let state = self.lock();
        if matches!(*state, State::Ending { .. }) {
            return false;
        }
        self.cancelled.send_if_modified(|cancelled| {
            let first = cancelled.is_none();
            cancelled.get_or_insert(by);
            first
        });
        true
    }

    /// Resolves when it is cancelled.
    pub(crate) async fn cancelled(&self) {
        // The sender lives as long as `self`.
        let _closed = self.cancelled.subscribe().wait_for(Option::is_some).await.is_err();
    }

    /// Resolves when its record is durable.
    pub(crate) async fn ended(&self) -> Arc<Ended> {
        let mut ended = self.ended.subscribe();
        loop {
            if let Some(ended) = ended.borrow_and_update().clone() {
                return ended;
            }
            if ended.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// How it ended, if it has.
    pub(crate) fn has_ended(&self) -> Option<Arc<Ended>> {
        self.ended.borrow().clone()
    }

    /// Tells everybody who waits.
    pub(crate) fn end(&self, ended: Ended) {
        self.ended.send_replace(Some(Arc::new(ended)));
    }

    /// Makes sure that the store knows of it, unless it has ended. Returns when that is durable.
    pub(crate) async fn begin(&self) -> Result<(), RefError> {
        let mut begun = self.begun.lock().await;
        if *begun == Begun::NotYet {
            self.log.begin(&self.unfinished_record()).await?;
            *begun = Begun::Yes;
        }
        Ok(())
    }

    /// From now on nobody can cancel it; says whether somebody has.
    pub(crate) fn close(&self) -> bool {
        let mut state = self.lock();
        *state = match *state {
            State::Waiting => State::Ending { since: None },
            State::Running { since } => State::Ending { since: Some(since) },
            State::Ending { since } => State::Ending { since },
        };
        self.cancelled.borrow().is_some()
    }

    /// The record of a run that ended so.
    pub(crate) fn finished_record(&self, report: &Report) -> ExecutionRecord {
        let by = *self.cancelled.borrow();
        let mut record = self.unfinished_record();
        record.status = report.outcome.status();
        match report.outcome.clone().into_result() {
            Ok(result) => record.result = Some(result),
            Err(error) => record.error = Some(error),
        }
        if record.status == Status::Cancelled && by == Some(Cancel::Shutdown) {
            record.status = Status::Failed;
            record.error = Some(INTERRUPTED.to_owned());
        }
        record.heap = report.heap;
        record.heap_error.clone_from(&report.heap_error);
        match report.session {
            SessionOutcome::Unchanged => {}
            SessionOutcome::Appended { index } => record.session_index = Some(index),
            SessionOutcome::MovedOn { .. } => record.session_error = Some(report.session.to_string()),
        }
        record.completed_at = Some(report.completed_at);
        record
    }

    /// The record of a run that could not be carried out.
    pub(crate) fn failed_record(&self, error: &RunError) -> ExecutionRecord {
        let mut record = self.unfinished_record();
        record.status = Status::Failed;
        record.error = Some(error.to_string());
        record.completed_at = Some(Timestamp::now());
        record
    }

    /// What has to be committed for it to end with this record.
    pub(crate) async fn last_batch(&self, record: &ExecutionRecord) -> Result<Batch, RefError> {
        let mut begun = self.begun.lock().await;
        if *begun == Begun::NotYet {
            *begun = Begun::Never;
        }
        drop(begun);
        let mut batch = self.log.finishing(record).await?;
        batch.append(self.output.rest(&self.log, self.id).await?);
        Ok(batch)
    }

    /// What there is to say of one that was cancelled before it did anything.
    pub(crate) fn cancelled_record(&self) -> ExecutionRecord {
        self.finished_record(&Report {
            outcome: Outcome::Stopped(StopReason::Cancelled),
            heap: None,
            heap_error: None,
            session: SessionOutcome::Unchanged,
            completed_at: Timestamp::now(),
            timings: Timings::default(),
        })
    }
}

#[async_trait]
impl Recorder for Live {
    fn decide(&self, outcome: Outcome) -> Outcome {
        if self.close() { Outcome::Stopped(StopReason::Cancelled) } else { outcome }
    }

    async fn closing(&self, report: &Report) -> Result<Batch, RefError> {
        self.last_batch(&self.finished_record(report)).await
    }
}
