//! Running code.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use stasis_api::{Api, ApiError, Execution, RunArguments};
use stasis_core::{ExecutionId, RunRules, Status};
use stasis_executions::{Caller, Starting};

use crate::{
    answer::Answer,
    asked::Asked,
    attend::{Attended, attend, patience},
    console::Part,
    instructions::reach,
    tasks,
    tool::{Effect, TaskTool, Tool},
};

/// How long a call waits unless something else is asked for.
const DEFAULT_WAIT: Duration = Duration::from_secs(10);

/// `run_js` of a server that keeps heaps.
pub(crate) struct Stateful;

/// `run_js` of a server that does not.
pub(crate) struct Stateless;

/// A run, and how long to wait for it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatefulArguments {
    /// JavaScript or TypeScript. The value of the last expression is the result; top-level await works.
    code: String,
    /// Heap id to resume from: everything that was defined there is there.
    heap: Option<String>,
    /// Name of a session: resumes its latest heap unless `heap` is given, and logs the run.
    session: Option<String>,
    /// Tags for the heap that the run leaves.
    tags: Option<BTreeMap<String, String>>,
    /// Heap limit in megabytes, up to the server's maximum.
    heap_memory_max_mb: Option<u64>,
    /// Wall-clock limit in seconds, up to the server's maximum.
    execution_timeout_secs: Option<u64>,
    /// Seconds to wait for the end, 0 to 600 (default 10); after that the run goes on by itself.
    wait_secs: Option<u64>,
}

/// A run, and how long to wait for it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatelessArguments {
    /// JavaScript or TypeScript. The value of the last expression is the result; top-level await works.
    code: String,
    /// Heap limit in megabytes, up to the server's maximum.
    heap_memory_max_mb: Option<u64>,
    /// Wall-clock limit in seconds, up to the server's maximum.
    execution_timeout_secs: Option<u64>,
    /// Seconds to wait for the end, 0 to 600 (default 10); after that the run goes on by itself.
    wait_secs: Option<u64>,
}

impl Tool for Stateful {
    type Arguments = StatefulArguments;
    type Answer = Execution;
    const NAME: &'static str = "run_js";
    const TITLE: &'static str = "Run JavaScript";
    const EFFECT: Effect = Effect::Runs;

    fn description(rules: &RunRules) -> String {
        format!(
            "Runs JavaScript or TypeScript and returns the value of its last expression, what it printed, \
             and the id of the heap that it left. Variables and functions stay defined for later runs of \
             the same session, or of that heap. Example: {{\"code\": \"let total = 41; total + 1\", \
             \"session\": \"budget\"}}, then {{\"code\": \"total\", \"session\": \"budget\"}}. {} \
             A run that takes longer than wait_secs comes back as \"running\": ask get_execution for it.",
            limits(rules)
        )
    }

    async fn call(
        api: &Api,
        arguments: StatefulArguments,
        asked: &Asked,
    ) -> Result<Answer<Execution>, ApiError> {
        carry_out(api, arguments.into(), asked).await
    }
}

impl Tool for Stateless {
    type Arguments = StatelessArguments;
    type Answer = Execution;
    const NAME: &'static str = "run_js";
    const TITLE: &'static str = "Run JavaScript";
    const EFFECT: Effect = Effect::Runs;

    fn description(rules: &RunRules) -> String {
        format!(
            "Runs JavaScript or TypeScript in a fresh environment and returns the value of its last \
             expression and what it printed. Example: {{\"code\": \"[3, 1, 2].toSorted()\"}}. {} A run that \
             takes longer than wait_secs comes back as \"running\": ask get_execution for it.",
            limits(rules)
        )
    }

    async fn call(
        api: &Api,
        arguments: StatelessArguments,
        asked: &Asked,
    ) -> Result<Answer<Execution>, ApiError> {
        carry_out(api, arguments.into(), asked).await
    }
}

impl<T: Tool<Arguments: Into<Wanted>>> TaskTool for T {
    /// Who asks for a task does not wait: `wait_secs` only has to be acceptable.
    async fn start(api: &Api, arguments: T::Arguments, caller: &Caller) -> Result<ExecutionId, ApiError> {
        let Wanted { run, wait_secs } = arguments.into();
        patience(wait_secs, DEFAULT_WAIT)?;
        api.start(run, caller).await
    }
}

/// What both kinds of arguments come to.
pub(crate) struct Wanted {
    run: RunArguments,
    wait_secs: Option<u64>,
}

impl From<StatefulArguments> for Wanted {
    fn from(arguments: StatefulArguments) -> Self {
        let StatefulArguments {
            code,
            heap,
            session,
            tags,
            heap_memory_max_mb,
            execution_timeout_secs,
            wait_secs,
        } = arguments;
        let run = RunArguments { code, heap, session, tags, heap_memory_max_mb, execution_timeout_secs };
        Self { run, wait_secs }
    }
}

impl From<StatelessArguments> for Wanted {
    fn from(arguments: StatelessArguments) -> Self {
        let StatelessArguments { code, heap_memory_max_mb, execution_timeout_secs, wait_secs } = arguments;
        let run =
            RunArguments { code, heap_memory_max_mb, execution_timeout_secs, ..RunArguments::default() };
        Self { run, wait_secs }
    }
}

fn limits(rules: &RunRules) -> String {
    format!(
        "Limits: {} MB of heap, {} s, {} of code. {}",
        rules.limits.heap.get() >> 20,
        rules.limits.wall_clock.as_secs(),
        rules.max_code,
        reach(&rules.surroundings)
    )
}

async fn carry_out(api: &Api, wanted: Wanted, asked: &Asked) -> Result<Answer<Execution>, ApiError> {
    let patience = patience(wanted.wait_secs, DEFAULT_WAIT)?;
    let request = api.rules().check(wanted.run.into())?;
    // Nobody learns its name before it has ended or the time is over; without waiting that is at once.
    let starting = if patience.is_zero() { Starting::Recorded } else { Starting::Awaited };
    let id = api.executions().submit(request, asked.caller(), starting).await?;
    match attend(api, id, patience, asked, Part::Whole).await? {
        Attended::Known(execution) => {
            let goes_on = execution.status == Status::Running.into();
            if goes_on && asked.understands_tasks() {
                return Ok(Answer::Task(tasks::task(id, &execution)));
            }
            Ok(Answer::of(*execution))
        }
        Attended::Withdrawn => {
            // Whoever withdraws the call withdraws the run. If it has ended by itself, that stands.
            let _in_time = api.cancel(id).await.is_ok();
            Ok(Answer::of(api.execution(id, Duration::ZERO).await?))
        }
    }
}
