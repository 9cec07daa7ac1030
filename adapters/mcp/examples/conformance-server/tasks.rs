//! The suite's tools that take long, or print something: runs of the product, which a clock lets go on.

use std::time::Duration;

use rmcp::{
    ErrorData, RoleServer, ServerHandler as _,
    model::{CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock},
    service::RequestContext,
};
use serde_json::{Value, json};
use stasis_core::engine::fake::FakeEngine;
use stasis_mcp::Server;
use std::sync::Arc;

use crate::content::read;

/// These tools, and one that takes no time.
pub(crate) const TOOLS: [&str; 5] =
    ["greet", "slow_compute", "failing_job", "test_tool_with_logging", "test_logging_tool"];

/// Calls one of [`TOOLS`].
pub(crate) async fn call(
    name: &str,
    arguments: &Value,
    (server, engine): (&Server, &Arc<FakeEngine>),
    context: RequestContext<RoleServer>,
) -> Option<Result<CallToolResponse, ErrorData>> {
    let understands_tasks = context.client_capabilities().is_some_and(|client| client.supports_tasks());
    let (seconds, code) = match name {
        "greet" => {
            let greeting = format!("Hello, {}!", arguments["name"].as_str().unwrap_or_default());
            return Some(Ok(CallToolResult::success(vec![ContentBlock::text(greeting)]).into()));
        }
        "slow_compute" => match arguments["seconds"].as_u64().unwrap_or_default() {
            0 => (0, "return 0".to_owned()),
            seconds => (seconds, format!("wait\nreturn {seconds}")),
        },
        "failing_job" if !understands_tasks => {
            let required = read(json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } }));
            return Some(Err(
                required.map_or_else(|error| error, ErrorData::missing_required_client_capability)
            ));
        }
        "failing_job" => (1, "wait\nthrow the job failed".to_owned()),
        "test_tool_with_logging" => {
            let code = "print Tool execution started\nprint Tool processing data\nwait\nprint Tool execution completed";
            (1, code.to_owned())
        }
        "test_logging_tool" => (0, "print Tool execution completed".to_owned()),
        _ => return None,
    };
    if seconds > 0 {
        let engine = engine.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            engine.release();
        });
    }
    let wait_secs = if understands_tasks { 0 } else { 60 };
    let arguments = json!({ "code": code, "wait_secs": wait_secs });
    let request = CallToolRequestParams::new("run_js");
    let request = request.with_arguments(arguments.as_object().cloned().unwrap_or_default());
    Some(server.call_tool(request, context).await)
}
