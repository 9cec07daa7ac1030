//! `POST /api/exec`

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stasis_api::{Api, RunArguments};
use stasis_core::ExecutionId;

use crate::{
    caller::Peer,
    extract::{Parameters, bytes, is_json, media_type, parse_json},
    problem::{Problem, status},
    wait::wait,
};

/// The answer when an execution goes on.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Accepted {
    /// Its name.
    execution_id: String,
}

/// What the query string may say; with raw code, it says everything but the code.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExecParameters {
    wait: Option<String>,
    heap: Option<String>,
    session: Option<String>,
    heap_memory_max_mb: Option<u64>,
    execution_timeout_secs: Option<u64>,
}

pub(crate) async fn exec(
    State(api): State<Api>,
    Peer(caller): Peer,
    Parameters(parameters): Parameters<ExecParameters>,
    request: Request,
) -> Result<Response, Problem> {
    let patience = wait(parameters.wait.as_deref(), request.headers())?;
    let run = arguments(parameters, request).await?;
    let Some(patience) = patience else {
        return Ok(accepted(api.start(run, &caller).await?));
    };
    let mut response = match api.run(run, &caller, patience).await? {
        Err(id) => accepted(id),
        Ok(answer) => (answer.failure.map_or(StatusCode::OK, status), Json(answer.execution)).into_response(),
    };
    let applied = HeaderValue::try_from(format!("wait={}", patience.as_secs())).ok();
    response
        .headers_mut()
        .extend(applied.map(|value| (HeaderName::from_static("preference-applied"), value)));
    Ok(response)
}

fn accepted(id: ExecutionId) -> Response {
    let location = [(header::LOCATION, format!("/api/executions/{id}"))];
    (StatusCode::ACCEPTED, location, Json(Accepted { execution_id: id.to_string() })).into_response()
}

/// A JSON body says everything; any other is the code.
async fn arguments(parameters: ExecParameters, request: Request) -> Result<RunArguments, Problem> {
    let (json, form) = (is_json(request.headers()), is_form(request.headers()));
    let body = bytes(request, &()).await?;
    if json {
        let besides = [&parameters.heap, &parameters.session].iter().any(|parameter| parameter.is_some());
        if besides || parameters.heap_memory_max_mb.or(parameters.execution_timeout_secs).is_some() {
            let message = "with a JSON body, everything but wait belongs into the body";
            return Err(Problem::new(StatusCode::BAD_REQUEST, message));
        }
        return parse_json(&body);
    }
    if form {
        let message = "send application/json, or the code itself as text/plain";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let code = String::from_utf8(body.into())
        .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the code is not UTF-8 text"))?;
    Ok(RunArguments {
        code,
        heap: parameters.heap,
        session: parameters.session,
        tags: None,
        heap_memory_max_mb: parameters.heap_memory_max_mb,
        execution_timeout_secs: parameters.execution_timeout_secs,
    })
}

/// A form with parts is neither JSON nor code.
fn is_form(headers: &HeaderMap) -> bool {
    media_type(headers).eq_ignore_ascii_case("multipart/form-data")
}
