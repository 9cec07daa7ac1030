//! Executions, by their names.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use stasis_api::{Api, ApiError, Cancelled, Execution, ExecutionList, OutputArguments};
use stasis_core::RunRules;

use super::PageArguments;
use crate::{
    answer::Answer,
    asked::Asked,
    attend::{Attended, attend, patience},
    console::Part,
    tool::{Effect, Tool},
};

/// `get_execution`
pub(crate) struct Get;

/// Which execution, and how long to wait for it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetArguments {
    /// The id that run_js gave.
    execution_id: String,
    /// Seconds to wait for the end, 0 to 600 (default 0).
    wait_secs: Option<u64>,
}

impl Tool for Get {
    type Arguments = GetArguments;
    type Answer = Execution;
    const NAME: &'static str = "get_execution";
    const TITLE: &'static str = "Get an execution";
    const EFFECT: Effect = Effect::Reads;

    fn description(_: &RunRules) -> String {
        "Returns a run's record: status, result, the beginning of its output, the heap that it left. With \
         wait_secs it waits for the end. Example: {\"execution_id\": \"0192d3f0-7c1e-7b7a-9e5d-3f1f4e1c2a3b\", \
         \"wait_secs\": 60}."
            .to_owned()
    }

    async fn call(api: &Api, arguments: GetArguments, asked: &Asked) -> Result<Answer<Execution>, ApiError> {
        let patience = patience(arguments.wait_secs, Duration::ZERO)?;
        let id = arguments.execution_id.parse()?;
        Ok(Answer::of(match attend(api, id, patience, asked, Part::New).await? {
            Attended::Known(execution) => *execution,
            Attended::Withdrawn => api.execution(id, Duration::ZERO).await?,
        }))
    }
}

/// `get_execution_output`
pub(crate) struct Output;

/// Which part of which execution's output: lines, or bytes if `byte_offset` is given.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutputOfArguments {
    /// The id that run_js gave.
    execution_id: String,
    /// The first line, counted from 1 (default 1).
    line_offset: Option<u64>,
    /// The most lines, 1 to 10,000 (default 100).
    line_limit: Option<u64>,
    /// The first byte, counted from 0; selects bytes instead of lines.
    byte_offset: Option<u64>,
    /// The most bytes, 1 to 1,048,576 (default 4,096); a character is never split.
    byte_limit: Option<u64>,
}

impl Tool for Output {
    type Arguments = OutputOfArguments;
    type Answer = stasis_api::Output;
    const NAME: &'static str = "get_execution_output";
    const TITLE: &'static str = "Read console output";
    const EFFECT: Effect = Effect::Reads;

    fn description(_: &RunRules) -> String {
        "Returns a page of what a run printed, also while it goes on. Go on with next_line_offset, or with \
         next_byte_offset for very long lines, as long as has_more is true. Example: {\"execution_id\": \
         \"0192d3f0-7c1e-7b7a-9e5d-3f1f4e1c2a3b\", \"line_offset\": 101}."
            .to_owned()
    }

    async fn call(
        api: &Api,
        arguments: OutputOfArguments,
        _: &Asked,
    ) -> Result<Answer<stasis_api::Output>, ApiError> {
        let OutputOfArguments { execution_id, line_offset, line_limit, byte_offset, byte_limit } = arguments;
        let part = OutputArguments { line_offset, line_limit, byte_offset, byte_limit };
        Ok(Answer::Given(api.output(execution_id.parse()?, part).await?))
    }
}

/// `cancel_execution`
pub(crate) struct Cancel;

/// Which execution.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelArguments {
    /// The id that run_js gave.
    execution_id: String,
}

impl Tool for Cancel {
    type Arguments = CancelArguments;
    type Answer = Cancelled;
    const NAME: &'static str = "cancel_execution";
    const TITLE: &'static str = "Cancel an execution";
    const EFFECT: Effect = Effect::Replaces;

    fn description(_: &RunRules) -> String {
        "Ends a run that waits or goes on. It leaves no heap and changes no session. Fails if the run has \
         already ended. Example: {\"execution_id\": \"0192d3f0-7c1e-7b7a-9e5d-3f1f4e1c2a3b\"}."
            .to_owned()
    }

    async fn call(api: &Api, arguments: CancelArguments, _: &Asked) -> Result<Answer<Cancelled>, ApiError> {
        Ok(Answer::Given(api.cancel(arguments.execution_id.parse()?).await?))
    }
}

/// `list_executions`
pub(crate) struct List;

impl Tool for List {
    type Arguments = PageArguments;
    type Answer = ExecutionList;
    const NAME: &'static str = "list_executions";
    const TITLE: &'static str = "List executions";
    const EFFECT: Effect = Effect::Reads;

    fn description(_: &RunRules) -> String {
        "Lists runs with their status, the newest first, in pages. Example: {\"limit\": 10}.".to_owned()
    }

    async fn call(api: &Api, arguments: PageArguments, _: &Asked) -> Result<Answer<ExecutionList>, ApiError> {
        Ok(Answer::Given(api.executions_list(arguments.cursor.as_deref(), arguments.limit).await?))
    }
}
