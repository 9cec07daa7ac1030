//! Streamable HTTP: requests of revision 2026-07-28, each for itself.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};

use crate::{bench::Bench, http::Asking};

const VERSION: &str = "2026-07-28";

/// A request of a client with these capabilities.
fn asking(method: &str, mut params: Value, capabilities: &Value) -> Asking {
    let name = params["name"].as_str().or(params["taskId"].as_str()).unwrap_or_default().to_owned();
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = VERSION.into();
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities.clone();
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    Asking::post("/mcp", message.to_string())
        .header("mcp-protocol-version", VERSION)
        .header("mcp-method", method)
        .header("mcp-name", name)
}

async fn ask(address: SocketAddr, method: &str, params: Value, capabilities: &Value) -> Value {
    let (status, body) = asking(method, params, capabilities).finish(address).await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap_or_else(|_| panic!("{body}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_dropped_cancels_its_run() {
    let bench = Bench::new().await;
    let address = bench.serve().await;
    let run = json!({ "name": "run_js", "arguments": { "code": "wait", "wait_secs": 60 } });
    let asking = asking("tools/call", run, &json!({}));
    let dropped = tokio::time::timeout(Duration::from_millis(300), asking.begin(address)).await;
    assert!(dropped.is_err(), "the run waits, and so does the answer");
    assert_eq!(bench.newest_ended().await, "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_takes_long_is_a_task() {
    let bench = Bench::new().await;
    let address = bench.serve().await;
    let capabilities = json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } });
    let run = |code: &str| json!({ "name": "run_js", "arguments": { "code": code, "wait_secs": 0 } });
    let created = ask(address, "tools/call", run("wait\nreturn 1"), &capabilities).await["result"].clone();
    assert_eq!((&created["resultType"], &created["status"]), (&json!("task"), &json!("working")));
    let task = json!({ "taskId": created["taskId"] });
    let working = ask(address, "tasks/get", task.clone(), &capabilities).await["result"].clone();
    assert_eq!(working["status"], "working");
    bench.engine.release();
    assert_eq!(bench.newest_ended().await, "completed");
    let completed = ask(address, "tasks/get", task.clone(), &capabilities).await["result"].clone();
    assert_eq!(completed["status"], "completed");
    assert_eq!(completed["result"]["structuredContent"]["result"], "1");
    assert_eq!(completed["result"]["structuredContent"]["execution_id"], created["taskId"]);
    assert!(ask(address, "tasks/cancel", task, &capabilities).await["error"].is_null(), "it is too late");

    let created = ask(address, "tools/call", run("wait"), &capabilities).await["result"].clone();
    let task = json!({ "taskId": created["taskId"] });
    ask(address, "tasks/cancel", task.clone(), &capabilities).await;
    assert_eq!(bench.newest_ended().await, "cancelled");
    assert_eq!(ask(address, "tasks/get", task, &capabilities).await["result"]["status"], "cancelled");

    let failed = json!({ "name": "run_js", "arguments": { "code": "throw no", "wait_secs": 0 } });
    ask(address, "tools/call", failed, &capabilities).await;
    let unknown = json!({ "taskId": "0192d3f0-7c1e-7b7a-9e5d-3f1f4e1c2a3b" });
    assert_eq!(ask(address, "tasks/get", unknown.clone(), &capabilities).await["error"]["code"], -32602);
    let (status, body) = asking("tasks/get", unknown, &json!({})).finish(address).await;
    assert_eq!((status, body.contains("-32021")), (400, true), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_of_the_revision_before_are_none_of_this_one() {
    let bench = Bench::new().await;
    let address = bench.serve().await;
    let run = json!({ "name": "run_js", "arguments": { "code": "return 1" }, "task": { "ttl": 1 } });
    let answer = ask(address, "tools/call", run, &json!({})).await["result"].clone();
    assert_eq!((&answer["structuredContent"]["result"], &answer["task"]), (&json!("1"), &Value::Null));
    let tools = ask(address, "tools/list", json!({}), &json!({})).await["result"]["tools"].clone();
    assert!(tools.as_array().is_some_and(|tools| tools.iter().all(|tool| tool["execution"].is_null())));
    let task = json!({ "taskId": answer["structuredContent"]["execution_id"] });
    for method in ["tasks/result", "tasks/list", "stasis/2025-11-25/tasks/get"] {
        let (status, body) = asking(method, task.clone(), &json!({})).finish(address).await;
        assert_eq!((status, body.contains("-32601")), (404, true), "{method} {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_tasks_gets_a_record() {
    let bench = Bench::new().await;
    let address = bench.serve().await;
    let run = json!({ "name": "run_js", "arguments": { "code": "wait", "wait_secs": 0 } });
    let answer = ask(address, "tools/call", run, &json!({})).await;
    assert_eq!(answer["result"]["structuredContent"]["status"], "running");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_revisions_are_refused() {
    let bench = Bench::new().await;
    let address = bench.serve().await;
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": { "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2099-01-01",
        "io.modelcontextprotocol/clientCapabilities": {}
    } } });
    let unknown = Asking::post("/mcp", message.to_string())
        .header("mcp-protocol-version", "2099-01-01")
        .header("mcp-method", "tools/list");
    let (status, body) = unknown.finish(address).await;
    assert_eq!((status, body.contains("-32022")), (400, true), "{body}");
    let (status, body) = unknown.header("mcp-protocol-version", VERSION).finish(address).await;
    assert_eq!((status, body.contains("-32020")), (400, true), "{body}");
}
