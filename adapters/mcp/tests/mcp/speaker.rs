//! A client that says what it likes, whatever the transport.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    net::unix::pipe,
};

use crate::{
    bench::Bench,
    http::{Answering, Asking},
    sse, stdio,
    streamable::{messages_of, session_of},
};

/// The revision whose clients say in each request who they are.
const SELF_CONTAINED: &str = "2026-07-28";

pub(crate) struct Speaker {
    transport: Transport,
    asked: u64,
    /// What it was told without asking.
    heard: Vec<Value>,
    revision: Option<String>,
}

enum Transport {
    Lines { lines: Lines<BufReader<pipe::Receiver>>, writer: pipe::Sender },
    Posts { address: SocketAddr, session: Option<String>, answer: Option<Value> },
    Events { address: SocketAddr, stream: Answering, endpoint: String },
}

impl Speaker {
    pub(crate) fn stdio(bench: &Bench) -> Self {
        let (reader, writer, _) = stdio::start(bench);
        Self::over(Transport::Lines { lines: BufReader::new(reader).lines(), writer })
    }

    pub(crate) fn http(address: SocketAddr) -> Self {
        Self::over(Transport::Posts { address, session: None, answer: None })
    }

    pub(crate) async fn sse(address: SocketAddr) -> Self {
        let (stream, endpoint) = sse::open(address).await;
        Self::over(Transport::Events { address, stream, endpoint })
    }

    fn over(transport: Transport) -> Self {
        Self { transport, asked: 0, heard: Vec::new(), revision: None }
    }

    /// What the server answers to a client of this revision with these capabilities.
    pub(crate) async fn initialize(&mut self, revision: &str, capabilities: Value) -> Value {
        let info = json!({ "name": "raw", "version": "1" });
        let params = json!({ "protocolVersion": revision, "capabilities": capabilities, "clientInfo": info });
        let result = self.give("initialize", params).await;
        self.revision = Some(revision.to_owned());
        self.tell("notifications/initialized", json!({})).await;
        result
    }

    /// What the server answers to a client of the revision without a handshake.
    pub(crate) async fn discover(&mut self) -> Value {
        self.revision = Some(SELF_CONTAINED.to_owned());
        self.give("server/discover", json!({})).await
    }

    /// The result of a request that has to succeed.
    pub(crate) async fn give(&mut self, method: &str, params: Value) -> Value {
        let answer = self.ask(method, params).await;
        assert_eq!(answer["error"], Value::Null, "{method}");
        answer["result"].clone()
    }

    /// Makes a request that has to fail so.
    pub(crate) async fn refuse(&mut self, method: &str, params: Value, code: i64, words: &str) {
        let error = self.ask(method, params).await["error"].clone();
        assert_eq!(error["code"], code, "{method} {error}");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains(words), "{method} {error}");
    }

    pub(crate) async fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params).await;
        loop {
            let message = self.receive().await;
            if message["id"] == id {
                return message;
            }
            self.heard.push(message);
        }
    }

    /// Makes a request, and gives its id.
    pub(crate) async fn send(&mut self, method: &str, mut params: Value) -> u64 {
        self.asked += 1;
        if self.revision.as_deref() == Some(SELF_CONTAINED) {
            params["_meta"]["io.modelcontextprotocol/protocolVersion"] = SELF_CONTAINED.into();
            params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
        }
        let message = json!({ "jsonrpc": "2.0", "id": self.asked, "method": method, "params": params });
        self.write(&message).await;
        self.asked
    }

    /// Tells the server something.
    pub(crate) async fn tell(&mut self, method: &str, params: Value) {
        self.write(&json!({ "jsonrpc": "2.0", "method": method, "params": params })).await;
    }

    /// What it is told next without asking.
    pub(crate) async fn hear(&mut self) -> Value {
        if self.heard.is_empty() { self.receive().await } else { self.heard.remove(0) }
    }

    /// All that it was told without asking, up to the last answer.
    pub(crate) fn heard(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.heard)
    }

    /// Its session, if it has one.
    pub(crate) fn session(&self) -> Option<&str> {
        match &self.transport {
            Transport::Posts { session, .. } => session.as_deref(),
            Transport::Lines { .. } | Transport::Events { .. } => None,
        }
    }

    async fn write(&mut self, message: &Value) {
        match &mut self.transport {
            Transport::Lines { writer, .. } => {
                writer.write_all(format!("{message}\n").as_bytes()).await.expect("the server reads");
            }
            Transport::Posts { address, session, answer } => {
                let mut asking = Asking::post("/mcp", message.to_string());
                if let Some(revision) = &self.revision {
                    asking = asking.header("mcp-protocol-version", revision);
                    let name = message["params"]["name"].as_str().unwrap_or_default();
                    if revision == SELF_CONTAINED {
                        let method = message["method"].as_str().unwrap_or_default();
                        asking = asking.header("mcp-method", method).header("mcp-name", name);
                    }
                }
                if let Some(session) = session {
                    asking = asking.header("mcp-session-id", session.as_str());
                }
                let answering = asking.begin(*address).await;
                let is_json = answering.header("content-type") == Some("application/json");
                *session = session
                    .take()
                    .or_else(|| answering.header("mcp-session-id").map(|_| session_of(&answering)));
                let (status, body) = (answering.status, answering.rest().await);
                *answer = match status {
                    200 | 400 | 404 if is_json => Some(serde_json::from_str(&body).expect("it is JSON")),
                    200 => {
                        self.heard.extend(messages_of(&body));
                        self.heard.pop()
                    }
                    202 => None,
                    _ => panic!("{status} {body}"),
                };
            }
            Transport::Events { address, endpoint, .. } => {
                let posted = Asking::post(endpoint.as_str(), message.to_string()).finish(*address).await;
                assert_eq!(posted.0, 202, "{posted:?}");
            }
        }
    }

    async fn receive(&mut self) -> Value {
        match &mut self.transport {
            Transport::Lines { lines, .. } => {
                let line = lines.next_line().await.expect("it can be read").expect("there is one");
                serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"))
            }
            Transport::Posts { answer, .. } => answer.take().expect("it was answered"),
            Transport::Events { stream, .. } => stream.message().await.expect("there is one"),
        }
    }
}
