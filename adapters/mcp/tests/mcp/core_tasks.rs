//! Tasks of revision 2025-11-25's core, message by message, over every transport.

use serde_json::{Value, json};

use crate::{bench::Bench, http::Asking, speaker::Speaker};

/// The revision that has them.
const REVISION: &str = "2025-11-25";

/// What a call of `run_js` with this code asks for that is to be a task.
fn task(code: &str) -> Value {
    json!({ "name": "run_js", "arguments": { "code": code }, "task": { "ttl": 60000 } })
}

fn name(id: &Value) -> Value {
    json!({ "taskId": id })
}

/// All of it, whatever the transport.
async fn everything(bench: &Bench, mut client: Speaker) {
    is_told_of_tasks(&mut client).await;
    completes(bench, &mut client).await;
    fails(&mut client).await;
    is_cancelled(&mut client).await;
    is_told_what_is_wrong(&mut client).await;
}

async fn is_told_of_tasks(client: &mut Speaker) {
    let initialized = client.initialize(REVISION, json!({})).await;
    let tasks = json!({ "list": {}, "cancel": {}, "requests": { "tools": { "call": {} } } });
    assert_eq!(initialized["capabilities"]["tasks"], tasks);
    assert_eq!(initialized["capabilities"]["extensions"], Value::Null, "it is none of this revision");
    assert_eq!(
        (&initialized["protocolVersion"], &initialized["serverInfo"]["name"]),
        (&json!(REVISION), &json!("stasis"))
    );
    assert!(initialized["instructions"].is_string());
    let list = client.give("tools/list", json!({})).await;
    assert_eq!(list["resultType"], Value::Null);
    let tools = list["tools"].as_array().expect("there are tools");
    let with: Vec<_> = tools.iter().filter(|tool| !tool["execution"].is_null()).collect();
    assert_eq!((tools.len(), with.len()), (11, 1));
    assert_eq!(with[0]["name"], "run_js");
    assert_eq!(with[0]["execution"], json!({ "taskSupport": "optional" }));
    assert!(with[0]["inputSchema"].is_object() && with[0]["outputSchema"].is_object());
}

async fn completes(bench: &Bench, client: &mut Speaker) {
    let created = client.give("tools/call", task("print hello\nwait\nreturn 1")).await;
    let (seed, meta) = (&created["task"], &created["_meta"]);
    let id = &seed["taskId"];
    let made = (&seed["status"], &seed["ttl"], &seed["pollInterval"]);
    let week_ms = 7 * 24 * 3600 * 1000;
    assert_eq!(made, (&json!("working"), &json!(week_ms), &json!(1000)), "{created}");
    assert!(seed["createdAt"].is_string() && seed["lastUpdatedAt"].is_string(), "{created}");
    let response = &meta["io.modelcontextprotocol/model-immediate-response"];
    assert!(response.as_str().is_some_and(|text| text.contains("get_execution")), "{created}");
    assert_eq!(meta["io.modelcontextprotocol/related-task"], name(id));

    let working = client.give("tasks/get", name(id)).await;
    assert_eq!((&working["status"], &working["createdAt"]), (&json!("working"), &seed["createdAt"]));
    let (result, ()) = tokio::join!(client.give("tasks/result", name(id)), async { bench.engine.release() });
    assert_eq!(result["_meta"], json!({ "io.modelcontextprotocol/related-task": name(id) }));
    assert_eq!((&result["isError"], &result["resultType"]), (&json!(false), &Value::Null));
    let record = &result["structuredContent"];
    let ended = (&record["status"], &record["result"], &record["output"], &record["execution_id"]);
    assert_eq!(ended, (&json!("completed"), &json!("1"), &json!("hello\n"), id));
    assert_eq!(
        serde_json::from_str::<Value>(result["content"][0]["text"].as_str().expect("a text")).expect("JSON"),
        *record
    );

    let completed = client.give("tasks/get", name(id)).await;
    assert_eq!((&completed["status"], &completed["taskId"]), (&json!("completed"), id));
    assert_eq!((&completed["result"], &completed["_meta"]), (&Value::Null, &Value::Null));
    assert_eq!(completed["lastUpdatedAt"], record["completed_at"]);
    assert_eq!(client.give("tasks/list", json!({})).await["tasks"][0], completed);

    let plain = json!({ "name": "run_js", "arguments": { "code": "return 2" } });
    let plain = client.give("tools/call", plain).await;
    assert_eq!((&plain["structuredContent"]["result"], &plain["_meta"]), (&json!("2"), &Value::Null));
}

