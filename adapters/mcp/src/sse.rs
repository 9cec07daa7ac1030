//! HTTP+SSE, the transport of revision 2024-11-05: one stream of events for what the server says, and a
//! route that takes what the client says.

mod sessions;
mod stream;

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Body,
    extract::{Query, Request, State, rejection::QueryRejection},
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use rmcp::{ServerHandler, ServiceExt as _};
use serde::Deserialize;
use stasis_api::Failure;
use stasis_executions::Caller;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    body,
    link::{Incoming, Link},
    message,
    outbox::Outbox,
    streamable::too_many_sessions,
};
use sessions::Sessions;
use stream::{Events, STUCK_AFTER, event};

/// How HTTP+SSE is to be served.
#[derive(Debug, Clone)]
pub struct SseOptions {
    /// The largest message, in bytes.
    pub max_message: usize,
    /// The most clients.
    pub max_sessions: usize,
    /// Cancelled to end all streams; calls that wait for a run are withdrawn.
    pub shutdown: CancellationToken,
}

#[derive(Debug)]
struct Hub<H> {
    handler: H,
    options: SseOptions,
    sessions: Arc<Sessions>,
}

/// The routes `/sse` and `/message`. Who may ask is not checked here.
pub fn sse<H: ServerHandler + Clone>(handler: H, options: SseOptions) -> Router {
    let sessions = Arc::new(Sessions::new(options.max_sessions));
    let hub = Hub { handler, options, sessions };
    Router::new().route("/sse", get(open::<H>)).route("/message", post(take::<H>)).with_state(Arc::new(hub))
}

/// Opens a session that lasts as long as its stream.
async fn open<H: ServerHandler + Clone>(State(hub): State<Arc<Hub<H>>>) -> Response {
    let id = Uuid::new_v4();
    let ended = hub.options.shutdown.child_token();
    let (outbox, frames) = Outbox::new(Some(STUCK_AFTER));
    let (link, inbox) = Link::new(outbox, event, ended.clone());
    let Some(membership) = hub.sessions.enter(id, inbox) else { return too_many_sessions() };
    let first = format!("event: endpoint\ndata: /message?sessionId={id}\n\n");
    let events = Events::new(first.into(), frames, membership, ended.clone().drop_guard());
    let frames = events.frames();
    let handler = hub.handler.clone();
    tokio::spawn(async move {
        match handler.serve_with_ct(link, ended).await {
            Ok(running) => {
                if let Err(error) = running.waiting().await {
                    tracing::error!(error = &error as &dyn std::error::Error, "a session broke down");
                }
            }
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "a session did not begin")
            }
        }
        frames.discard();
    });
    let no_buffering = HeaderName::from_static("x-accel-buffering");
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        (no_buffering, "no"),
    ];
    (headers, Body::from_stream(events.into_stream())).into_response()
}

/// Which session a message is for.
#[derive(Debug, Deserialize)]
struct Address {
    #[serde(rename = "sessionId")]
    session_id: String,
}

/// Takes a message of a session.
async fn take<H: ServerHandler + Clone>(
    State(hub): State<Arc<Hub<H>>>,
    address: Result<Query<Address>, QueryRejection>,
    request: Request,
) -> Response {
    let refuse =
        |status: StatusCode, error: &str| (status, Json(Failure { error: error.to_owned() })).into_response();
    let Ok(Query(address)) = address else {
        return refuse(StatusCode::BAD_REQUEST, "the parameter sessionId is missing");
    };
    let id = Uuid::try_parse(&address.session_id).ok();
    let no_session = || refuse(StatusCode::NOT_FOUND, "there is no such session");
    let Some((id, inbox)) = id.and_then(|id| Some((id, hub.sessions.find(id)?))) else { return no_session() };
    if !body::is_json(request.headers()) {
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a message is application/json");
    }
    let bytes = match body::read(request.into_body(), hub.options.max_message).await {
        Ok(bytes) => bytes,
        Err(error) => return error.into_response(),
    };
    let incoming = match message::decode(&bytes) {
        Ok(mut message) => {
            message.insert_extension(Caller::new(id.to_string()));
            Incoming::Message(Box::new(message))
        }
        // Whoever waits for an answer reads the stream, and may not read this.
        Err(no_message) if no_message.is_request() => Incoming::NoMessage(no_message),
        Err(no_message) => {
            return (StatusCode::BAD_REQUEST, Json(no_message.into_answer())).into_response();
        }
    };
    match inbox.send(incoming).await {
        Ok(()) => (StatusCode::ACCEPTED, "Accepted").into_response(),
        Err(_) => no_session(),
    }
}
