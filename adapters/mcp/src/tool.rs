//! What a tool is.

use futures::{FutureExt as _, future::BoxFuture};
use rmcp::{
    ErrorData,
    model::{CallToolResponse, JsonObject, ToolAnnotations},
};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use stasis_api::{Api, ApiError};
use stasis_core::{ExecutionId, RunRules};
use stasis_executions::Caller;

use crate::{
    answer::{self, Answer},
    asked::Asked,
    schema,
};

/// One of the calls of [`Api`] as a tool: typed arguments, a typed answer, and words for a model.
pub(crate) trait Tool: 'static {
    /// What it takes.
    type Arguments: DeserializeOwned + JsonSchema + Send;
    /// What it gives.
    type Answer: Serialize + JsonSchema;
    /// Its name; promised to users.
    const NAME: &'static str;
    /// Its name for people.
    const TITLE: &'static str;
    /// What it does to the server.
    const EFFECT: Effect;

    /// What it is for, with an example; names the server's limits.
    fn description(rules: &RunRules) -> String;

    /// Carries it out.
    fn call(
        api: &Api,
        arguments: Self::Arguments,
        asked: &Asked,
    ) -> impl Future<Output = Result<Answer<Self::Answer>, ApiError>> + Send;
}

/// A tool that can be called as a task: what it does is an execution.
pub(crate) trait TaskTool: Tool {
    /// Begins it; the execution's name is told to the client.
    fn start(
        api: &Api,
        arguments: Self::Arguments,
        caller: &Caller,
    ) -> impl Future<Output = Result<ExecutionId, ApiError>> + Send;
}

/// What a call does to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing.
    Reads,
    /// It makes something new each time, and may reach out to the world.
    Runs,
    /// It ends or overwrites something; a second time changes nothing.
    Replaces,
}

impl Effect {
    fn annotations(self) -> ToolAnnotations {
        let annotations = ToolAnnotations::new();
        match self {
            Self::Reads => annotations.read_only(true).idempotent(true).open_world(false),
            Self::Runs => annotations.read_only(false).destructive(false).idempotent(false).open_world(true),
            Self::Replaces => {
                annotations.read_only(false).destructive(true).idempotent(true).open_world(false)
            }
        }
    }
}

type Call = fn(Api, JsonObject, Asked) -> BoxFuture<'static, Result<CallToolResponse, ErrorData>>;
type Start = fn(Api, JsonObject, Caller) -> BoxFuture<'static, Result<ExecutionId, ApiError>>;

/// A tool whose types are forgotten, so that it can be in a list.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    /// What clients are told of it.
    pub(crate) definition: rmcp::model::Tool,
    /// Carries it out.
    pub(crate) call: Call,
    /// Begins it as a task, if it can be one.
    pub(crate) start: Option<Start>,
}

impl Offer {
    pub(crate) fn of<T: Tool>(rules: &RunRules) -> Self {
        let definition =
            rmcp::model::Tool::new(T::NAME, T::description(rules), schema::input::<T::Arguments>())
                .with_title(T::TITLE)
                .with_raw_output_schema(schema::output::<T::Answer>())
                .with_annotations(T::EFFECT.annotations());
        let call: Call = |api, arguments, asked| call::<T>(api, arguments, asked).boxed();
        Self { definition, call, start: None }
    }

    pub(crate) fn with_tasks<T: TaskTool>(rules: &RunRules) -> Self {
        let start: Start = |api, arguments, caller| start::<T>(api, arguments, caller).boxed();
        Self { start: Some(start), ..Self::of::<T>(rules) }
    }
}

async fn call<T: Tool>(api: Api, arguments: JsonObject, asked: Asked) -> Result<CallToolResponse, ErrorData> {
    // Arguments that do not fit are the model's to mend, so that it has to read why.
    let arguments = match read::<T>(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return Ok(answer::failure(&error).into()),
    };
    match T::call(&api, arguments, &asked).await {
        Ok(answer) => answer.into_response(),
        Err(error) => Ok(answer::failure(&error).into()),
    }
}

async fn start<T: TaskTool>(
    api: Api,
    arguments: JsonObject,
    caller: Caller,
) -> Result<ExecutionId, ApiError> {
    T::start(&api, read::<T>(arguments)?, &caller).await
}

fn read<T: Tool>(arguments: JsonObject) -> Result<T::Arguments, ApiError> {
    serde_json::from_value(Value::Object(arguments))
        .map_err(|error| ApiError::bad_input(format!("the arguments of {} do not fit: {error}", T::NAME)))
}
