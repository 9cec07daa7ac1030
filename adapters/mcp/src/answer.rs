//! What a tool answers.

use rmcp::{
    ErrorData,
    model::{CallToolResponse, CallToolResult, ContentBlock, CreateTaskResult, Task},
};
use serde::Serialize;
use stasis_api::{ApiError, ErrorKind, Execution, ExecutionStatus, Failure};

/// What comes of a call.
#[derive(Debug)]
pub(crate) enum Answer<T> {
    /// What was asked for.
    Given(T),
    /// The record of something that did not end as it should have.
    Failed(T),
    /// It goes on as a task.
    Task(Task),
}

impl Answer<Execution> {
    /// An execution as far as it is known: its failure is the call's.
    pub(crate) fn of(execution: Execution) -> Self {
        if has_failed(&execution) { Self::Failed(execution) } else { Self::Given(execution) }
    }
}

/// Whether an execution ended as it should not have. That its heap could not be saved is no such case: the
/// result is there, and `heap_error` says so.
pub(crate) const fn has_failed(execution: &Execution) -> bool {
    match execution.status {
        ExecutionStatus::Running => false,
        ExecutionStatus::Completed => execution.session_error.is_some(),
        ExecutionStatus::Failed | ExecutionStatus::Cancelled | ExecutionStatus::TimedOut => true,
    }
}

impl<T: Serialize> Answer<T> {
    /// As the protocol has it: the JSON twice, structured and as text.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub(crate) fn into_response(self) -> Result<CallToolResponse, ErrorData> {
        Ok(match self {
            Self::Given(answer) => result(&answer, false)?.into(),
            Self::Failed(answer) => result(&answer, true)?.into(),
            Self::Task(task) => CallToolResponse::Task(CreateTaskResult::new(task)),
        })
    }
}

/// A result that carries `answer`.
///
/// # Errors
/// If it cannot be written as JSON.
pub(crate) fn result<T: Serialize>(answer: &T, is_error: bool) -> Result<CallToolResult, ErrorData> {
    let failed = |_| ErrorData::internal_error("the answer cannot be written", None);
    let value = serde_json::to_value(answer).map_err(failed)?;
    let text = vec![ContentBlock::text(value.to_string())];
    let mut result = if is_error { CallToolResult::error(text) } else { CallToolResult::success(text) };
    result.structured_content = Some(value);
    Ok(result)
}

/// A call that failed as an error of the protocol: for requests that are no model's.
pub(crate) fn refusal(error: &ApiError) -> ErrorData {
    match error.kind {
        ErrorKind::Internal | ErrorKind::Unavailable | ErrorKind::QueueFull { .. } => {
            ErrorData::internal_error(error.message.clone(), None)
        }
        ErrorKind::BadInput | ErrorKind::NotFound | ErrorKind::Conflict | ErrorKind::Unusable => {
            ErrorData::invalid_params(error.message.clone(), None)
        }
    }
}

/// A failure of which there is no record: what went wrong is for the model, which may do better.
pub(crate) fn failure(error: &ApiError) -> CallToolResult {
    if error.kind == ErrorKind::Internal {
        tracing::error!(error = error.message, "a call failed");
    }
    // It has no structured content: that would have to follow the tool's output schema.
    let text = serde_json::to_string(&Failure { error: error.message.clone() });
    CallToolResult::error(vec![ContentBlock::text(text.unwrap_or_else(|_| error.message.clone()))])
}
