//! The calls.

use std::{collections::BTreeMap, time::Duration};

use stasis_core::{
    ExecutionId, ExecutionRecord, ExecutionSummary, HeapId, OutputRange, Removal, RequestError, RunRules,
    SessionName, Status, Tags,
};
use stasis_executions::{Caller, Ended, Executions, Starting};

use crate::{
    ApiError, Cancelled, ErrorKind, Execution, ExecutionList, HeapTags, Output, OutputArguments,
    RunArguments, SessionEntries, SessionEntry, SessionField, SessionList, TaggedHeaps,
};

/// The longest that a call waits for an execution to end.
pub const MAX_WAIT: Duration = Duration::from_secs(600);
/// Entries of a page, unless something else is asked for.
pub const DEFAULT_PAGE: usize = 100;
/// The most entries of a page.
const MAX_PAGE: usize = 1000;
/// How much of the output is part of an execution's record, in bytes.
const OUTPUT_IN_RECORD: u64 = 64 << 10;

/// Everything that can be asked of a server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Api {
    executions: Executions,
    rules: RunRules,
}

/// What is known of a run when the wait for it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its record.
    pub execution: Execution,
    /// If it ended as it should not have: in what way. A script that threw is no such case; a session
    /// that has moved on is.
    pub failure: Option<ErrorKind>,
}

impl Api {
    /// Calls that are carried out by `executions` within these rules.
    pub const fn new(executions: Executions, rules: RunRules) -> Self {
        Self { executions, rules }
    }

    /// What a run may ask for.
    pub const fn rules(&self) -> &RunRules {
        &self.rules
    }

    /// What carries out the calls.
    pub const fn executions(&self) -> &Executions {
        &self.executions
    }