async fn fails(client: &mut Speaker) {
    for (code, status, error) in [("throw no", "failed", "no"), ("stop deadline", "timed_out", "time")] {
        let id = client.give("tools/call", task(code)).await["task"]["taskId"].clone();
        let result = client.give("tasks/result", name(&id)).await;
        let ended = (&result["isError"], &result["structuredContent"]["status"]);
        assert_eq!(ended, (&json!(true), &json!(status)));
        let failed = client.give("tasks/get", name(&id)).await;
        assert_eq!(failed["status"], "failed");
        assert!(failed["statusMessage"].as_str().is_some_and(|text| text.contains(error)), "{failed}");
    }
}

async fn is_cancelled(client: &mut Speaker) {
    let id = client.give("tools/call", task("wait")).await["task"]["taskId"].clone();
    let cancelled = client.give("tasks/cancel", name(&id)).await;
    assert_eq!((&cancelled["taskId"], &cancelled["status"]), (&id, &json!("cancelled")));
    assert_eq!(client.give("tasks/get", name(&id)).await["status"], "cancelled");
    let result = client.give("tasks/result", name(&id)).await;
    let ended = (&result["isError"], &result["structuredContent"]["status"]);
    assert_eq!(ended, (&json!(true), &json!("cancelled")));
    client.refuse("tasks/cancel", name(&id), -32602, "already ended").await;
}

async fn is_told_what_is_wrong(client: &mut Speaker) {
    let absent = json!("0192d3f0-7c1e-7b7a-9e5d-3f1f4e1c2a3b");
    for method in ["tasks/get", "tasks/result", "tasks/cancel"] {
        client.refuse(method, name(&absent), -32602, "there is no").await;
        client.refuse(method, name(&json!("x")), -32602, "there is no task x").await;
        client.refuse(method, name(&json!(7)), -32602, "parameters").await;
        client.refuse(method, json!({}), -32602, "parameters").await;
    }
    client.refuse("tasks/list", json!({ "cursor": "x" }), -32602, "cursor").await;
    client.refuse("tasks/list", json!({ "cursor": 7 }), -32602, "parameters").await;
    client.refuse("tools/list", json!({ "cursor": "x" }), -32602, "cursor").await;

    let call =
        |name: &str, task: Value| json!({ "name": name, "arguments": { "code": "return 1" }, "task": task });
    client
        .refuse("tools/call", call("list_executions", json!({})), -32601, "cannot be called as a task")
        .await;
    client.refuse("tools/call", call("run_py", json!({})), -32602, "Unknown tool: run_py").await;
    for task in [json!(5), json!("x"), json!({ "ttl": "x" })] {
        client.refuse("tools/call", call("run_js", task), -32602, "parameters").await;
    }
    client.refuse("tools/call", call("run_js", json!({ "ttl": -1 })), -32602, "ttl").await;
    client.refuse("tools/call", json!({ "name": 7, "task": {} }), -32602, "parameters").await;
    let wrong = [
        (json!({}), "missing field `code`"),
        (json!({ "code": 1 }), "invalid type"),
        (json!({ "code": "", "cod": "" }), "unknown field `cod`"),
        (json!({ "code": "", "heap": "a".repeat(64) }), "there is no heap"),
        (json!({ "code": "", "wait_secs": 601 }), "wait_secs is from 0 to 600"),
    ];
    for (arguments, words) in wrong {
        let call = json!({ "name": "run_js", "arguments": arguments, "task": {} });
        client.refuse("tools/call", call, -32602, words).await;
    }
}

