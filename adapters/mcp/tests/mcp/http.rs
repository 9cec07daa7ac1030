//! HTTP, by hand: what is sent and answered is to be seen as it is.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Asking {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// The head of an answer, and its body as it comes.
#[derive(Debug)]
pub(crate) struct Answering {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    stream: BufReader<TcpStream>,
}

impl Asking {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: "GET", path: path.into(), headers: Vec::new(), body: Vec::new() }
            .header("accept", "text/event-stream")
    }

    pub(crate) fn delete(path: impl Into<String>) -> Self {
        Self { method: "DELETE", path: path.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// A message, as the protocol wants it.
    pub(crate) fn post(path: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self { method: "POST", path: path.into(), headers: Vec::new(), body: body.into() }
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sends it, and reads the head of the answer.
    pub(crate) async fn begin(&self, address: SocketAddr) -> Answering {
        let mut stream = TcpStream::connect(address).await.expect("the server listens");
        let mut head =
            format!("{} {} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", self.body.len()));
        stream.write_all(head.as_bytes()).await.expect("the server reads");
        // A server that refuses a body need not read it.
        stream.write_all(&self.body).await.unwrap_or_default();
        let mut stream = BufReader::new(stream);
        let status = line(&mut stream).await;
        let status = status.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let mut headers = Vec::new();
        loop {
            let line = line(&mut stream).await;
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        Answering { status, headers, stream }
    }

    /// Sends it, and reads the whole answer.
    pub(crate) async fn finish(&self, address: SocketAddr) -> (u16, String) {
        let answering = self.begin(address).await;
        (answering.status, answering.rest().await)
    }
}

impl Answering {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// All that is left of the body.
    pub(crate) async fn rest(mut self) -> String {
        let mut body = Vec::new();
        if self.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk().await {
                body.extend(chunk);
            }
        } else {
            // Whoever sends too much may see the connection break.
            self.stream.read_to_end(&mut body).await.unwrap_or_default();
        }
        String::from_utf8(body).expect("it is text")
    }

    async fn chunk(&mut self) -> Option<Vec<u8>> {
        let length =
            usize::from_str_radix(&line(&mut self.stream).await, 16).ok().filter(|length| *length > 0)?;
        let mut chunk = vec![0; length + 2];
        self.stream.read_exact(&mut chunk).await.ok()?;
        chunk.truncate(length);
        Some(chunk)
    }

    /// The next event: what kind it is of, and its data. The server sends each in one piece.
    pub(crate) async fn event(&mut self) -> Option<(String, String)> {
        loop {
            let chunk = String::from_utf8(self.chunk().await?).expect("it is text");
            let field = |name: &str| {
                chunk
                    .lines()
                    .find_map(|line| line.strip_prefix(name))
                    .map(|value| value.trim_start().to_owned())
            };
            if let Some(data) = field("data:").filter(|data| !data.is_empty()) {
                return Some((field("event:").unwrap_or_default(), data));
            }
        }
    }

    /// The next message of a stream of events.
    pub(crate) async fn message(&mut self) -> Option<Value> {
        let (_, data) = self.event().await?;
        Some(serde_json::from_str(&data).unwrap_or_else(|_| panic!("{data}")))
    }
}

async fn line(stream: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap_or_default();
    line.trim_end().to_owned()
}
