//! `/api/sessions`

use axum::{Json, extract::State};
use serde::Deserialize;
use stasis_api::{Api, SessionEntries, SessionList};

use super::executions::PageParameters;
use crate::{
    extract::{Name, Parameters},
    problem::Problem,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EntriesParameters {
    fields: Option<String>,
    cursor: Option<String>,
    limit: Option<u64>,
}

pub(crate) async fn list(
    State(api): State<Api>,
    Parameters(page): Parameters<PageParameters>,
) -> Result<Json<SessionList>, Problem> {
    Ok(Json(api.sessions(page.cursor.as_deref(), page.limit).await?))
}

pub(crate) async fn entries(
    State(api): State<Api>,
    Name(session): Name,
    Parameters(parameters): Parameters<EntriesParameters>,
) -> Result<Json<SessionEntries>, Problem> {
    let (fields, cursor) = (parameters.fields.as_deref(), parameters.cursor.as_deref());
    Ok(Json(api.session_entries(&session, fields, cursor, parameters.limit).await?))
}
