//! Log messages: what a run prints, for clients that ask for it.

use serde_json::{Value, json};

use crate::{
    bench::{self, Bench},
    http::Asking,
    speaker::Speaker,
};

const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// Prints a line of each severity that there is.
const OF_EACH: &str = "print plain\nprint [INFO] so\nprint [WARN] hm\nprint [ERROR] no\nreturn 1";

fn run(code: &str) -> Value {
    json!({ "name": "run_js", "arguments": { "code": code, "wait_secs": 60 } })
}

/// The lines that messages tell of, each with its severity; all are about this execution.
fn lines(messages: Vec<Value>, execution: &Value) -> Vec<(String, String)> {
    let logger = format!("execution/{}", execution.as_str().expect("it has a name"));
    let text = |value: &Value| value.as_str().expect("it is a text").to_owned();
    let line = |message: Value| {
        let params = &message["params"];
        assert_eq!(
            (&message["method"], &params["logger"]),
            (&json!("notifications/message"), &json!(logger))
        );
        (text(&params["level"]), text(&params["data"]))
    };
    messages.into_iter().map(line).collect()
}

/// Runs this, and checks what is told of it before it is answered.
async fn check(client: &mut Speaker, call: Value, expect: &[(&str, &str)]) {
    let answer = client.give("tools/call", call.clone()).await;
    let told = lines(client.heard(), &answer["structuredContent"]["execution_id"]);
    let told: Vec<_> = told.iter().map(|(level, line)| (level.as_str(), line.as_str())).collect();
    assert_eq!(told, expect, "{call}");
}

/// What each level lets through of [`OF_EACH`].
fn levels() -> [(&'static str, &'static [(&'static str, &'static str)]); 8] {
    const ALL: &[(&str, &str)] =
        &[("info", "plain"), ("info", "[INFO] so"), ("warning", "[WARN] hm"), ("error", "[ERROR] no")];
    [
        ("debug", ALL),
        ("info", ALL),
        ("notice", &ALL[2..]),
        ("warning", &ALL[2..]),
        ("error", &ALL[3..]),
        ("critical", &[]),
        ("alert", &[]),
        ("emergency", &[]),
    ]
}

/// What is told of a run that prints 3000 lines.
async fn is_not_flooded(client: &mut Speaker, call: impl Fn(&str) -> Value) {
    let code: String = (0..3000).map(|number| format!("print {number}\n")).collect();
    let answer = client.give("tools/call", call(&code)).await;
    let id = &answer["structuredContent"]["execution_id"];
    let mut told = lines(client.heard(), id);
    let (level, notice) = told.pop().expect("there is something");
    let expect: Vec<_> = (0..1000).map(|number| ("info".to_owned(), number.to_string())).collect();
    assert!(told == expect, "{told:?}");
    assert_eq!(level, "warning");
    let uri = format!("stasis://executions/{}/output?line_offset=1001", id.as_str().expect("a name"));
    assert!(notice.starts_with("2000 lines are left out here, from line 1001 on"), "{notice}");
    assert!(notice.contains("get_execution_output") && notice.ends_with(&uri), "{notice}");
}

/// A client that has asked for what is printed.
async fn listening(mut client: Speaker) -> Speaker {
    client.initialize("2025-11-25", json!({})).await;
    client.give("logging/setLevel", json!({ "level": "info" })).await;
    client
}

