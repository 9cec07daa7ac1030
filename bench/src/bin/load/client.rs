//! One connection that asks one thing after the other.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, client::conn::http1::SendRequest, header};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// A kept connection.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error(transparent)]
    Socket(#[from] std::io::Error),
    #[error(transparent)]
    Http(#[from] hyper::Error),
    #[error(transparent)]
    Request(#[from] hyper::http::Error),
    #[error("status {0}: {1}")]
    Status(u16, String),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self, ClientError> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // Ends with the sender; what goes wrong with it is the answer to the next request.
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    /// Has a script run and waits for its end; it has to complete.
    pub(crate) async fn run(&mut self, code: &str, session: Option<&str>) -> Result<(), ClientError> {
        let body = match session {
            Some(session) => json!({ "code": code, "session": session }),
            None => json!({ "code": code }),
        };
        let request = Request::post("/api/exec?wait=60")
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::from(body.to_string()))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        let answer: Value = serde_json::from_slice(&body)?;
        if status == 200 && answer["status"] == "completed" {
            Ok(())
        } else {
            Err(ClientError::Status(status.as_u16(), answer.to_string()))
        }
    }
}
