//! Answering requests of this revision.

use std::time::Duration;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, ClientCapabilities, CustomRequest, CustomResult, ErrorCode,
        PaginatedRequestParams, TaskStatus,
    },
    service::RequestContext,
};
use serde::{Serialize, de::DeserializeOwned};
use stasis_api::{Api, DEFAULT_PAGE, MAX_WAIT};
use stasis_core::{ExecutionId, ExecutionRecord, Status};

use super::{Method, REVISION, related_to, watch::watch, wire};
use crate::{
    answer::{Answer, refusal},
    asked::Asked,
    attend::{Attended, attend},
    console::Part,
    server::{self, Server},
    tasks::{no_task, parse},
};

/// Answers a request that stands for one of this revision. `handler` is what the client sees of `server`, and
/// may have more tools.
pub(crate) async fn answer<H: ServerHandler>(
    server: &Server,
    handler: &H,
    method: Method,
    request: CustomRequest,
    context: RequestContext<RoleServer>,
) -> Result<CustomResult, ErrorData> {
    if context.protocol_version() != Some(REVISION) {
        return without_tasks(server, handler, method, &request, context).await;
    }
    let api = server.api();
    match method {
        Method::ListTools => {
            written(&list_tools(server, handler, optional(method, &request)?, context, true).await?)
        }
        Method::CallTool => written(&create(server, handler, params(method, &request)?, context).await?),
        Method::GetTask => written(&get(api, &params(method, &request)?).await?),
        Method::TaskResult => {
            let _room = server.room()?;
            result(api, &params(method, &request)?, Asked::new(&context)).await
        }
        Method::ListTasks => written(&list(api, optional(method, &request)?).await?),
        Method::CancelTask => {
            let _room = server.room()?;
            written(&cancel(api, &params(method, &request)?).await?)
        }
    }
}

/// Answers a client that agreed on a revision before: what it cannot know is ignored, or is not there.
async fn without_tasks<H: ServerHandler>(
    server: &Server,
    handler: &H,
    method: Method,
    request: &CustomRequest,
    context: RequestContext<RoleServer>,
) -> Result<CustomResult, ErrorData> {
    match method {
        Method::ListTools => {
            written(&list_tools(server, handler, optional(method, request)?, context, false).await?)
        }
        Method::CallTool => {
            let call: CallToolRequestParams = params(method, request)?;
            complete(handler.call_tool(call, context).await?, None)
        }
        Method::GetTask | Method::CancelTask => {
            // These are the extension's, which no client of such a revision can have.
            let required = ClientCapabilities::builder().enable_tasks().build();
            Err(ErrorData::missing_required_client_capability(required))
        }
        Method::TaskResult | Method::ListTasks => {
            Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, method.name(), None))
        }
    }
}

/// `tools/list`: `with_tasks`, it says which tools can be called as tasks.
async fn list_tools<H: ServerHandler>(
    server: &Server,
    handler: &H,
    page: Option<PaginatedRequestParams>,
    context: RequestContext<RoleServer>,
    with_tasks: bool,
) -> Result<wire::Page<wire::Tools>, ErrorData> {
    let list = handler.list_tools(page, context).await?;
    let with_execution = |definition: rmcp::model::Tool| {
        let can = with_tasks && server.offer(&definition.name).is_some_and(|offer| offer.start.is_some());
        wire::Tool { definition, execution: can.then_some(wire::ToolExecution::OPTIONAL) }
    };
    let tools = list.tools.into_iter().map(with_execution).collect();
    Ok(wire::Page { items: wire::Tools { tools }, next_cursor: list.next_cursor, meta: list.meta })
}

/// `tools/call` that is to be a task.
async fn create<H: ServerHandler>(
    server: &Server,
    handler: &H,
    wire::TaskCall { call, task }: wire::TaskCall,
    context: RequestContext<RoleServer>,
) -> Result<wire::Created, ErrorData> {
    if task.ttl.is_some_and(|ttl| ttl < 0.0) {
        return Err(ErrorData::invalid_params("ttl is a number of milliseconds, and not less than 0", None));
    }
    let start = match server.offer(&call.name) {
        Some(offer) => offer.start,
        None if handler.get_tool(&call.name).is_some() => None,
        None => return Err(server::unknown_tool(&call.name)),
    };
    let start = start.ok_or_else(|| {
        let message = format!("{} cannot be called as a task: call it without", call.name);
        ErrorData::new(ErrorCode::METHOD_NOT_FOUND, message, None)
    })?;
    let _room = server.room()?;
    let (api, asked) = (server.api().clone(), Asked::new(&context));
    let arguments = call.arguments.unwrap_or_default();
    let id = start(api.clone(), arguments, asked.caller().clone()).await.map_err(|error| refusal(&error))?;
    let created = wire::Created::new(id, kept(&api));
    tokio::spawn(watch(api, id, asked, context.peer));
    Ok(created)
}

