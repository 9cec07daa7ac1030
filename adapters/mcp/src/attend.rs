//! Waiting for an execution on somebody's behalf.

use std::time::Duration;

use stasis_api::{Api, ApiError, Execution, MAX_WAIT};
use stasis_core::ExecutionId;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::{
    asked::Asked,
    console::{self, Part},
};

/// How often who wants to know of progress is told.
const EVERY: Duration = Duration::from_secs(1);

/// How the wait for an execution ended.
#[derive(Debug)]
pub(crate) enum Attended {
    /// It has ended, or the time is over.
    Known(Box<Execution>),
    /// Nobody wants to know any more.
    Withdrawn,
}

/// How long a caller wants to wait.
///
/// # Errors
/// If that is too long.
pub(crate) fn patience(wait_secs: Option<u64>, default: Duration) -> Result<Duration, ApiError> {
    match wait_secs {
        None => Ok(default),
        Some(seconds) if seconds <= MAX_WAIT.as_secs() => Ok(Duration::from_secs(seconds)),
        Some(seconds) => {
            let max = MAX_WAIT.as_secs();
            Err(ApiError::bad_input(format!("wait_secs is from 0 to {max}, not {seconds}")))
        }
    }
}

/// Waits for an execution's end, and tells of its progress and of that part of its console.
///
/// # Errors
/// If there is no such execution.
pub(crate) async fn attend(
    api: &Api,
    id: ExecutionId,
    patience: Duration,
    asked: &Asked,
    part: Part,
) -> Result<Attended, ApiError> {
    let ended = CancellationToken::new();
    let known = async {
        let execution = api.execution(id, patience).await;
        ended.cancel();
        execution
    };
    let told = async {
        match asked.listener() {
            Some(listener) => tokio::join!(known, console::tell(api, id, part, listener, &ended)).0,
            None => known.await,
        }
    };
    tokio::select! {
        biased;
        execution = told => Ok(Attended::Known(Box::new(execution?))),
        () = asked.withdrawn() => Ok(Attended::Withdrawn),
        never = tell_progress(api, id, asked), if asked.wants_progress() => never,
    }
}

async fn tell_progress<T>(api: &Api, id: ExecutionId, asked: &Asked) -> T {
    let begun = Instant::now();
    let mut ticks = tokio::time::interval_at(begun + EVERY, EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        let seconds = ticks.tick().await.duration_since(begun).as_secs();
        // What cannot be found now is found, or missed, by the wait.
        let Ok(Some(record)) = api.executions().record(id).await else { continue };
        let message = match record.started_at {
            None => format!("{seconds} s, waits for its turn"),
            Some(_) => format!("{seconds} s, {} lines printed", record.output.lines),
        };
        if !asked.progress(seconds as f64, message).await {
            return std::future::pending().await;
        }
    }
}
