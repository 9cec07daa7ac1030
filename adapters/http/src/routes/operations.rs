//! What operators and their machines ask: whether it lives, whether it can work, how it is doing, and what
//! can be asked of it.

use std::{fmt, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::{openapi, problem::Problem};

/// Answers to questions that only the whole server can answer.
#[derive(Clone)]
pub struct Operations {
    /// Why it cannot take work now; nothing if it can.
    pub readiness: Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>,
    /// Its metrics, in Prometheus' text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Its version.
    pub version: &'static str,
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operations").field("version", &self.version).finish_non_exhaustive()
    }
}

/// How long it may take to find out whether it can work.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn router(operations: Operations) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(description))
        .with_state(operations)
}

async fn health(State(operations): State<Operations>) -> Json<Value> {
    Json(json!({ "status": "ok", "version": operations.version }))
}

async fn ready(State(operations): State<Operations>) -> Result<Json<Value>, Problem> {
    let answer = tokio::time::timeout(PATIENCE, (operations.readiness)()).await;
    let unready = match answer {
        Ok(Ok(())) => return Ok(Json(json!({ "status": "ready" }))),
        Ok(Err(why)) => why,
        Err(_) => "the stores do not answer".to_owned(),
    };
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, unready))
}

async fn metrics(State(operations): State<Operations>) -> Response {
    const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], (operations.metrics)()).into_response()
}

async fn description(State(operations): State<Operations>) -> Json<Value> {
    Json(openapi::description(operations.version))
}
