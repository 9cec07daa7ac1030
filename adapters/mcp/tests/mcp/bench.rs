//! A server on fakes, and its transports.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use stasis_api::Api;
use stasis_core::{
    ByteSize, ExecutionLog, Limits, RunRules, Runner, engine::fake::FakeEngine, host::Surroundings,
    ref_store::MemoryRefStore,
};
use stasis_executions::{ExecutionOptions, Executions, Retention};
use stasis_mcp::{Server, SessionOptions, SseOptions, StreamableHttpOptions, sse, streamable_http};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The longest message that the server takes.
pub(crate) const MAX_MESSAGE: usize = 64 << 10;
/// The most sessions of each kind.
pub(crate) const MAX_SESSIONS: usize = 8;

pub(crate) struct Bench {
    pub(crate) engine: Arc<FakeEngine>,
    pub(crate) api: Api,
    pub(crate) server: Server,
    pub(crate) shutdown: CancellationToken,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(true).await
    }

    pub(crate) async fn with(stateful: bool) -> Self {
        let (engine, refs) = (Arc::new(FakeEngine::default()), Arc::new(MemoryRefStore::default()));
        let runner = Runner::new(engine.clone(), refs.clone());
        let options = ExecutionOptions { concurrency: 4, queue_max: 8, retention: Retention::DEFAULT };
        let executions = Executions::start(runner, ExecutionLog::new(refs, "here"), options).await;
        let rules = RunRules {
            limits: Limits::default(),
            stateful,
            max_code: ByteSize::mebibytes(1),
            surroundings: Surroundings::default(),
        };
        let api = Api::new(executions.expect("memory works"), rules);
        let (server, shutdown) = (Server::new(api.clone()), CancellationToken::new());
        Self { engine, api, server, shutdown }
    }

    /// Serves Streamable HTTP and HTTP+SSE on a port of its own.
    pub(crate) async fn serve(&self) -> SocketAddr {
        let sessions = SessionOptions { max: MAX_SESSIONS, idle: Duration::from_secs(600) };
        let streamable = self.streamable(Some(sessions));
        let sse_options = SseOptions {
            max_message: MAX_MESSAGE,
            max_sessions: MAX_SESSIONS,
            shutdown: self.shutdown.clone(),
        };
        let router = streamable.merge(sse(self.server.clone(), sse_options));
        serve(router).await
    }

    /// Streamable HTTP.
    pub(crate) fn streamable(&self, sessions: Option<SessionOptions>) -> Router {
        let shutdown = self.shutdown.clone();
        let options = StreamableHttpOptions { max_message: MAX_MESSAGE, sessions, shutdown };
        streamable_http(self.server.clone(), &options)
    }

    /// How the newest execution is, as soon as it is not running any more.
    pub(crate) async fn newest_ended(&self) -> String {
        let list = self.api.executions_list(None, Some(1)).await.expect("memory works");
        let id = list.executions.first().expect("there is one").execution_id.parse().expect("it is an id");
        let execution = self.api.execution(id, Duration::from_secs(10)).await.expect("it is there");
        serde_json::to_value(execution.status).expect("it is JSON").as_str().expect("it is a text").to_owned()
    }
}

pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}
