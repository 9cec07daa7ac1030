//! `/api/heaps`

use std::collections::BTreeMap;

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use stasis_api::{Api, HeapTags, TaggedHeaps};

use crate::{
    extract::{JsonBody, Name, Parameters},
    problem::Problem,
};

/// Everything but cursor and limit is a tag that the heaps must have.
#[derive(Debug, Deserialize)]
pub(crate) struct QueryParameters {
    cursor: Option<String>,
    limit: Option<String>,
    #[serde(flatten)]
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteParameters {
    keys: Option<String>,
}

pub(crate) async fn query(
    State(api): State<Api>,
    Parameters(query): Parameters<QueryParameters>,
) -> Result<Json<TaggedHeaps>, Problem> {
    let refuse = |_| Problem::new(StatusCode::BAD_REQUEST, "limit is a number");
    let limit = query.limit.map(|limit| limit.parse().map_err(refuse)).transpose()?;
    Ok(Json(api.heaps_by_tags(query.tags, query.cursor.as_deref(), limit).await?))
}

pub(crate) async fn tags(State(api): State<Api>, Name(heap): Name) -> Result<Json<HeapTags>, Problem> {
    Ok(Json(api.heap_tags(&heap).await?))
}

pub(crate) async fn set_tags(
    State(api): State<Api>,
    Name(heap): Name,
    JsonBody(tags): JsonBody<BTreeMap<String, String>>,
) -> Result<Json<HeapTags>, Problem> {
    Ok(Json(api.set_heap_tags(&heap, tags).await?))
}

pub(crate) async fn delete_tags(
    State(api): State<Api>,
    Name(heap): Name,
    Parameters(parameters): Parameters<DeleteParameters>,
) -> Result<Json<HeapTags>, Problem> {
    let keys: Option<Vec<String>> =
        parameters.keys.map(|keys| keys.split(',').map(|key| key.trim().to_owned()).collect());
    Ok(Json(api.delete_heap_tags(&heap, keys.as_deref()).await?))
}
