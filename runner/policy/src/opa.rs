//! A remote OPA server, asked through its data API.

use std::{error::Error as _, fmt, sync::Arc, time::Duration};

use reqwest::{Client, Response, StatusCode, Url, redirect};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time;

use crate::{
    Decision, Denial, Section, allows,
    settings::{DocumentPath, Server, SourceError},
};

/// The longest that a policy server may take to answer, connecting included.
pub const OPA_TIME_LIMIT: Duration = Duration::from_secs(5);

/// Most bytes of an answer.
const MAX_ANSWER_BYTES: usize = 1 << 20;
/// How many idle connections to one server are kept.
const MAX_IDLE_CONNECTIONS: usize = 32;

/// A document on a policy server. Neither `Debug` nor an error shows the URL, which may hold a password.
#[derive(Clone)]
pub(crate) struct OpaServer {
    client: Client,
    endpoint: Url,
    /// The document as Rego names it.
    document: Arc<str>,
    time_limit: Duration,
}

/// Why a server did not decide. The words may be shown to scripts: no address is in them.
#[derive(Debug, thiserror::Error)]
enum OpaError {
    #[error("the policy server did not answer in time")]
    TooSlow,
    #[error("the policy server cannot be reached")]
    Unreachable,
    #[error("the policy server broke the connection")]
    Broken,
    #[error("the policy server answered with status {}", .0.as_u16())]
    Status(StatusCode),
    #[error("the policy server's answer is larger than {MAX_ANSWER_BYTES} bytes")]
    TooLarge,
    #[error("the policy server's answer is not one of OPA")]
    Malformed,
    #[error("{0} is undefined on the policy server")]
    Undefined(String),
    #[error("{0} on the policy server is neither true nor false")]
    NoAnswer(Arc<str>),
}

/// What OPA's data API answers. There is more in it, and there may be yet more in the next version.
#[derive(Deserialize)]
struct Answer {
    result: Option<Value>,
}

/// The client for all policy servers.
pub(crate) fn client() -> reqwest::Result<Client> {
    Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .connect_timeout(OPA_TIME_LIMIT)
        .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS)
        .build()
}

impl OpaServer {
    pub(crate) fn new(client: Client, server: &Server, section: Section) -> Result<Self, SourceError> {
        let document = match server.document() {
            Some(document) => document.clone(),
            None => DocumentPath::parse(section.default_document())?,
        };
        let endpoint = server.endpoint(&document);
        Ok(Self { client, endpoint, document: document.dotted().into(), time_limit: OPA_TIME_LIMIT })
    }

    /// The document that is asked for, as Rego names it.
    pub(crate) fn document(&self) -> &str {
        &self.document
    }

    /// Puts a question.
    pub(crate) async fn ask(&self, input: &Value) -> Decision {
        let answer = time::timeout(self.time_limit, self.answer(input)).await;
        match answer.unwrap_or(Err(OpaError::TooSlow)) {
            Ok(true) => Decision::Allowed,
            Ok(false) => Decision::Denied(Denial::default()),
            Err(error) => Decision::failed(error),
        }
    }

    async fn answer(&self, input: &Value) -> Result<bool, OpaError> {
        let body = json!({ "input": input });
        let response = match self.send(&body).await {
            // A server may close an idle connection at the moment in which it is used again.
            Err(OpaError::Broken) => self.send(&body).await?,
            other => other?,
        };
        if response.status() != StatusCode::OK {
            return Err(OpaError::Status(response.status()));
        }
        let answer: Answer =
            serde_json::from_slice(&content(response).await?).map_err(|_| OpaError::Malformed)?;
        let Some(result) = answer.result else {
            return Err(OpaError::Undefined(self.document.to_string()));
        };
        match allows(&result) {
            Some(allowed) => Ok(allowed),
            None if result.as_object().is_some_and(|fields| !fields.contains_key("allow")) => {
                Err(OpaError::Undefined(format!("{}.allow", self.document)))
            }
            None => Err(OpaError::NoAnswer(self.document.clone())),
        }
    }

    async fn send(&self, body: &Value) -> Result<Response, OpaError> {
        self.client
            .post(self.endpoint.clone())
            .json(body)
            .send()
            .await
            .map_err(|error| OpaError::from(&error))
    }
}

impl fmt::Debug for OpaServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("OpaServer")
            .field("origin", &self.endpoint.origin().ascii_serialization())
            .field("document", &self.document)
            .finish_non_exhaustive()
    }
}

impl From<&reqwest::Error> for OpaError {
    fn from(error: &reqwest::Error) -> Self {
        tracing::debug!(cause = error.source().map(tracing::field::display), "a policy server was not heard");
        if error.is_timeout() {
            Self::TooSlow
        } else if error.is_connect() {
            Self::Unreachable
        } else {
            Self::Broken
        }
    }
}

/// The whole content of an answer, unless it is too large.
async fn content(mut response: Response) -> Result<Vec<u8>, OpaError> {
    let mut content = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| OpaError::from(&error))? {
        if content.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(OpaError::TooLarge);
        }
        content.extend_from_slice(&chunk);
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_slow_server_is_not_waited_for() {
        // Accepts connections, in the system's queue, and never says a word.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://user:password@{}", listener.local_addr().unwrap());
        let server = Server::parse(&url, None).unwrap();
        let mut server = OpaServer::new(client().unwrap(), &server, Section::Fetch).unwrap();
        server.time_limit = Duration::from_millis(50);
        assert_eq!(
            server.ask(&Value::Null).await,
            Decision::failed("the policy server did not answer in time")
        );
        let shown = format!("{server:?}");
        assert!(!shown.contains("user") && !shown.contains("password"), "{shown}");
    }
}
