//! The routes.

mod exec;
mod executions;
mod heaps;
mod operations;
mod sessions;

use axum::{
    Router,
    routing::{get, post},
};
use stasis_api::Api;

pub(crate) use exec::Accepted;
pub use operations::Operations;

/// All routes of the plain API, and those for operators.
pub fn router(api: Api, operations: Operations) -> Router {
    let api = Router::new()
        .route("/api/exec", post(exec::exec))
        .route("/api/executions", get(executions::list))
        .route("/api/executions/{id}", get(executions::show))
        .route("/api/executions/{id}/output", get(executions::output))
        .route("/api/executions/{id}/cancel", post(executions::cancel))
        .route("/api/sessions", get(sessions::list))
        .route("/api/sessions/{session}", get(sessions::entries))
        .route("/api/heaps", get(heaps::query))
        .route("/api/heaps/{heap}/tags", get(heaps::tags).put(heaps::set_tags).delete(heaps::delete_tags))
        .with_state(api);
    api.merge(operations::router(operations))
}
