//! What has to work over every transport.

use rmcp::model::{CallToolRequest, ClientRequest, GetPromptRequestParams, ReadResourceRequestParams};
use rmcp::service::{PeerRequestOptions, ServiceError};
use serde_json::{Value, json};

use crate::{
    bench::Bench,
    client::{Client, call, given, params, text},
};

/// All of it, but cancelling, which is not the same everywhere.
pub(crate) async fn everything(bench: &Bench, client: &Client) {
    introduces_itself(client).await;
    runs(client).await;
    keeps_state(client).await;
    says_what_is_wrong(client).await;
    tells_of_progress(bench, client).await;
    has_resources_and_prompts(client).await;
}

async fn introduces_itself(client: &Client) {
    let info = client.peer_info().expect("it was told");
    let server = info.server_info.as_ref().expect("it has a name");
    assert_eq!((server.name.as_str(), server.title.as_deref()), ("stasis", Some("Stasis")));
    assert!(info.instructions.as_deref().expect("there are some").contains("State survives"));
    let tools = client.list_all_tools().await.expect("there are tools");
    assert_eq!(tools.len(), 11);
    assert!(tools.iter().all(|tool| tool.output_schema.is_some() && tool.annotations.is_some()));
}

async fn runs(client: &Client) {
    let code = "print one\nprint two\nreturn done";
    let execution = given(client, "run_js", json!({ "code": code })).await;
    assert_eq!(execution["status"], "completed");
    assert_eq!(execution["result"], "done");
    assert_eq!(execution["output"], "one\ntwo\n");
    let id = &execution["execution_id"];
    assert_eq!(given(client, "get_execution", json!({ "execution_id": id })).await, execution);
    let page = json!({ "execution_id": id, "line_offset": 2, "line_limit": 1 });
    assert_eq!(given(client, "get_execution_output", page).await["data"], "two\n");
    let list = given(client, "list_executions", json!({ "limit": 1 })).await;
    assert_eq!(list["executions"][0]["execution_id"], *id);
}

/// Resumes a session, and branches a heap.
async fn keeps_state(client: &Client) {
    let run = |code: &str, extra: Value| {
        let mut arguments = json!({ "code": code });
        arguments.as_object_mut().expect("it is one").extend(extra.as_object().expect("it is one").clone());
        given(client, "run_js", arguments)
    };
    let first = run("return 1", json!({ "session": "s", "tags": { "step": "1" } })).await["heap"].clone();
    let second = run("return 2", json!({ "session": "s" })).await["heap"].clone();
    let entries = given(client, "list_session_snapshots", json!({ "session": "s" })).await;
    assert_eq!(entries["entries"][1]["input_heap"], first);
    assert_eq!(entries["entries"][1]["output_heap"], second);
    assert_eq!(given(client, "list_sessions", json!({})).await["sessions"], json!(["s"]));

    let (left, right) =
        (run("return 3", json!({ "heap": first })).await, run("return 4", json!({ "heap": first })).await);
    assert_ne!(left["heap"], right["heap"]);
    let again = run("return 2", json!({ "heap": first })).await;
    assert_eq!(again["heap"], second, "the same run from the same heap leaves the same heap");

    let found = given(client, "query_heaps_by_tags", json!({ "tags": { "step": "1" } })).await;
    assert_eq!(found["heaps"][0]["heap"], first);
    let tags = json!({ "heap": first, "tags": { "a": "b", "c": "d" } });
    assert_eq!(given(client, "set_heap_tags", tags).await["tags"], json!({ "a": "b", "c": "d" }));
    let left = given(client, "delete_heap_tags", json!({ "heap": first, "keys": ["a"] })).await;
    assert_eq!(left["tags"], json!({ "c": "d" }));
    assert_eq!(given(client, "get_heap_tags", json!({ "heap": first })).await["tags"], json!({ "c": "d" }));
}

