//! Streamable HTTP: requests of revision 2026-07-28, each for itself, and sessions of the revisions before
//! it, on one route.

mod sessions;

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use rmcp::{
    ServerHandler,
    model::{ClientJsonRpcMessage, ClientRequest, ProtocolVersion, ServerJsonRpcMessage, ServerResult},
    transport::{StreamableHttpServerConfig, StreamableHttpService},
};
use stasis_api::Failure;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::{asked::SESSION_HEADER, body, core_tasks, message};
use sessions::Sessions;

/// The header that names the revision of the protocol.
const REVISION_HEADER: &str = "mcp-protocol-version";
/// How many times as long as it came a message may be when it is written anew: the same number has more than
/// one form. How long it came is checked before.
const REWRITTEN: usize = 4;
/// The longest answer to the request that opens a session, in bytes; it is ours.
const MAX_INITIALIZED: usize = 1 << 20;

/// How Streamable HTTP is to be served.
#[derive(Debug, Clone)]
pub struct StreamableHttpOptions {
    /// The largest message, in bytes.
    pub max_message: usize,
    /// Sessions for clients of revisions before 2026-07-28. Without, these are served request by request,
    /// as is necessary where the next request may reach another server.
    pub sessions: Option<SessionOptions>,
    /// Cancelled to end what goes on: streams end, and calls that wait for a run are withdrawn.
    pub shutdown: CancellationToken,
}

/// What may be kept for clients between their requests.
#[derive(Debug, Clone, Copy)]
pub struct SessionOptions {
    /// The most sessions.
    pub max: usize,
    /// How long one is kept of which nothing is heard. Longer than a call can wait.
    pub idle: Duration,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self { max: 1024, idle: Duration::from_secs(30 * 60) }
    }
}

/// The route `/mcp`. Who may ask is not checked here.
pub fn streamable_http<H: ServerHandler + Clone>(handler: H, options: &StreamableHttpOptions) -> Router {
    let sessions = Arc::new(Sessions::new(options.sessions.map(|sessions| sessions.idle)));
    let config = StreamableHttpServerConfig::default()
        .disable_allowed_hosts()
        .disable_allowed_origins()
        .with_legacy_session_mode(options.sessions.is_some())
        .with_json_response(true)
        .with_max_request_body_bytes(options.max_message.saturating_mul(REWRITTEN))
        .with_cancellation_token(options.shutdown.clone());
    let service = StreamableHttpService::new(move || Ok(handler.clone()), sessions.clone(), config);
    let max_sessions = options.sessions.map(|sessions| sessions.max);
    let opening = Mutex::default();
    let max_message = options.max_message;
    let entrance = Arc::new(Entrance { sessions, max_sessions, opening, max_message });
    Router::new().route_service("/mcp", service).layer(middleware::from_fn_with_state(entrance, enter))
}

/// What is checked before rmcp, because it would answer something else than the protocol asks for, or
/// nothing.
#[derive(Debug)]
struct Entrance {
    sessions: Arc<Sessions>,
    max_sessions: Option<usize>,
    opening: Mutex<()>,
    max_message: usize,
}

async fn enter(State(entrance): State<Arc<Entrance>>, request: Request, next: Next) -> Response {
    if request.method() == Method::DELETE {
        let mut response = next.run(request).await;
        // The session is gone when rmcp says that it is going to be, and clients expect to hear just that.
        if response.status() == StatusCode::ACCEPTED {
            *response.status_mut() = StatusCode::NO_CONTENT;
        }
        return response;
    }
    if request.method() != Method::POST || !body::is_json(request.headers()) {
        return next.run(request).await;
    }
    let (parts, content) = request.into_parts();
    let bytes = match body::read(content, entrance.max_message).await {
        Ok(bytes) => bytes,
        Err(error) => return error.into_response(),
    };
    let message = match message::decode(&bytes) {
        Ok(message) => message,
        Err(no_message) => {
            return (StatusCode::BAD_REQUEST, Json(no_message.into_answer())).into_response();
        }
    };
    let initializes = is_initialize(&message);
    let opens = initializes && !parts.headers.contains_key(SESSION_HEADER);
    // One session opens at a time: when the next one is counted, this one is among them.
    let _turn = match entrance.max_sessions.filter(|_| opens) {
        Some(max) => {
            let turn = entrance.opening.lock().await;
            if entrance.sessions.count().await >= max {
                return too_many_sessions();
            }
            Some(turn)
        }
        None => None,
    };
    let bytes = if core_tasks::is_recognized(&message) && may_be(&parts.headers) {
        serde_json::to_vec(&message).map_or(bytes, Bytes::from)
    } else {
        bytes
    };
    let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    if initializes { declared(response, entrance.max_sessions.is_some()).await } else { response }
}

/// Whether a request may be one of the revision that has tasks in its core: a session knows its revision
/// without a header, and those before it are answered in the same way over every transport.
fn may_be(headers: &HeaderMap) -> bool {
    headers.get(REVISION_HEADER).is_none_or(|revision| {
        let mut known = ProtocolVersion::KNOWN_VERSIONS.iter();
        known.any(|known| known.has_initialize() && revision == known.as_str())
    })
}

/// The answer to `initialize`, which is one message, as the client is to see it. Without sessions there is
/// nothing that a level of log messages could be set for.
async fn declared(response: Response, has_sessions: bool) -> Response {
    let is_json = body::is_json(response.headers());
    let (parts, content) = response.into_parts();
    let bytes = match body::read(content, MAX_INITIALIZED).await {
        Ok(bytes) => bytes,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a session did not begin");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let redeclared = |text: &[u8]| redeclared(text, has_sessions);
    let bytes = if is_json {
        redeclared(&bytes).map_or(bytes, Bytes::from)
    } else {
        events(&bytes, redeclared).into()
    };
    Response::from_parts(parts, Body::from(bytes))
}

/// A message that differs from what was read.
fn redeclared(text: &[u8], has_logging: bool) -> Option<Vec<u8>> {
    let mut message: ServerJsonRpcMessage = serde_json::from_slice(text).ok()?;
    if let ServerJsonRpcMessage::Response(response) = &mut message
        && let ServerResult::InitializeResult(result) = &mut response.result
        && !has_logging
    {
        result.capabilities.logging = None;
    }
    serde_json::to_vec(&core_tasks::declared(message)).ok()
}

/// Events with other data; each has its data on one line.
fn events(text: &[u8], other: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Vec<u8> {
    const DATA: &[u8] = b"data:";
    let mut events = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_prefix(DATA).and_then(|data| other(data.trim_ascii())) {
            Some(data) => events.extend([DATA, b" ", &data, b"\n"].concat()),
            None => events.extend(line),
        }
    }
    events
}

fn is_initialize(message: &ClientJsonRpcMessage) -> bool {
    match message {
        ClientJsonRpcMessage::Request(request) => {
            matches!(request.request, ClientRequest::InitializeRequest(_))
        }
        _ => false,
    }
}

/// The answer to a client that finds no place.
pub(crate) fn too_many_sessions() -> Response {
    let error = "there are too many sessions; try again later".to_owned();
    let retry = [(header::RETRY_AFTER, HeaderValue::from_static("10"))];
    (StatusCode::SERVICE_UNAVAILABLE, retry, Json(Failure { error })).into_response()
}
