//! The JSON forms of what goes in and comes out. Field names are promised to users.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stasis_core::{ExecutionSummary, RequestedRun, Status};

/// A run to be made.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunArguments {
    /// JavaScript or TypeScript. The value of the last expression is the result; top-level await works.
    pub code: String,
    /// Heap id to resume from: everything that was defined there is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heap: Option<String>,
    /// Name of a session: resumes its latest heap unless `heap` is given, and logs the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Tags for the heap that the run leaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, String>>,
    /// Heap limit in megabytes, up to the server's maximum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heap_memory_max_mb: Option<u64>,
    /// Wall-clock limit in seconds, up to the server's maximum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_timeout_secs: Option<u64>,
}

impl From<RunArguments> for RequestedRun {
    fn from(arguments: RunArguments) -> Self {
        Self {
            code: arguments.code,
            heap: arguments.heap,
            session: arguments.session,
            tags: arguments.tags,
            heap_memory_max_mb: arguments.heap_memory_max_mb,
            execution_timeout_secs: arguments.execution_timeout_secs,
        }
    }
}

/// Whether and how an execution has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionStatus {
    /// It waits for its turn, or runs.
    Running,
    /// The script returned.
    Completed,
    /// The script threw, could not be run, or hit a limit other than time.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
    /// It ran out of time.
    TimedOut,
}

impl From<Status> for ExecutionStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Running => Self::Running,
            Status::Completed => Self::Completed,
            Status::Failed => Self::Failed,
            Status::Cancelled => Self::Cancelled,
            Status::TimedOut => Self::TimedOut,
        }
    }
}

/// What is known of an execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Execution {
    /// Its name.
    pub execution_id: String,
    /// Whether and how it has ended.
    pub status: ExecutionStatus,
    /// The value of the last expression, as text.
    pub result: Option<String>,
    /// The beginning of the console output.
    pub output: String,
    /// Whether there is more output than that; page through it with the output call.
    pub output_truncated: bool,
    /// Id of the heap that it left: pass it as `heap` to resume from there.
    pub heap: Option<String>,
    /// Why it left no heap although the script returned.
    pub heap_error: Option<String>,
    /// The session that it belongs to.
    pub session: Option<String>,
    /// The index of its entry in the session.
    pub session_index: Option<u64>,
    /// Why the session has no entry of it although the script returned.
    pub session_error: Option<String>,
    /// Why there is no result.
    pub error: Option<String>,
    /// When its script was started (RFC 3339); null while it waits for its turn.
    pub started_at: Option<String>,
    /// When it ended (RFC 3339).
    pub completed_at: Option<String>,
}

/// One line of a list of executions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExecutionItem {
    /// Its name.
    pub execution_id: String,
    /// Whether and how it has ended.
    pub status: ExecutionStatus,
    /// When its script was started (RFC 3339).
    pub started_at: Option<String>,
    /// When it ended (RFC 3339).
    pub completed_at: Option<String>,
}

impl From<ExecutionSummary> for ExecutionItem {
    fn from(summary: ExecutionSummary) -> Self {
        Self {
            execution_id: summary.id.to_string(),
            status: summary.status.into(),
            started_at: summary.started_at.map(|at| at.to_string()),
            completed_at: summary.completed_at.map(|at| at.to_string()),
        }
    }
}

/// Executions, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExecutionList {
    /// One page of them.
    pub executions: Vec<ExecutionItem>,
    /// Pass it as `cursor` for the next page; null if there is none.
    pub next_cursor: Option<String>,
}

/// Which part of the console output is wanted: lines, or bytes if `byte_offset` is given.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputArguments {
    /// The first line, counted from 1 (default 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_offset: Option<u64>,
    /// The most lines, 1 to 10,000 (default 100).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_limit: Option<u64>,
    /// The first byte, counted from 0; selects bytes instead of lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub byte_offset: Option<u64>,
    /// The most bytes, 1 to 1,048,576 (default 4,096); a character is never split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub byte_limit: Option<u64>,
}

/// A page of console output, with its place in lines and in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Output {
    /// Whose output it is.
    pub execution_id: String,
    /// The text.
    pub data: String,
    /// The line of its first byte, counted from 1.
    pub start_line: u64,
    /// The line of its last byte; less than `start_line` if the page is empty.
    pub end_line: u64,
    /// Pass it as `line_offset` to go on by lines.
    pub next_line_offset: u64,
    /// Lines printed so far.
    pub total_lines: u64,
    /// Its first byte, counted from 0.
    pub start_byte: u64,
    /// The byte after its last one.
    pub end_byte: u64,
    /// Pass it as `byte_offset` to go on by bytes.
    pub next_byte_offset: u64,
    /// Bytes printed so far.
    pub total_bytes: u64,
    /// Whether there is more now.
    pub has_more: bool,
    /// While it is `running`, more may come.
    pub status: ExecutionStatus,
}

/// The answer to a cancel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cancelled {
    /// Whether it was in time.
    pub ok: bool,
    /// Why it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// An error, as every adapter writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// What was wrong, and what is accepted.
    pub error: String,
}

/// Names of sessions, in ascending order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionList {
    /// One page of them.
    pub sessions: Vec<String>,
    /// Pass it as `cursor` for the next page; null if there is none.
    pub next_cursor: Option<String>,
}

/// A field of a session's entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionField {
    /// `index`
    Index,
    /// `input_heap`
    InputHeap,
    /// `output_heap`
    OutputHeap,
    /// `code`
    Code,
    /// `timestamp`
    Timestamp,
}

impl SessionField {
    /// All of them, in their order.
    pub const ALL: [Self; 5] = [Self::Index, Self::InputHeap, Self::OutputHeap, Self::Code, Self::Timestamp];

    /// As users write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::InputHeap => "input_heap",
            Self::OutputHeap => "output_heap",
            Self::Code => "code",
            Self::Timestamp => "timestamp",
        }
    }
}

/// One completed run of a session; only the fields that were asked for are there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionEntry {
    /// 0, 1, 2… in the order in which the runs completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// The heap that it started from; null if it started fresh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_heap: Option<Option<String>>,
    /// The heap that it left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_heap: Option<String>,
    /// What was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// When it completed (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
}

impl SessionEntry {
    pub(crate) fn new(entry: stasis_core::SessionEntry, fields: &[SessionField]) -> Self {
        let has = |field| fields.contains(&field);
        Self {
            index: has(SessionField::Index).then_some(entry.index),
            input_heap: has(SessionField::InputHeap).then(|| entry.input_heap.map(|heap| heap.to_string())),
            output_heap: has(SessionField::OutputHeap).then(|| entry.output_heap.to_string()),
            timestamp: has(SessionField::Timestamp).then(|| entry.timestamp.to_string()),
            code: has(SessionField::Code).then_some(entry.code),
        }
    }
}

/// What was run in a session, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionEntries {
    /// The session.
    pub session: String,
    /// One page of its entries.
    pub entries: Vec<SessionEntry>,
    /// Pass it as `cursor` for the next page; null if there is none.
    pub next_cursor: Option<String>,
}

/// A heap and what it is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeapTags {
    /// Its id.
    pub heap: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// Heaps that were found by their tags, in ascending order of id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaggedHeaps {
    /// One page of them.
    pub heaps: Vec<HeapTags>,
    /// Pass it as `cursor` for the next page; null if there is none.
    pub next_cursor: Option<String>,
}