/// A client with a handshake, on a connection or with a session.
async fn with_handshake(mut client: Speaker, revision: &str) {
    let initialized = client.initialize(revision, json!({})).await;
    assert_eq!(initialized["capabilities"]["logging"], json!({}));
    check(&mut client, run(OF_EACH), &[]).await;
    let mut of_request = run(OF_EACH);
    of_request["_meta"] = json!({ LOG_LEVEL: "debug" });
    check(&mut client, of_request, &[]).await;

    let wrong = [json!({ "level": "warn" }), json!({ "level": "INFO" }), json!({ "level": 7 }), json!({})];
    for params in wrong {
        client.refuse("logging/setLevel", params, -32602, "level is one of debug, info").await;
    }
    check(&mut client, run(OF_EACH), &[]).await;
    for (level, expect) in levels() {
        assert_eq!(client.give("logging/setLevel", json!({ "level": level })).await, json!({}));
        check(&mut client, run(OF_EACH), expect).await;
    }
    client.give("logging/setLevel", json!({ "level": "info" })).await;
    check(&mut client, run("print one\nthrow no"), &[("info", "one")]).await;
    is_not_flooded(&mut client, run).await;
}

/// A client that says with each request what it wants.
async fn without_handshake(mut client: Speaker) {
    assert_eq!(client.discover().await["capabilities"]["logging"], json!({}));
    check(&mut client, run(OF_EACH), &[]).await;
    let at = |level: Value| {
        move |code: &str| {
            let mut call = run(code);
            call["_meta"][LOG_LEVEL] = level.clone();
            call
        }
    };
    for (level, expect) in levels() {
        check(&mut client, at(level.into())(OF_EACH), expect).await;
    }
    check(&mut client, run(OF_EACH), &[]).await;
    for level in [json!("warn"), json!(7), json!(null)] {
        client.refuse("tools/call", at(level)(OF_EACH), -32602, LOG_LEVEL).await;
    }
    client.refuse("logging/setLevel", json!({ "level": "info" }), -32601, "logging/setLevel").await;
    client.refuse("logging/setLevel", json!({ "level": "warn" }), -32601, "logging/setLevel").await;
    is_not_flooded(&mut client, at("info".into())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_stdio() {
    let bench = Bench::new().await;
    with_handshake(Speaker::stdio(&bench), "2025-11-25").await;
    with_handshake(Speaker::stdio(&bench), "2024-11-05").await;
    without_handshake(Speaker::stdio(&bench)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_streamable_http() {
    let bench = Bench::new().await;
    let address = bench.serve().await;
    with_handshake(Speaker::http(address), "2025-11-25").await;
    with_handshake(Speaker::http(address), "2025-06-18").await;
    without_handshake(Speaker::http(address)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_sse() {
    let bench = Bench::new().await;
    let address = bench.serve().await;
    with_handshake(Speaker::sse(address).await, "2024-11-05").await;
    without_handshake(Speaker::sse(address).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_streamable_http_without_sessions() {
    let bench = Bench::new().await;
    let address = bench::serve(bench.streamable(None)).await;
    without_handshake(Speaker::http(address)).await;
    // There is nothing that a level could be set for.
    let mut client = Speaker::http(address);
    let initialized = client.initialize("2025-11-25", json!({})).await;
    assert_eq!(initialized["capabilities"]["logging"], Value::Null);
    assert_eq!(initialized["capabilities"]["tools"], json!({}));
    client.refuse("logging/setLevel", json!({ "level": "info" }), -32601, "logging/setLevel").await;
    check(&mut client, run(OF_EACH), &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_level_is_that_of_one_connection() {
    let bench = Bench::new().await;
    let address = bench.serve().await;
    let pairs = [
        (Speaker::stdio(&bench), Speaker::stdio(&bench)),
        (Speaker::http(address), Speaker::http(address)),
        (Speaker::sse(address).await, Speaker::sse(address).await),
    ];
    for (one, mut other) in pairs {
        let mut one = listening(one).await;
        other.initialize("2025-11-25", json!({})).await;
        check(&mut other, run("print one"), &[]).await;
        check(&mut one, run("print one"), &[("info", "one")]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_told_while_the_run_goes_on() {
    let bench = Bench::new().await;
    let mut client = Speaker::stdio(&bench);
    client.initialize("2025-11-25", json!({})).await;
    let asked = client.send("tools/call", run("print one\nwait\nprint two\nwait\nreturn 1")).await;
    // It may be asked for while a run goes on.
    client.give("logging/setLevel", json!({ "level": "info" })).await;
    assert_eq!(client.hear().await["params"]["data"], "one");
    bench.engine.release();
    assert_eq!(client.hear().await["params"]["data"], "two");
    bench.engine.release();
    assert_eq!(client.hear().await["id"], asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_told_on_the_stream_of_their_request() {
    let bench = Bench::new().await;
    let address = bench.serve().await;
    let client = listening(Speaker::http(address)).await;
    let session = client.session().expect("it has one").to_owned();
    let call =
        json!({ "jsonrpc": "2.0", "id": "mine", "method": "tools/call", "params": run("print one\nwait") });
    let asking = Asking::post("/mcp", call.to_string()).header("mcp-session-id", session);
    let mut stream = asking.begin(address).await;
    assert_eq!(stream.message().await.expect("it is told")["params"]["data"], "one");
    bench.engine.release();
    assert_eq!(stream.message().await.expect("it is answered")["id"], "mine");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_later_is_told_what_is_new() {
    let bench = Bench::new().await;
    let mut client = listening(Speaker::stdio(&bench)).await;
    let asked = client.send("tools/call", run("print one\nwait\nprint two")).await;
    let first = client.hear().await;
    assert_eq!(first["params"]["data"], "one");
    let id = first["params"]["logger"].as_str().and_then(|logger| logger.strip_prefix("execution/"));
    let mut get = json!({ "name": "get_execution", "arguments": { "execution_id": id, "wait_secs": 60 } });
    get["_meta"] = json!({ "progressToken": "get" });
    let got = client.send("tools/call", get).await;
    assert_eq!(client.hear().await["params"]["progressToken"], "get");
    bench.engine.release();
    let mut heard = Vec::new();
    let mut answered = Vec::new();
    while answered.len() < 2 {
        match client.hear().await {
            message if message["id"].is_null() => heard.push(message["params"]["data"].clone()),
            message => answered.push(message["id"].clone()),
        }
    }
    assert_eq!(heard, ["two", "two"], "each who waits is told");
    assert!(answered.contains(&json!(asked)) && answered.contains(&json!(got)), "{answered:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asked_for_a_task_is_told_what_it_prints() {
    let bench = Bench::new().await;
    let mut client = listening(Speaker::stdio(&bench)).await;
    let mut task = run("print one\nwait\nprint two");
    task["task"] = json!({});
    let id = client.give("tools/call", task).await["task"]["taskId"].clone();
    let one = client.hear().await;
    assert_eq!(one["params"]["data"], "one");
    let about = json!({ "io.modelcontextprotocol/related-task": { "taskId": id } });
    assert_eq!(one["params"]["_meta"], about);
    let asked = client.send("tasks/result", json!({ "taskId": id })).await;
    bench.engine.release();
    // The line, the end and the result come in this order or another, and each once.
    let heard = [client.hear().await, client.hear().await, client.hear().await];
    let has = |is: &dyn Fn(&Value) -> bool| assert!(heard.iter().any(is), "{heard:?}");
    has(&|message| message["params"]["data"] == "two");
    has(&|message| message["method"] == "notifications/tasks/status");
    has(&|message| message["id"] == asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_holds_no_run() {
    let bench = Bench::new().await;
    let mut client = listening(Speaker::stdio(&bench)).await;
    let code: String = (0..1000).map(|number| format!("print {number} {}\n", "x".repeat(50))).collect();
    let asked = client.send("tools/call", run(&code)).await;
    while bench.api.executions_list(None, None).await.expect("memory works").executions.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.newest_ended().await, "completed");
    // When it reads in the end, it has as many lines as it is not too late for, and its answer.
    for number in 0.. {
        let message = client.hear().await;
        if message["id"] == asked {
            break;
        }
        let line = message["params"]["data"].as_str().expect("it is a line");
        assert!(line.starts_with(&format!("{number} ")), "{line}");
    }
}
