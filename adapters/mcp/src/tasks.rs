//! Executions as tasks (the extension `io.modelcontextprotocol/tasks`): a task's id is its execution's.

use std::time::{Duration, SystemTime};

use rmcp::{
    ErrorData,
    model::{DetailedTask, GetTaskResult, Task, TaskPayload, TaskStatus},
};
use serde_json::Value;
use stasis_api::{Api, ErrorKind, Execution, ExecutionStatus};
use stasis_core::{ExecutionId, Timestamp};

use crate::answer::{self, refusal};

/// How often a client should ask.
pub(crate) const POLL_EVERY: Duration = Duration::from_secs(1);

/// An execution that goes on, as a task.
pub(crate) fn task(id: ExecutionId, execution: &Execution) -> Task {
    let asked_at = asked_at(id);
    let changed_at =
        execution.completed_at.as_ref().or(execution.started_at.as_ref()).unwrap_or(&asked_at).clone();
    let task = Task::new(execution.execution_id.clone(), status(execution), asked_at, changed_at)
        .with_poll_interval_ms(POLL_EVERY.as_millis() as u64);
    match &execution.error {
        Some(error) => task.with_status_message(error.clone()),
        None => task,
    }
}

/// `tasks/get`
pub(crate) async fn get(api: &Api, task_id: &str) -> Result<GetTaskResult, ErrorData> {
    let id = parse(task_id)?;
    let execution = api.execution(id, Duration::ZERO).await.map_err(|error| refusal(&error))?;
    let payload = match status(&execution) {
        TaskStatus::Completed => {
            let is_error = answer::has_failed(&execution);
            match serde_json::to_value(answer::result(&execution, is_error)?) {
                Ok(Value::Object(result)) => TaskPayload::Completed { result },
                _ => return Err(ErrorData::internal_error("the result cannot be written", None)),
            }
        }
        TaskStatus::Cancelled => TaskPayload::Cancelled,
        _ => TaskPayload::Working,
    };
    Ok(GetTaskResult::new(DetailedTask::new(task(id, &execution), payload)))
}

/// `tasks/update`: a run asks for nothing, so that there is nothing to be told; the task has to be there.
pub(crate) async fn update(api: &Api, task_id: &str) -> Result<(), ErrorData> {
    api.execution(parse(task_id)?, Duration::ZERO).await.map(drop).map_err(|error| refusal(&error))
}

/// `tasks/cancel`: one that has ended stays as it is.
pub(crate) async fn cancel(api: &Api, task_id: &str) -> Result<(), ErrorData> {
    match api.cancel(parse(task_id)?).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind == ErrorKind::Conflict => Ok(()),
        Err(error) => Err(refusal(&error)),
    }
}

/// How an execution looks as a task: a script that threw is a call that was completed, with an error.
const fn status(execution: &Execution) -> TaskStatus {
    match execution.status {
        ExecutionStatus::Running => TaskStatus::Working,
        ExecutionStatus::Completed | ExecutionStatus::Failed | ExecutionStatus::TimedOut => {
            TaskStatus::Completed
        }
        ExecutionStatus::Cancelled => TaskStatus::Cancelled,
    }
}

/// When an execution was asked for: its id begins with the milliseconds.
pub(crate) fn asked_at(id: ExecutionId) -> String {
    let milliseconds = id.as_bytes().iter().take(6).fold(0, |bits, byte| bits << 8 | u64::from(*byte));
    Timestamp::from(SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds)).to_string()
}

/// The execution that a task's id names.
pub(crate) fn parse(task_id: &str) -> Result<ExecutionId, ErrorData> {
    task_id.parse().map_err(|_| no_task(task_id))
}

/// A task that is not there.
pub(crate) fn no_task(task_id: &str) -> ErrorData {
    ErrorData::invalid_params(format!("there is no task {task_id}"), None)
}
