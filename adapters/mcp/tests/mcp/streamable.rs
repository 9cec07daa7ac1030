//! Streamable HTTP: clients with sessions.

use rmcp::{
    ServiceExt as _,
    model::ProtocolVersion,
    service::{ClientLifecycleMode, ClientServiceExt as _},
    transport::StreamableHttpClientTransport,
};
use serde_json::{Value, json};

use crate::{
    bench::{self, Bench, MAX_SESSIONS},
    client::Listener,
    http::{Answering, Asking},
    scenario,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_today_is_served() {
    let bench = Bench::new().await;
    let address = bench.serve().await;
    let transport = StreamableHttpClientTransport::from_uri(format!("http://{address}/mcp"));
    let client = Listener::default().serve(transport).await.expect("it is served");
    assert_eq!(client.peer_info().expect("it was told").protocol_version, ProtocolVersion::V_2025_11_25);
    scenario::everything(&bench, &client).await;
    scenario::cancels(&bench, &client).await;
    client.cancel().await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_tomorrow_is_served() {
    let bench = Bench::new().await;
    let address = bench.serve().await;
    let transport = StreamableHttpClientTransport::from_uri(format!("http://{address}/mcp"));
    let lifecycle = ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] };
    let client = Listener::default().serve_with_lifecycle(transport, lifecycle).await.expect("it is served");
    scenario::everything(&bench, &client).await;
    client.cancel().await.expect("it ends");
}

pub(crate) fn initialize() -> String {
    let info = json!({ "name": "raw", "version": "1" });
    let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info });
    json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params }).to_string()
}

pub(crate) fn session_of(answering: &Answering) -> String {
    answering.header("mcp-session-id").expect("it has a session").to_owned()
}

pub(crate) fn messages_of(body: &str) -> impl Iterator<Item = Value> {
    let data = body.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
    data.filter(|data| !data.is_empty()).map(|data| serde_json::from_str(data).expect("it is JSON"))
}

fn message_of(body: &str) -> Value {
    messages_of(body).last().expect("there is an event")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_lasts_until_it_is_ended() {
    let bench = Bench::new().await;
    let address = bench.serve().await;
    let opened = Asking::post("/mcp", initialize()).begin(address).await;
    assert_eq!(opened.status, 200);
    let session = session_of(&opened);
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }).to_string();
    let ping = Asking::post("/mcp", ping).header("mcp-session-id", session.clone());
    let (status, body) = ping.finish(address).await;
    assert_eq!((status, &message_of(&body)["result"]), (200, &json!({})));
    let unknown = ping.clone().header("mcp-protocol-version", "1999-01-01").finish(address).await;
    assert_eq!(unknown.0, 400, "{unknown:?}");
    let nobody = ping.clone().header("mcp-session-id", "nobody").finish(address).await;
    assert_eq!(nobody.0, 404, "{nobody:?}");
    let without = Asking::post("/mcp", r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).finish(address).await;
    assert_eq!(without.0, 400, "{without:?}");
    let ended = Asking::delete("/mcp").header("mcp-session-id", session.clone()).finish(address).await;
    assert_eq!(ended.0, 204, "{ended:?}");
    assert_eq!(ping.finish(address).await.0, 404, "it is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_bounded() {
    let bench = Bench::new().await;
    let address = bench.serve().await;
    let at_once =
        (0..MAX_SESSIONS * 4).map(async |_| Asking::post("/mcp", initialize()).begin(address).await);
    let answers = futures::future::join_all(at_once).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), MAX_SESSIONS);
    let refused = Asking::post("/mcp", initialize()).begin(address).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("10")));
    assert!(refused.rest().await.contains("too many sessions"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_sessions_each_request_is_for_itself() {
    let bench = Bench::new().await;
    let address = bench::serve(bench.streamable(None)).await;
    let opened = Asking::post("/mcp", initialize()).begin(address).await;
    assert_eq!((opened.status, opened.header("mcp-session-id")), (200, None));
    let transport = StreamableHttpClientTransport::from_uri(format!("http://{address}/mcp"));
    let client = Listener::default().serve(transport).await.expect("it is served");
    scenario::everything(&bench, &client).await;
    client.cancel().await.expect("it ends");
}
