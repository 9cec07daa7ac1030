//! A server for the official conformance suite: the same service over the same transports as the product's,
//! with the tools, resources and prompts added that the suite asks for. Runs on fakes.
//!
//! `conformance-server PORT` serves `http://127.0.0.1:PORT/mcp` until it is stopped; with 0 it finds a port
//! itself. The first line that it prints is the address.

#![expect(clippy::print_stdout, reason = "whoever starts it needs the address")]
#![expect(
    deprecated,
    reason = "levels of logging, sampling and subscriptions are, and the suite asks for them"
)]

mod content;
mod fixture;
mod requests;
mod rounds;
mod tasks;

use std::{error::Error, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use stasis_api::Api;
use stasis_core::{
    ByteSize, ExecutionLog, Limits, RunRules, Runner, engine::fake::FakeEngine, host::Surroundings,
    ref_store::MemoryRefStore,
};
use stasis_executions::{ExecutionOptions, Executions, Retention};
use stasis_http::{Hosts, Protection, protect};
use stasis_mcp::{Server, SessionOptions, SseOptions, StreamableHttpOptions, sse, streamable_http};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use fixture::Fixture;

/// The largest message, in bytes.
const MAX_MESSAGE: usize = 4 << 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::args().nth(1).ok_or("usage: conformance-server PORT")?.parse()?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://{}/mcp", listener.local_addr()?);
    let shutdown = CancellationToken::new();
    let engine = Arc::new(FakeEngine::default());
    let handler = Fixture::new(Server::new(api(engine.clone()).await?), engine);
    let options = StreamableHttpOptions {
        max_message: MAX_MESSAGE,
        sessions: Some(SessionOptions { max: 100, idle: Duration::from_secs(60) }),
        shutdown: shutdown.clone(),
    };
    let router: Router = streamable_http(handler.clone(), &options)
        .merge(sse(handler, SseOptions { max_message: MAX_MESSAGE, max_sessions: 100, shutdown }));
    let hosts = Hosts::of(listener.local_addr()?.ip(), []);
    let protection = Protection { hosts, cors_origins: Vec::new(), max_body: MAX_MESSAGE };
    let router = protect(router, &protection);
    axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

async fn api(engine: Arc<FakeEngine>) -> Result<Api, Box<dyn Error>> {
    let refs = Arc::new(MemoryRefStore::default());
    let runner = Runner::new(engine, refs.clone());
    let log = ExecutionLog::new(refs, "conformance");
    let options = ExecutionOptions { concurrency: 4, queue_max: 100, retention: Retention::DEFAULT };
    let executions = Executions::start(runner, log, options).await?;
    let rules = RunRules {
        limits: Limits::default(),
        stateful: true,
        max_code: ByteSize::mebibytes(1),
        surroundings: Surroundings::default(),
    };
    Ok(Api::new(executions, rules))
}
