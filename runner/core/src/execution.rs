//! Executions: what is known of a run, from the moment it was asked for.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{HeapId, Outcome, SessionName, StopReason, Timestamp};

/// The name of an execution: a UUID of version 7, so that names are in the order of their making.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExecutionId(Uuid);

impl ExecutionId {
    /// A name that no other execution has, later than those that this process made before.
    #[expect(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// The sort key under which it is stored.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The name that was stored under a sort key.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Uuid::from_slice(bytes).ok().map(Self)
    }
}

impl fmt::Display for ExecutionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text that does not name an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an execution id looks like 0192d3f0-7c1e-7b7a-9e5d-3f1f4e1c2a3b")]
pub struct ParseExecutionIdError;

impl FromStr for ExecutionId {
    type Err = ParseExecutionIdError;

    fn from_str(text: &str) -> Result<Self, ParseExecutionIdError> {
        // Other ways to write a UUID would be other names of the same execution.
        let uuid = Uuid::try_parse(text).map_err(|_| ParseExecutionIdError)?;
        if uuid.to_string() == text { Ok(Self(uuid)) } else { Err(ParseExecutionIdError) }
    }
}

/// Whether and how an execution has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It waits for its turn, or runs.
    Running,
    /// The script returned.
    Completed,
    /// The script threw, or could not be run, or hit a limit other than time.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
    /// It ran out of time.
    TimedOut,
}

impl Status {
    /// As it is written everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
        }
    }

    /// Whether it is the last status of an execution.
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Running)
    }
}

impl Outcome {
    /// The status of an execution that ended so.
    pub const fn status(&self) -> Status {
        match self {
            Self::Returned(_) => Status::Completed,
            Self::Stopped(StopReason::Cancelled) => Status::Cancelled,
            Self::Stopped(StopReason::Deadline) => Status::TimedOut,
            Self::Threw(_)
            | Self::Stopped(StopReason::Memory | StopReason::Console | StopReason::Crashed) => Status::Failed,
        }
    }

    /// What the script returned, or what is said of how it ended otherwise.
    pub fn into_result(self) -> Result<String, String> {
        match self {
            Self::Returned(text) => Ok(text),
            Self::Threw(thrown) => Err(thrown.to_string()),
            Self::Stopped(reason) => Err(reason.to_string()),
        }
    }
}

/// What is known of an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionRecord {
    /// Its name.
    pub id: ExecutionId,
    /// Whether and how it has ended.
    pub status: Status,
    /// What the script returned.
    pub result: Option<String>,
    /// Why there is no result.
    pub error: Option<String>,
    /// The heap that it left.
    pub heap: Option<HeapId>,
    /// Why it left none although the script returned.
    pub heap_error: Option<String>,
    /// The session that it belongs to.
    pub session: Option<SessionName>,
    /// Its entry in the session.
    pub session_index: Option<u64>,
    /// Why the session has no entry of it although the script returned.
    pub session_error: Option<String>,
    /// When its script was started; none while it waits for its turn.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// How much it printed.
    pub output: OutputLength,
}

impl ExecutionRecord {
    /// The record of an execution that was just asked for.
    pub const fn new(id: ExecutionId, session: Option<SessionName>) -> Self {
        Self {
            id,
            status: Status::Running,
            result: None,
            error: None,
            heap: None,
            heap_error: None,
            session,
            session_index: None,
            session_error: None,
            started_at: None,
            completed_at: None,
            output: OutputLength { bytes: 0, lines: 0 },
        }
    }
}

/// How much text there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputLength {
    /// In bytes of UTF-8.
    pub bytes: u64,
    /// In lines; each ends with a line feed.
    pub lines: u64,
}

impl OutputLength {
    /// With so much more text behind it.
    pub fn plus(self, text: &str) -> Self {
        Self { bytes: self.bytes + text.len() as u64, lines: self.lines + line_feeds(text) }
    }
}

pub(crate) fn line_feeds(text: &str) -> u64 {
    text.bytes().filter(|byte| *byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_way_to_be_written() {
        let id = ExecutionId::new();
        let check =
            |text: &str, expect: bool| assert_eq!(text.parse::<ExecutionId>().is_ok(), expect, "{text}");
        check(&id.to_string(), true);
        check(&id.to_string().to_uppercase(), false);
        check(&id.to_string().replace('-', ""), false);
        check(&format!("{{{id}}}"), false);
        check("", false);
        check("../x", false);
    }

    #[test]
    fn ids_are_in_the_order_of_their_making() {
        let ids: Vec<ExecutionId> = (0..1000).map(|_| ExecutionId::new()).collect();
        assert!(ids.is_sorted());
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
