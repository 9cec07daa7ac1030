//! HTTP+SSE.

use std::net::SocketAddr;

use rmcp::{
    RoleClient, ServiceExt as _,
    model::{ClientJsonRpcMessage, ServerJsonRpcMessage},
    transport::Transport,
};
use serde_json::json;

use crate::{
    bench::{Bench, MAX_MESSAGE, MAX_SESSIONS},
    client::Listener,
    http::{Answering, Asking},
    scenario,
    streamable::initialize,
};

/// The client's side of the transport.
struct Sse {
    address: SocketAddr,
    endpoint: String,
    events: tokio::sync::mpsc::Receiver<ServerJsonRpcMessage>,
}

/// Opens a stream; gives it and where messages go.
pub(crate) async fn open(address: SocketAddr) -> (Answering, String) {
    let mut stream = Asking::get("/sse").begin(address).await;
    assert_eq!((stream.status, stream.header("content-type")), (200, Some("text/event-stream")));
    let (kind, endpoint) = stream.event().await.expect("there is one");
    assert_eq!(kind, "endpoint");
    (stream, endpoint)
}

impl Sse {
    async fn connect(address: SocketAddr) -> Self {
        let (mut stream, endpoint) = open(address).await;
        let (sender, events) = tokio::sync::mpsc::channel(16);
        tokio::spawn(async move {
            while let Some(message) = stream.message().await {
                let message = serde_json::from_value(message).expect("it is a message");
                if sender.send(message).await.is_err() {
                    return;
                }
            }
        });
        Self { address, endpoint, events }
    }
}

impl Transport<RoleClient> for Sse {
    type Error = std::io::Error;

    fn send(
        &mut self,
        message: ClientJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let (address, endpoint) = (self.address, self.endpoint.clone());
        let body = serde_json::to_vec(&message).expect("it is JSON");
        async move {
            let (status, body) = Asking::post(endpoint, body).finish(address).await;
            assert_eq!(status, 202, "{body}");
            Ok(())
        }
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        self.events.recv().await
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.events.close();
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_served() {
    let bench = Bench::new().await;
    let transport = Sse::connect(bench.serve().await).await;
    let client = Listener::default().serve(transport).await.expect("it is served");
    scenario::everything(&bench, &client).await;
    scenario::cancels(&bench, &client).await;
    client.cancel().await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_with_its_stream() {
    let bench = Bench::new().await;
    let address = bench.serve().await;
    let (mut stream, endpoint) = open(address).await;
    assert_eq!(Asking::post(&endpoint, initialize()).finish(address).await.0, 202);
    assert_eq!(stream.message().await.expect("an answer")["result"]["serverInfo"]["name"], "stasis");
    let run = json!({ "name": "run_js", "arguments": { "code": "wait", "wait_secs": 60 } });
    let run = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": run }).to_string();
    assert_eq!(Asking::post(&endpoint, run).finish(address).await.0, 202);
    while bench.api.executions().load().running == 0 {
        tokio::task::yield_now().await;
    }
    drop(stream);
    assert_eq!(bench.newest_ended().await, "cancelled", "nobody can read what comes of it");
    assert_eq!(Asking::post(&endpoint, initialize()).finish(address).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_none_are_refused() {
    let bench = Bench::new().await;
    let address = bench.serve().await;
    let (_stream, endpoint) = open(address).await;
    let post = |body: &str| Asking::post(&endpoint, body);
    let (status, body) = post("not json").finish(address).await;
    assert_eq!((status, body.contains("-32700")), (400, true), "{body}");
    let (status, body) = post("[]").finish(address).await;
    assert_eq!((status, body.contains("-32600")), (400, true), "{body}");
    assert_eq!(post(&"x".repeat(MAX_MESSAGE + 1)).finish(address).await.0, 413);
    assert_eq!(post("{}").header("content-type", "text/plain").finish(address).await.0, 415);
    assert_eq!(Asking::post("/message", initialize()).finish(address).await.0, 400);
    let unknown = "/message?sessionId=6f9619ff-8b86-4011-b42d-00cf4fc964ff";
    for path in ["/message?sessionId=x", unknown] {
        assert_eq!(Asking::post(path, initialize()).finish(address).await.0, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_bounded_and_shutting_down_ends_them() {
    let bench = Bench::new().await;
    let address = bench.serve().await;
    let mut streams = Vec::new();
    for _ in 0..MAX_SESSIONS {
        streams.push(open(address).await.0);
    }
    assert_eq!(Asking::get("/sse").begin(address).await.status, 503);
    streams.pop();
    // The server notices in its own time.
    while Asking::get("/sse").begin(address).await.status != 200 {
        tokio::task::yield_now().await;
    }
    bench.shutdown.cancel();
    for mut stream in streams {
        assert_eq!(stream.event().await, None);
    }
}