    /// Starts a run and returns its name.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn start(&self, run: RunArguments, caller: &Caller) -> Result<ExecutionId, ApiError> {
        let request = self.rules.check(run.into())?;
        Ok(self.executions.submit(request, caller, Starting::Recorded).await?)
    }

    /// Starts a run and waits for its end, but not longer than `patience`; then its name comes back.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn run(
        &self,
        run: RunArguments,
        caller: &Caller,
        patience: Duration,
    ) -> Result<Result<Answer, ExecutionId>, ApiError> {
        let request = self.rules.check(run.into())?;
        let patience = patience.min(MAX_WAIT);
        match self.executions.submit_and_wait(request, caller, patience).await? {
            Err(id) => Ok(Err(id)),
            Ok(ended) => Ok(Ok(self.answer(&ended).await?)),
        }
    }

    /// An execution's record, as soon as it has ended or when `patience` is over.
    ///
    /// # Errors
    /// If there is no such execution.
    pub async fn execution(&self, id: ExecutionId, patience: Duration) -> Result<Execution, ApiError> {
        let record = if patience.is_zero() {
            self.executions.record(id).await?
        } else {
            self.executions.wait(id, patience.min(MAX_WAIT)).await?
        };
        self.form(record.ok_or_else(|| no_execution(id))?).await
    }

    /// Executions, the newest first.
    ///
    /// # Errors
    /// If cursor or limit are not acceptable.
    pub async fn executions_list(
        &self,
        cursor: Option<&str>,
        limit: Option<u64>,
    ) -> Result<ExecutionList, ApiError> {
        let limit = page(limit)?;
        let after = cursor.map(str::parse).transpose()?;
        let (summaries, next_cursor) = self.executions_page(after, limit).await?;
        let executions = summaries.into_iter().map(Into::into).collect();
        Ok(ExecutionList { executions, next_cursor })
    }

    /// At most `limit` executions, the newest first, and the cursor of those that follow.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn executions_page(
        &self,
        after: Option<ExecutionId>,
        limit: usize,
    ) -> Result<(Vec<ExecutionSummary>, Option<String>), ApiError> {
        let mut list = self.executions.list(after, limit + 1).await?;
        let more = list.len() > limit;
        list.truncate(limit);
        let next_cursor = list.last().filter(|_| more).map(|last| last.id.to_string());
        Ok((list, next_cursor))
    }

    /// A part of an execution's console output.
    ///
    /// # Errors
    /// If there is no such execution, or no such part.
    pub async fn output(&self, id: ExecutionId, part: OutputArguments) -> Result<Output, ApiError> {
        let range = OutputRange::new(part.line_offset, part.line_limit, part.byte_offset, part.byte_limit)?;
        let (status, page) = self.executions.output(id, range).await?.ok_or_else(|| no_execution(id))?;
        Ok(Output {
            execution_id: id.to_string(),
            has_more: page.has_more(),
            start_line: page.start_line,
            end_line: page.end_line,
            next_line_offset: page.next_line_offset,
            total_lines: page.total.lines,
            start_byte: page.start_byte,
            end_byte: page.end_byte,
            next_byte_offset: page.end_byte,
            total_bytes: page.total.bytes,
            data: page.data,
            status: status.into(),
        })
    }

    /// Ends an execution.
    ///
    /// # Errors
    /// If there is no such execution, or it has ended.
    pub async fn cancel(&self, id: ExecutionId) -> Result<Cancelled, ApiError> {
        self.executions.cancel(id).await?;
        Ok(Cancelled { ok: true, error: None })
    }

    /// Names of sessions.
    ///
    /// # Errors
    /// If the server is stateless, or cursor or limit are not acceptable.
    pub async fn sessions(&self, cursor: Option<&str>, limit: Option<u64>) -> Result<SessionList, ApiError> {
        self.stateful("sessions")?;
        let limit = page(limit)?;
        let after: Option<SessionName> = cursor.map(str::parse).transpose()?;
        let mut names = self.executions.runner().sessions().names(after.as_ref(), limit + 1).await?;
        let more = names.len() > limit;
        names.truncate(limit);
        let sessions: Vec<String> = names.iter().map(ToString::to_string).collect();
        let last = sessions.last().cloned();
        Ok(SessionList { sessions, next_cursor: last.filter(|_| more) })
    }

    /// What was run in a session; `fields` are names separated by commas, all if there are none.
    ///
    /// # Errors
    /// If the server is stateless, there is no such session, or the arguments are not acceptable.
    pub async fn session_entries(
        &self,
        session: &str,
        fields: Option<&str>,
        cursor: Option<&str>,
        limit: Option<u64>,
    ) -> Result<SessionEntries, ApiError> {
        self.stateful("sessions")?;
        let (name, fields): (SessionName, _) = (session.parse()?, session_fields(fields)?);
        let limit = page(limit)?;
        let from = cursor.map_or(Ok(0), |cursor| {
            cursor.parse().map_err(|_| ApiError::bad_input("cursor is not one of this session"))
        })?;
        let sessions = self.executions.runner().sessions();
        let mut entries = sessions.entries(&name, from, limit + 1).await?;
        if entries.is_empty() && sessions.position(&name).await?.length == 0 {
            return Err(ApiError::new(ErrorKind::NotFound, format!("there is no session {name}")));
        }
        let next = entries.get(limit).map(|entry| entry.index.to_string());
        entries.truncate(limit);
        let entries = entries.into_iter().map(|entry| SessionEntry::new(entry, &fields)).collect();
        Ok(SessionEntries { session: name.to_string(), entries, next_cursor: next })
    }

    /// A heap's tags.
    ///
    /// # Errors
    /// If the server is stateless, or there is no such heap.
    pub async fn heap_tags(&self, heap: &str) -> Result<HeapTags, ApiError> {
        let heap = self.heap(heap).await?;
        let tags = self.executions.runner().tags().get(heap).await?;
        Ok(heap_tags(heap, tags))
    }

    /// Gives a heap these tags and no others.
    ///
    /// # Errors
    /// If the server is stateless, there is no such heap, or the tags are not acceptable.
    pub async fn set_heap_tags(
        &self,
        heap: &str,
        tags: BTreeMap<String, String>,
    ) -> Result<HeapTags, ApiError> {
        let (tags, heap) = (Tags::new(tags)?, self.heap(heap).await?);
        self.executions.runner().tags().set(heap, &tags).await?;
        Ok(heap_tags(heap, tags))
    }

    /// Takes tags of these names away, or all; returns what is left.
    ///
    /// # Errors
    /// If the server is stateless, or there is no such heap.
    pub async fn delete_heap_tags(&self, heap: &str, names: Option<&[String]>) -> Result<HeapTags, ApiError> {
        let heap = self.heap(heap).await?;
        let removal = names.map_or(Removal::All, Removal::Names);
        let tags = self.executions.runner().tags().delete(heap, removal).await?;
        Ok(heap_tags(heap, tags))
    }

    /// Heaps that have all these tags.
    ///
    /// # Errors
    /// If the server is stateless, or the arguments are not acceptable.
    pub async fn heaps_by_tags(
        &self,
        tags: BTreeMap<String, String>,
        cursor: Option<&str>,
        limit: Option<u64>,
    ) -> Result<TaggedHeaps, ApiError> {
        self.stateful("tags")?;
        let (tags, limit) = (Tags::new(tags)?, page(limit)?);
        let after = cursor.map(str::parse).transpose()?;
        let mut found = self.executions.runner().tags().query(&tags, after, limit + 1).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let heaps: Vec<HeapTags> = found.into_iter().map(|(heap, tags)| heap_tags(heap, tags)).collect();
        let last = heaps.last().map(|heap| heap.heap.clone());
        Ok(TaggedHeaps { heaps, next_cursor: last.filter(|_| more) })
    }

    async fn answer(&self, ended: &Ended) -> Result<Answer, ApiError> {
        let moved_on = ended.record.session_error.as_ref().map(|_| ErrorKind::Conflict);
        let failure = ended.failure.map(Into::into).or(moved_on);
        Ok(Answer { execution: self.form(ended.record.clone()).await?, failure })
    }

    async fn form(&self, record: ExecutionRecord) -> Result<Execution, ApiError> {
        let mut output = String::new();
        let mut truncated = false;
        if record.output.bytes > 0 || record.status == Status::Running {
            let beginning = OutputRange::Bytes { offset: 0, limit: OUTPUT_IN_RECORD };
            if let Some((_, page)) = self.executions.output(record.id, beginning).await? {
                truncated = page.has_more();
                output = page.data;
            }
        }
        Ok(Execution {
            execution_id: record.id.to_string(),
            status: record.status.into(),
            result: record.result,
            output,
            output_truncated: truncated,
            heap: record.heap.map(|heap| heap.to_string()),
            heap_error: record.heap_error,
            session: record.session.map(|session| session.to_string()),
            session_index: record.session_index,
            session_error: record.session_error,
            error: record.error,
            started_at: record.started_at.map(|at| at.to_string()),
            completed_at: record.completed_at.map(|at| at.to_string()),
        })
    }

    fn stateful(&self, what: &'static str) -> Result<(), ApiError> {
        if self.rules.stateful { Ok(()) } else { Err(RequestError::Stateless(what).into()) }
    }

    /// A heap that is there.
    async fn heap(&self, heap: &str) -> Result<HeapId, ApiError> {
        self.stateful("heaps")?;
        let heap = heap.parse()?;
        if self.executions.runner().has_heap(heap).await? {
            Ok(heap)
        } else {
            Err(ApiError::new(ErrorKind::NotFound, format!("there is no heap {heap}")))
        }
    }
}

fn heap_tags(heap: HeapId, tags: Tags) -> HeapTags {
    HeapTags { heap: heap.to_string(), tags: tags.as_map().clone() }
}

fn no_execution(id: ExecutionId) -> ApiError {
    ApiError::new(ErrorKind::NotFound, format!("there is no execution {id}"))
}

fn page(limit: Option<u64>) -> Result<usize, ApiError> {
    match limit {
        None => Ok(DEFAULT_PAGE),
        Some(limit) if (1..=MAX_PAGE as u64).contains(&limit) => Ok(limit as usize),
        Some(limit) => Err(ApiError::bad_input(format!("limit is from 1 to {MAX_PAGE}, not {limit}"))),
    }
}

fn session_fields(names: Option<&str>) -> Result<Vec<SessionField>, ApiError> {
    let Some(names) = names else { return Ok(SessionField::ALL.to_vec()) };
    let field = |name: &str| {
        SessionField::ALL.into_iter().find(|field| field.name() == name.trim()).ok_or_else(|| {
            let all = SessionField::ALL.map(SessionField::name).join(", ");
            ApiError::bad_input(format!("there is no field {name:?}; there are {all}"))
        })
    };
    names.split(',').map(field).collect()
}
