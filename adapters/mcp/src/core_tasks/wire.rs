//! What is read and written.

use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, Implementation, InitializeResult, JsonObject, MetaObject, ProtocolVersion,
    ServerCapabilities, TASKS_EXTENSION_ID, TaskStatus,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use stasis_core::{ExecutionId, ExecutionRecord, ExecutionSummary, Status};

use crate::tasks::{POLL_EVERY, asked_at};

/// The metadata that says which task a message is about.
const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";
/// The metadata with what a model is to read while a task goes on.
const IMMEDIATE_RESPONSE: &str = "io.modelcontextprotocol/model-immediate-response";

/// The parameters of `tools/call` that is to be a task.
#[derive(Debug, Deserialize)]
pub(super) struct TaskCall {
    #[serde(flatten)]
    pub(super) call: CallToolRequestParams,
    pub(super) task: TaskParameters,
}

#[derive(Debug, Deserialize)]
pub(super) struct TaskParameters {
    /// How long the client would like it to be kept, in milliseconds.
    pub(super) ttl: Option<f64>,
}

/// The parameters of requests about one task.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TaskId {
    pub(super) task_id: String,
}

/// A task.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Task {
    task_id: String,
    pub(super) status: TaskStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_message: Option<String>,
    created_at: String,
    last_updated_at: String,
    /// Milliseconds; null if it is kept without end.
    ttl: Option<u64>,
    /// Milliseconds.
    poll_interval: u64,
}

impl Task {
    /// An execution as a task. `kept` is how long executions are kept after they have ended, and thus the
    /// least that this one is after it was asked for.
    pub(super) fn new(summary: &ExecutionSummary, message: Option<String>, kept: Duration) -> Self {
        let created_at = asked_at(summary.id);
        let updated_at = summary.completed_at.or(summary.started_at);
        Self {
            task_id: summary.id.to_string(),
            status: status(summary),
            status_message: message.or_else(|| summary.session_error.clone()),
            last_updated_at: updated_at.map_or_else(|| created_at.clone(), |at| at.to_string()),
            created_at,
            ttl: milliseconds(kept),
            poll_interval: POLL_EVERY.as_millis() as u64,
        }
    }

    /// The same with what went wrong.
    pub(super) fn of(record: &ExecutionRecord, kept: Duration) -> Self {
        Self::new(&record.into(), record.error.clone(), kept)
    }
}

/// A call that failed is a task that failed: [`crate::answer::has_failed`] of what is known without its texts.
const fn status(summary: &ExecutionSummary) -> TaskStatus {
    match summary.status {
        Status::Running => TaskStatus::Working,
        Status::Completed if summary.session_error.is_none() => TaskStatus::Completed,
        Status::Completed | Status::Failed | Status::TimedOut => TaskStatus::Failed,
        Status::Cancelled => TaskStatus::Cancelled,
    }
}

/// None if it is more than JSON's numbers can tell.
fn milliseconds(time: Duration) -> Option<u64> {
    /// The greatest integer that every reader of JSON takes for itself.
    const MAX: u64 = (1 << 53) - 1;
    u64::try_from(time.as_millis()).ok().filter(|milliseconds| *milliseconds <= MAX)
}

/// What `tools/call` answers that has become a task.
#[derive(Debug, Serialize)]
pub(super) struct Created {
    task: Task,
    #[serde(rename = "_meta")]
    meta: MetaObject,
}

impl Created {
    pub(super) fn new(id: ExecutionId, kept: Duration) -> Self {
        let mut meta = related_to(id);
        let response = format!(
            "The run goes on as execution {id}. Its result is not there yet: ask get_execution with wait_secs \
             for it, or end it with cancel_execution."
        );
        meta.0.insert(IMMEDIATE_RESPONSE.to_owned(), response.into());
        Self { task: Task::of(&ExecutionRecord::new(id, None), kept), meta }
    }
}

/// The metadata of a message that is about a task.
pub(crate) fn related_to(id: ExecutionId) -> MetaObject {
    let related = json!({ "taskId": id.to_string() });
    MetaObject(JsonObject::from_iter([(RELATED_TASK.to_owned(), related)]))
}

/// A page of a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<T> {
    #[serde(flatten)]
    pub(super) items: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
    #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
    pub(super) meta: Option<MetaObject>,
}

#[derive(Debug, Serialize)]
pub(super) struct Tasks {
    pub(super) tasks: Vec<Task>,
}

#[derive(Debug, Serialize)]
pub(super) struct Tools {
    pub(super) tools: Vec<Tool>,
}

#[derive(Debug, Serialize)]
pub(super) struct Tool {
    #[serde(flatten)]
    pub(super) definition: rmcp::model::Tool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) execution: Option<ToolExecution>,
}

/// How a tool can be carried out; without, not as a task.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolExecution {
    task_support: TaskSupport,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
enum TaskSupport {
    Optional,
}

impl ToolExecution {
    pub(super) const OPTIONAL: Self = Self { task_support: TaskSupport::Optional };
}

/// What `initialize` answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Initialized {
    protocol_version: ProtocolVersion,
    capabilities: Capabilities,
    server_info: Implementation,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<String>,
    #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
    meta: Option<MetaObject>,
}

#[derive(Debug, Serialize)]
struct Capabilities {
    #[serde(flatten)]
    others: ServerCapabilities,
    tasks: TasksCapability,
}

#[derive(Debug, Default, Serialize)]
struct TasksCapability {
    list: Supported,
    cancel: Supported,
    requests: TaskRequests,
}

#[derive(Debug, Default, Serialize)]
struct TaskRequests {
    tools: TaskToolRequests,
}

#[derive(Debug, Default, Serialize)]
struct TaskToolRequests {
    call: Supported,
}

/// An empty object: it says enough by being there.
#[derive(Debug, Default, Serialize)]
struct Supported {}

impl Initialized {
    /// The answer of a server that has the extension, with the capability of this revision in its place.
    pub(super) fn new(result: InitializeResult) -> Self {
        let InitializeResult { protocol_version, mut capabilities, server_info, instructions, meta, .. } =
            result;
        let mut extensions = capabilities.extensions.take().unwrap_or_default();
        extensions.remove(TASKS_EXTENSION_ID);
        capabilities.extensions = Some(extensions).filter(|extensions| !extensions.is_empty());
        let capabilities = Capabilities { others: capabilities, tasks: TasksCapability::default() };
        Self { protocol_version, capabilities, server_info, instructions, meta }
    }
}
