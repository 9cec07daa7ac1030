//! `/api/executions`

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use stasis_api::{Api, ApiError, Cancelled, ErrorKind, Execution, ExecutionList, Output, OutputArguments};
use stasis_core::ExecutionId;

use crate::{
    extract::{Name, Parameters},
    problem::Problem,
    wait::wait,
};

/// Which page of a list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageParameters {
    pub(crate) cursor: Option<String>,
    pub(crate) limit: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaitParameters {
    wait: Option<String>,
}

pub(crate) async fn list(
    State(api): State<Api>,
    Parameters(page): Parameters<PageParameters>,
) -> Result<Json<ExecutionList>, Problem> {
    Ok(Json(api.executions_list(page.cursor.as_deref(), page.limit).await?))
}

pub(crate) async fn show(
    State(api): State<Api>,
    Name(id): Name,
    Parameters(parameters): Parameters<WaitParameters>,
    headers: HeaderMap,
) -> Result<Json<Execution>, Problem> {
    let patience = wait(parameters.wait.as_deref(), &headers)?.unwrap_or(Duration::ZERO);
    Ok(Json(api.execution(parse(&id)?, patience).await?))
}

pub(crate) async fn output(
    State(api): State<Api>,
    Name(id): Name,
    Parameters(part): Parameters<OutputArguments>,
) -> Result<Json<Output>, Problem> {
    Ok(Json(api.output(parse(&id)?, part).await?))
}

pub(crate) async fn cancel(State(api): State<Api>, Name(id): Name) -> Result<Response, Problem> {
    match api.cancel(parse(&id)?).await {
        Ok(cancelled) => Ok(Json(cancelled).into_response()),
        Err(ApiError { kind: ErrorKind::Conflict, message }) => {
            let body = Cancelled { ok: false, error: Some(message) };
            Ok((StatusCode::CONFLICT, Json(body)).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// What is no id names no execution.
fn parse(id: &str) -> Result<ExecutionId, Problem> {
    id.parse().map_err(|error| {
        let shown: String = id.chars().take(80).collect();
        Problem::new(StatusCode::NOT_FOUND, format!("there is no execution {shown:?}: {error}"))
    })
}