/// A client of a revision that has no tasks in its core.
async fn nothing(mut client: Speaker, revision: &str) {
    let extension = json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } });
    let initialized = client.initialize(revision, extension.clone()).await;
    assert_eq!(initialized["capabilities"]["tasks"], Value::Null);
    assert_eq!(initialized["capabilities"]["extensions"], extension["extensions"]);
    let list = client.give("tools/list", json!({})).await;
    let tools = list["tools"].as_array().expect("there are tools");
    assert!(tools.len() == 11 && tools.iter().all(|tool| tool["execution"].is_null()), "{list}");
    let plain = client.give("tools/call", task("return 1")).await;
    assert_eq!((&plain["structuredContent"]["result"], &plain["task"]), (&json!("1"), &Value::Null));
    let id = &plain["structuredContent"]["execution_id"];
    client.refuse("tasks/get", name(id), -32021, "capability").await;
    client.refuse("tasks/cancel", name(id), -32021, "capability").await;
    client.refuse("tasks/result", name(id), -32601, "tasks/result").await;
    client.refuse("tasks/list", json!({}), -32601, "tasks/list").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_stdio() {
    let bench = Bench::new().await;
    everything(&bench, Speaker::stdio(&bench)).await;
    nothing(Speaker::stdio(&bench), "2025-06-18").await;
    nothing(Speaker::stdio(&bench), "2024-11-05").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_streamable_http() {
    let bench = Bench::new().await;
    let address = bench.serve().await;
    everything(&bench, Speaker::http(address)).await;
    nothing(Speaker::http(address), "2025-06-18").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_streamable_http_without_sessions() {
    let bench = Bench::new().await;
    let address = crate::bench::serve(bench.streamable(None)).await;
    everything(&bench, Speaker::http(address)).await;
    nothing(Speaker::http(address), "2025-06-18").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_sse() {
    let bench = Bench::new().await;
    let address = bench.serve().await;
    everything(&bench, Speaker::sse(address).await).await;
    nothing(Speaker::sse(address).await, "2024-11-05").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_extension_is_none_of_this_revision() {
    let bench = Bench::new().await;
    let mut client = Speaker::stdio(&bench);
    client.initialize(REVISION, json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } })).await;
    let run = json!({ "name": "run_js", "arguments": { "code": "wait", "wait_secs": 0 } });
    let running = client.give("tools/call", run).await;
    assert_eq!(
        (&running["structuredContent"]["status"], &running["resultType"]),
        (&json!("running"), &Value::Null)
    );
    let id = &running["structuredContent"]["execution_id"];
    let working = client.give("tasks/get", name(id)).await;
    assert_eq!((&working["status"], &working["ttlMs"]), (&json!("working"), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_withdraws_the_wait_does_not_end_the_task() {
    let bench = Bench::new().await;
    let mut client = Speaker::stdio(&bench);
    client.initialize(REVISION, json!({})).await;
    let id = client.give("tools/call", task("wait\nreturn 1")).await["task"]["taskId"].clone();
    let request = client.send("tasks/result", name(&id)).await;
    client.tell("notifications/cancelled", json!({ "requestId": request })).await;
    assert_eq!(client.give("tasks/get", name(&id)).await["status"], "working");
    bench.engine.release();
    assert_eq!(client.give("tasks/result", name(&id)).await["structuredContent"]["result"], "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_paged() {
    const EXECUTIONS: usize = 201;
    let bench = Bench::new().await;
    let mut client = Speaker::stdio(&bench);
    client.initialize(REVISION, json!({})).await;
    let mut expect = Vec::new();
    for _ in 0..EXECUTIONS {
        let id = client.give("tools/call", task("return 1")).await["task"]["taskId"].clone();
        client.give("tasks/result", name(&id)).await;
        expect.push(id);
    }
    expect.reverse();
    let (mut listed, mut pages, mut params) = (Vec::new(), 0, json!({}));
    loop {
        let page = client.give("tasks/list", params).await;
        let tasks = page["tasks"].as_array().expect("there are some");
        listed.extend(tasks.iter().map(|task| task["taskId"].clone()));
        pages += 1;
        match &page["nextCursor"] {
            Value::Null => break,
            cursor => params = json!({ "cursor": cursor }),
        }
    }
    assert_eq!((pages, listed), (3, expect));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asked_for_a_task_is_told_how_it_goes() {
    let bench = Bench::new().await;
    let mut client = Speaker::stdio(&bench);
    client.initialize(REVISION, json!({})).await;
    let mut call = task("print one\nwait\nreturn 1");
    call["_meta"] = json!({ "progressToken": "mine" });
    let id = client.give("tools/call", call).await["task"]["taskId"].clone();
    let progress = client.hear().await;
    let about = json!({ "io.modelcontextprotocol/related-task": name(&id) });
    let expect = json!({ "progressToken": "mine", "progress": 1.0, "message": "1 s, 1 lines printed", "_meta": about });
    assert_eq!((&progress["method"], &progress["params"]), (&json!("notifications/progress"), &expect));
    bench.engine.release();
    let mut heard = client.hear().await;
    while heard["method"] == "notifications/progress" {
        heard = client.hear().await;
    }
    assert_eq!(heard["method"], "notifications/tasks/status");
    assert_eq!(heard["params"], client.give("tasks/get", name(&id)).await);
    assert_eq!(heard["params"]["status"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_told_on_its_stream() {
    let bench = Bench::new().await;
    let address = bench.serve().await;
    let mut client = Speaker::http(address);
    client.initialize(REVISION, json!({})).await;
    let session = client.session().expect("it has one").to_owned();
    let mut stream = Asking::get("/mcp").header("mcp-session-id", session).begin(address).await;
    let id = client.give("tools/call", task("wait\nreturn 1")).await["task"]["taskId"].clone();
    bench.engine.release();
    let told = stream.message().await.expect("it is told");
    let expect = (&json!("notifications/tasks/status"), &id, &json!("completed"));
    assert_eq!((&told["method"], &told["params"]["taskId"], &told["params"]["status"]), expect);
}