/// `tasks/get`
async fn get(api: &Api, name: &wire::TaskId) -> Result<wire::Task, ErrorData> {
    Ok(wire::Task::of(&record(api, parse(&name.task_id)?, Duration::ZERO).await?, kept(api)))
}

/// `tasks/result`: what the call would have answered, as soon as it has ended. Whoever withdraws the request
/// withdraws it alone: the task goes on.
async fn result(api: &Api, name: &wire::TaskId, asked: Asked) -> Result<CustomResult, ErrorData> {
    let id = parse(&name.task_id)?;
    // What it prints is told to whoever asked for the task.
    let attended = attend(api, id, MAX_WAIT, &asked.about_task(id), Part::Nothing).await;
    match attended.map_err(|error| refusal(&error))? {
        Attended::Known(execution) if execution.status != Status::Running.into() => {
            complete(Answer::of(*execution).into_response()?, Some(id))
        }
        Attended::Known(_) | Attended::Withdrawn => {
            Err(ErrorData::internal_error("the task still goes on; ask for its result again", None))
        }
    }
}

/// `tasks/list`: all executions, the newest first, as all who ask a server share them.
async fn list(api: &Api, page: Option<PaginatedRequestParams>) -> Result<wire::Page<wire::Tasks>, ErrorData> {
    let after = page.and_then(|page| page.cursor).map(|cursor| cursor.parse::<ExecutionId>()).transpose();
    let after = after.map_err(|_| server::no_such_cursor())?;
    let (found, next_cursor) =
        api.executions_page(after, DEFAULT_PAGE).await.map_err(|error| refusal(&error))?;
    let tasks = found.iter().map(|summary| wire::Task::new(summary, None, kept(api))).collect();
    Ok(wire::Page { items: wire::Tasks { tasks }, next_cursor, meta: None })
}

/// `tasks/cancel`: one that has ended stays as it is, and that is an error.
async fn cancel(api: &Api, name: &wire::TaskId) -> Result<wire::Task, ErrorData> {
    let id = parse(&name.task_id)?;
    api.cancel(id).await.map_err(|error| refusal(&error))?;
    let mut task = wire::Task::of(&record(api, id, MAX_WAIT).await?, kept(api));
    // It does not end otherwise, however long its end takes.
    task.status = TaskStatus::Cancelled;
    Ok(task)
}

/// An execution's record, when it has ended or the time is over.
async fn record(api: &Api, id: ExecutionId, patience: Duration) -> Result<ExecutionRecord, ErrorData> {
    let record = api.executions().wait(id, patience).await.map_err(|error| refusal(&error.into()))?;
    record.ok_or_else(|| no_task(&id.to_string()))
}

fn kept(api: &Api) -> Duration {
    api.executions().retention().age
}

/// The result of a call as clients of this revision know it, and of which task it is.
fn complete(response: CallToolResponse, of: Option<ExecutionId>) -> Result<CustomResult, ErrorData> {
    let CallToolResponse::Complete(mut result) = response else {
        return Err(ErrorData::internal_error("the tool's answer is none of this revision", None));
    };
    result.result_type = None;
    if let Some(id) = of {
        result.meta.get_or_insert_default().0.extend(related_to(id).0);
    }
    written(&result)
}

fn written<T: Serialize>(result: &T) -> Result<CustomResult, ErrorData> {
    let value = serde_json::to_value(result);
    value.map(CustomResult::new).map_err(|_| ErrorData::internal_error("the answer cannot be written", None))
}

fn optional<T: DeserializeOwned>(method: Method, request: &CustomRequest) -> Result<Option<T>, ErrorData> {
    request.params_as().map_err(|_| server::bad_parameters(method.name()))
}

fn params<T: DeserializeOwned>(method: Method, request: &CustomRequest) -> Result<T, ErrorData> {
    optional(method, request)?.ok_or_else(|| server::bad_parameters(method.name()))
}