async fn says_what_is_wrong(client: &Client) {
    let failed = call(client, "run_js", json!({ "code": "print before\nthrow Error: no" })).await;
    assert_eq!(failed.is_error, Some(true));
    let execution = failed.structured_content.as_ref().expect("the record is there");
    assert_eq!((&execution["status"], &execution["output"]), (&json!("failed"), &json!("before\n")));
    assert_eq!(execution["error"], "Error: no");

    let timed_out = call(client, "run_js", json!({ "code": "stop deadline" })).await;
    assert_eq!(timed_out.structured_content.expect("the record is there")["status"], "timed_out");

    let wrong = [
        ("run_js", json!({}), "missing field `code`"),
        ("run_js", json!({ "code": 1 }), "invalid type"),
        ("run_js", json!({ "code": "", "cod": "" }), "unknown field `cod`"),
        ("run_js", json!({ "code": "", "heap": "../x" }), "64 lower-case hexadecimal digits"),
        ("run_js", json!({ "code": "", "heap": "a".repeat(64) }), "there is no heap"),
        ("run_js", json!({ "code": "", "wait_secs": 601 }), "wait_secs is from 0 to 600"),
        (
            "run_js",
            json!({ "code": "", "execution_timeout_secs": 31 }),
            "execution_timeout_secs is from 1 to 30",
        ),
        ("get_execution", json!({ "execution_id": "x" }), "an execution id looks like"),
        ("list_session_snapshots", json!({ "session": "other" }), "there is no session other"),
    ];
    for (tool, arguments, expect) in wrong {
        let result = call(client, tool, arguments).await;
        assert_eq!((result.is_error, &result.structured_content), (Some(true), &None), "{result:?}");
        let failure: Value = serde_json::from_str(text(&result)).expect("it is JSON");
        assert!(failure["error"].as_str().is_some_and(|error| error.contains(expect)), "{failure} {expect}");
    }

    match client.call_tool(params("run_py", &json!({}))).await {
        Err(ServiceError::McpError(error)) => {
            assert_eq!((error.code.0, &*error.message), (-32602, "Unknown tool: run_py"));
        }
        other => panic!("{other:?}"),
    }
}

async fn tells_of_progress(bench: &Bench, client: &Client) {
    let arguments = json!({ "code": "print one\nprint two\nwait\nreturn late", "wait_secs": 60 });
    let calling = given(client, "run_js", arguments);
    let releasing = async {
        let progress = client.service().progress().await;
        assert_eq!((progress.progress, progress.message.as_deref()), (1.0, Some("1 s, 2 lines printed")));
        bench.engine.release();
    };
    let (execution, ()) = tokio::join!(calling, releasing);
    assert_eq!(execution["result"], "late");

    let running = given(client, "run_js", json!({ "code": "wait\nreturn later", "wait_secs": 0 })).await;
    assert_eq!(running["status"], "running");
    let id = running["execution_id"].clone();
    bench.engine.release();
    let ended = given(client, "get_execution", json!({ "execution_id": id, "wait_secs": 60 })).await;
    assert_eq!(ended["result"], "later");

    let running = given(client, "run_js", json!({ "code": "wait", "wait_secs": 0 })).await;
    let id = running["execution_id"].clone();
    assert_eq!(given(client, "cancel_execution", json!({ "execution_id": id })).await, json!({ "ok": true }));
    assert_eq!(bench.newest_ended().await, "cancelled");
}

/// Withdraws a call, which cancels its run.
pub(crate) async fn cancels(bench: &Bench, client: &Client) {
    let request = CallToolRequest::new(params("run_js", &json!({ "code": "wait", "wait_secs": 60 })));
    let request = ClientRequest::CallToolRequest(request);
    let calling = client.send_cancellable_request(request, PeerRequestOptions::no_options()).await;
    // It has begun when there is progress to tell of.
    client.service().progress().await;
    calling.expect("it was sent").cancel(Some("enough".to_owned())).await.expect("it was sent");
    assert_eq!(bench.newest_ended().await, "cancelled");
}

async fn has_resources_and_prompts(client: &Client) {
    let resources = client.list_all_resources().await.expect("there are some");
    assert!(resources.iter().any(|resource| resource.uri == "stasis://sessions/s"), "{resources:?}");
    let templates = client.list_all_resource_templates().await.expect("there are some");
    assert_eq!(templates.len(), 2);
    let read = async |uri: &str| {
        let result = client.read_resource(ReadResourceRequestParams::new(uri)).await;
        serde_json::to_value(result.expect("it is there")).expect("it is JSON")["contents"][0]["text"].clone()
    };
    let history = read("stasis://sessions/s").await;
    assert!(history.as_str().is_some_and(|text| text.contains("return 1")), "{history}");
    let ran = given(client, "run_js", json!({ "code": "print one\nprint two" })).await;
    let output = format!("stasis://executions/{}/output", ran["execution_id"].as_str().expect("a name"));
    assert_eq!(read(&output).await, "one\ntwo\n");
    assert_eq!(read(&format!("{output}?line_offset=2")).await, "two\n");
    let absent = ReadResourceRequestParams::new("stasis://sessions/none");
    assert!(client.read_resource(absent).await.is_err());

    assert_eq!(client.list_all_prompts().await.expect("there are some").len(), 3);
    let arguments = json!({ "question": "What is 6 times 7?" });
    let prompt = GetPromptRequestParams::new("compute")
        .with_arguments(arguments.as_object().expect("it is one").clone());
    let prompt = client.get_prompt(prompt).await.expect("it is there");
    assert_eq!(prompt.messages.len(), 1);
}
