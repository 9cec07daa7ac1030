//! The server's end of a connection, without any library that would insist on good behaviour.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A request as it came over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str()).collect()
    }
}

#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    heard: Arc<Mutex<Vec<Received>>>,
    read: Vec<u8>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, heard: Arc<Mutex<Vec<Received>>>) -> Self {
        Self { stream, heard, read: Vec::new() }
    }

    /// Waits for a request with its body; none if the connection was closed before.
    pub(crate) async fn receive(&mut self) -> Option<Received> {
        let mut received = self.receive_head().await?;
        if received.header("transfer-encoding").is_some() {
            while let Some(chunk) = self.receive_chunk().await? {
                received.body.extend_from_slice(&chunk);
            }
        } else if let Some(length) = received.header("content-length") {
            received.body = self.take(length.parse().expect("a length")).await?;
        }
        self.heard.lock().expect("lock").push(received.clone());
        Some(received)
    }

    /// Waits for a request without its body, which is not recorded.
    pub(crate) async fn receive_head(&mut self) -> Option<Received> {
        let head = self.take_until("\r\n\r\n").await?;
        let mut lines = head.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').expect("a header");
            (name.to_lowercase(), value.trim().to_owned())
        });
        Some(Received {
            method: words.next()?.to_owned(),
            target: words.next()?.to_owned(),
            headers: headers.collect(),
            body: Vec::new(),
        })
    }

    /// The next piece of a chunked body; the inner none is its end.
    pub(crate) async fn receive_chunk(&mut self) -> Option<Option<Vec<u8>>> {
        let length = self.take_until("\r\n").await?;
        let length = usize::from_str_radix(&length, 16).expect("a length");
        let chunk = self.take(length).await?;
        self.take_until("\r\n").await?;
        Some((length > 0).then_some(chunk))
    }

    /// Sends, and says whether that was possible.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).await.is_ok()
    }

    /// Waits until the other end has closed.
    pub(crate) async fn closed(&mut self) {
        let mut buffer = [0; 4096];
        while self.stream.read(&mut buffer).await.is_ok_and(|length| length > 0) {}
    }

    async fn take_until(&mut self, end: &str) -> Option<String> {
        loop {
            if let Some(at) = self.read.windows(end.len()).position(|window| window == end.as_bytes()) {
                let rest = self.read.split_off(at + end.len());
                let mut taken = std::mem::replace(&mut self.read, rest);
                taken.truncate(at);
                return Some(String::from_utf8(taken).expect("text"));
            }
            self.more().await?;
        }
    }

    async fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.read.len() < length {
            self.more().await?;
        }
        let rest = self.read.split_off(length);
        Some(std::mem::replace(&mut self.read, rest))
    }

    async fn more(&mut self) -> Option<()> {
        let length = self.stream.read_buf(&mut self.read).await.ok()?;
        (length > 0).then_some(())
    }
}
