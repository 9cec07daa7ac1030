//! Standard input and output, as a pair of pipes.

use std::os::fd::OwnedFd;

use rmcp::{
    ServiceExt as _,
    model::ProtocolVersion,
    service::{ClientLifecycleMode, ClientServiceExt as _},
};
use serde_json::{Value, json};
use stasis_mcp::{Standard, StdioError, StdioOptions, serve_stdio};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    net::unix::pipe,
    task::JoinHandle,
};

use crate::{
    bench::{Bench, MAX_MESSAGE},
    client::Listener,
    scenario,
};

pub(crate) type Serving = JoinHandle<Result<(), StdioError>>;

/// Starts a server; gives the client's ends.
pub(crate) fn start(bench: &Bench) -> (pipe::Receiver, pipe::Sender, Serving) {
    let (input, to_server) = std::io::pipe().expect("a pipe");
    let (from_server, output) = std::io::pipe().expect("a pipe");
    let standard = Standard::of(input.into(), output.into());
    let options = StdioOptions { max_message: MAX_MESSAGE };
    let serving = tokio::spawn(serve_stdio(bench.server.clone(), standard, options, bench.shutdown.clone()));
    let reader = pipe::Receiver::from_owned_fd(OwnedFd::from(from_server)).expect("a pipe");
    let writer = pipe::Sender::from_owned_fd(OwnedFd::from(to_server)).expect("a pipe");
    (reader, writer, serving)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_today_is_served() {
    let bench = Bench::new().await;
    let (reader, writer, serving) = start(&bench);
    let client = Listener::default().serve((reader, writer)).await.expect("it is served");
    assert_eq!(client.peer_info().expect("it was told").protocol_version, ProtocolVersion::V_2025_11_25);
    scenario::everything(&bench, &client).await;
    scenario::cancels(&bench, &client).await;
    client.cancel().await.expect("it ends");
    serving.await.expect("no panic").expect("it ends when its input does");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_tomorrow_is_served() {
    let bench = Bench::new().await;
    let (reader, writer, serving) = start(&bench);
    let lifecycle = ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] };
    let client = Listener::default().serve_with_lifecycle((reader, writer), lifecycle).await;
    let client = client.expect("it is served");
    scenario::everything(&bench, &client).await;
    scenario::cancels(&bench, &client).await;
    client.cancel().await.expect("it ends");
    serving.await.expect("no panic").expect("it ends when its input does");
}

/// A client that sends what it likes.
struct Raw {
    lines: Lines<BufReader<pipe::Receiver>>,
    writer: pipe::Sender,
}

impl Raw {
    async fn send(&mut self, line: &str) {
        self.writer.write_all(format!("{line}\n").as_bytes()).await.expect("the server reads");
    }

    async fn receive(&mut self) -> Value {
        let line = self.lines.next_line().await.expect("it can be read").expect("there is one");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"))
    }

    async fn ask(&mut self, line: &str) -> Value {
        self.send(line).await;
        self.receive().await
    }

    async fn initialize(&mut self, version: &str) -> Value {
        let info = json!({ "name": "raw", "version": "1" });
        let params = json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": info });
        let message = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        self.ask(&message.to_string()).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_is_answered_and_the_connection_stays() {
    let bench = Bench::new().await;
    let (reader, writer, serving) = start(&bench);
    let mut raw = Raw { lines: BufReader::new(reader).lines(), writer };
    // What comes before the first request is of no use, and does no harm.
    raw.send(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
    assert_eq!(raw.ask("not json").await["error"]["code"], -32700);
    let unknown = raw.initialize("1999-01-01").await;
    assert_eq!(unknown["result"]["protocolVersion"], "2025-11-25");
    assert_eq!(raw.ask("{").await["error"]["code"], -32700);
    assert_eq!(raw.ask("[1]").await["error"]["code"], -32600);
    let long = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{}"}}"#, "x".repeat(MAX_MESSAGE));
    assert_eq!(raw.ask(&long).await["error"]["code"], -32600);
    let unknown = raw.ask(r#"{"jsonrpc":"2.0","id":2,"method":"no/such"}"#).await;
    assert_eq!((&unknown["id"], &unknown["error"]["code"]), (&json!(2), &json!(-32601)));
    let params = raw.ask(r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":7}}"#).await;
    assert_eq!((&params["id"], &params["error"]["code"]), (&json!(3), &json!(-32602)));
    let cursor = r#"{"jsonrpc":"2.0","id":4,"method":"tools/list","params":{"cursor":"x"}}"#;
    assert_eq!(raw.ask(cursor).await["error"]["code"], -32602);
    let cursor = r#"{"jsonrpc":"2.0","id":5,"method":"resources/list","params":{"cursor":"x"}}"#;
    assert_eq!(raw.ask(cursor).await["error"]["code"], -32602);
    assert_eq!(raw.ask(r#"{"jsonrpc":"2.0","id":6,"method":"ping"}"#).await["result"], json!({}));
    drop(raw);
    serving.await.expect("no panic").expect("it ends when its input does");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_when_it_is_told_to() {
    let bench = Bench::new().await;
    let (reader, writer, serving) = start(&bench);
    let mut raw = Raw { lines: BufReader::new(reader).lines(), writer };
    raw.initialize("2025-11-25").await;
    bench.shutdown.cancel();
    serving.await.expect("no panic").expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_without_an_answer_are_bounded() {
    let bench = Bench::new().await;
    let (reader, writer, _serving) = start(&bench);
    let mut raw = Raw { lines: BufReader::new(reader).lines(), writer };
    raw.initialize("2025-11-25").await;
    let run = json!({ "name": "run_js", "arguments": { "code": "wait", "wait_secs": 0 } });
    let running = raw
        .ask(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": run }).to_string())
        .await;
    let id = &running["result"]["structuredContent"]["execution_id"];
    let get = json!({ "name": "get_execution", "arguments": { "execution_id": id, "wait_secs": 600 } });
    for number in 1000..1129 {
        let message = json!({ "jsonrpc": "2.0", "id": number, "method": "tools/call", "params": get });
        raw.send(&message.to_string()).await;
    }
    let refused = raw.receive().await;
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(1128), &json!(-32603)));
    let cancelled =
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1000 } });
    raw.send(&cancelled.to_string()).await;
    assert_eq!(raw.ask(r#"{"jsonrpc":"2.0","id":6,"method":"ping"}"#).await["result"], json!({}));
}
