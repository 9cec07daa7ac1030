//! The server: its parts put together, and its end.

use std::{io::Write as _, net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use axum::Router;
use futures::{FutureExt as _, future::BoxFuture};
use metrics_exporter_prometheus::PrometheusHandle;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use stasis_api::Api;
use stasis_core::{
    ByteSize, ExecutionLog, RefStore, RunRules, Runner, host::Surroundings, ref_store::MemoryRefStore,
};
use stasis_executions::{ExecutionOptions, Executions};
use stasis_http::{Hosts, ListenOptions, Operations, Protection};
use stasis_mcp::{SessionOptions, SseOptions, Standard, StdioOptions, StreamableHttpOptions};
use stasis_worker::{pool::Pool, protocol::PreloadedModule};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    arguments::ServerArguments, capabilities::Plan, environment::Environment, failure::Failure, metrics,
    sessions_database, signals, state::State,
};

/// The longest code of one run.
const MAX_CODE: ByteSize = ByteSize::mebibytes(4);
/// The largest body of a request: code in which every character is escaped would be longer, and is not
/// code.
const MAX_BODY: usize = 8 << 20;
/// The most clients of HTTP+SSE.
const MAX_SSE_CLIENTS: usize = 4096;
/// How long answers may take to reach their clients after everything has ended.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

pub(crate) async fn run(arguments: ServerArguments, environment: &Environment) -> Result<ExitCode, Failure> {
    State::check_heaps(arguments.stateless)?;
    let plan = Plan::read(&arguments.capabilities)?;
    raise_descriptor_limit();
    let port = arguments.http_port.or(arguments.sse_port);
    // Before workers are started, which would inherit them.
    let standard = port.is_none().then(Standard::claim).transpose()?;
    // The port first: if it is taken, nothing else need be opened.
    let listener = match port {
        Some(port) => Some(bind(SocketAddr::new(arguments.host, port)).await?),
        None => None,
    };
    let refs = open_refs(&arguments, environment)?;
    let measured = metrics::start().map_err(Failure::Metrics)?;
    let state = State::open(&arguments.store, environment)?;
    let host = plan.host(own_folders(&arguments, environment, &state), Some(state.module_cache()))?;
    let pool = start_pool(&arguments, state, plan.preload()).await?;
    let capabilities = host.capabilities();
    let log = ExecutionLog::new(refs.clone(), "local");
    let runner = Runner::new(Arc::new(pool.clone()), refs).with_host(host);
    let executions = Executions::start(runner, log, execution_options(&arguments)).await?;
    let rules = RunRules {
        limits: arguments.limits.limits(),
        stateful: !arguments.stateless,
        max_code: MAX_CODE,
        surroundings: Surroundings { capabilities, wasm_modules: plan.wasm_names() },
    };
    let api = Api::new(executions.clone(), rules);
    let grace = Duration::from_secs(arguments.shutdown_grace);
    match (listener, standard) {
        (Some(listener), _) => serve_http(&arguments, listener, api, pool, measured, grace).await?,
        (None, Some(standard)) => serve_stdio(api, standard, grace).await?,
        (None, None) => unreachable!("without a port, the standard streams were claimed"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Takes as many descriptors as the system lets a process have: runs, warm heaps and connections take some each.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|source| Failure::Listen { address, source })
}

/// Where sessions and executions are kept; in memory, if nothing is to be kept.
fn open_refs(arguments: &ServerArguments, environment: &Environment) -> Result<Arc<dyn RefStore>, Failure> {
    if arguments.stateless {
        return Ok(Arc::new(MemoryRefStore::default()));
    }
    let stdio = arguments.http_port.or(arguments.sse_port).is_none();
    let named = arguments.session_db_path.as_deref();
    let usual = match named {
        Some(named) => named.to_owned(),
        None => environment.default_folder("sessions")?,
    };
    Ok(Arc::new(sessions_database::open(named, &usual, stdio)?))
}

/// Where the server keeps what is no script's business: keys, heaps, sessions.
fn own_folders(arguments: &ServerArguments, environment: &Environment, state: &State) -> Vec<PathBuf> {
    let named = arguments.session_db_path.clone();
    let sessions = named.or_else(|| environment.default_folder("sessions").ok());
    [state.directory.clone()].into_iter().chain(sessions).collect()
}

async fn start_pool(
    arguments: &ServerArguments,
    state: State,
    preload: Vec<PreloadedModule>,
) -> Result<Pool, Failure> {
    let mut options = state.pool_options(arguments.require_sandbox, preload);
    options.warm_heaps = usize::from(arguments.warm_heaps);
    // A server resumes what it has just saved.
    let heaps = state.heaps.with_small_images_in_memory();
    let pool = Pool::start(options, heaps).await?;
    tracing::info!(sandbox = %pool.layers(), build = %pool.fingerprint(), "workers are ready");
    Ok(pool)
}

fn execution_options(arguments: &ServerArguments) -> ExecutionOptions {
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    ExecutionOptions {
        concurrency: arguments.max_concurrent_executions.map_or_else(processors, usize::from),
        queue_max: arguments.queue_max as usize,
        retention: arguments.retain_executions.0,
    }
}

async fn serve_http(
    arguments: &ServerArguments,
    listener: TcpListener,
    api: Api,
    pool: Pool,
    measured: PrometheusHandle,
    grace: Duration,
) -> Result<(), Failure> {
    let address = listener.local_addr().map_err(Failure::Output)?;
    let hosts = Hosts::of(address.ip(), arguments.allowed_host.iter().cloned());
    let protection = Protection { hosts, cors_origins: arguments.cors_origin.clone(), max_body: MAX_BODY };
    let operations = operations(api.executions().clone(), pool, measured);
    let ended = CancellationToken::new();
    let router: Router = stasis_http::router(api.clone(), operations).merge(mcp_routes(&api, &ended));
    let router = stasis_http::protect(router, &protection);
    let options = ListenOptions { grace: grace + LAST_ANSWERS, ..ListenOptions::default() };
    // For people, and for programs that asked for any free port.
    let _closed = writeln!(std::io::stderr(), "stasis: listening on http://{address}");
    let stop = signals::stop().shared();
    let drained = async {
        stop.clone().await;
        api.executions().shut_down(grace).await;
        // Streams that would go on for as long as their clients like.
        ended.cancel();
    };
    tokio::join!(stasis_http::serve(listener, router, options, stop.clone()), drained);
    Ok(())
}

/// MCP over Streamable HTTP, and over HTTP+SSE for older clients.
fn mcp_routes(api: &Api, ended: &CancellationToken) -> Router {
    let server = stasis_mcp::Server::new(api.clone());
    let streamable = StreamableHttpOptions {
        max_message: MAX_BODY,
        sessions: Some(SessionOptions::default()),
        shutdown: ended.clone(),
    };
    let sse = SseOptions { max_message: MAX_BODY, max_sessions: MAX_SSE_CLIENTS, shutdown: ended.clone() };
    stasis_mcp::streamable_http(server.clone(), &streamable).merge(stasis_mcp::sse(server, sse))
}

async fn serve_stdio(api: Api, standard: Standard, grace: Duration) -> Result<(), Failure> {
    let ended = CancellationToken::new();
    let server = stasis_mcp::Server::new(api.clone());
    let options = StdioOptions { max_message: MAX_BODY };
    let served = stasis_mcp::serve_stdio(server, standard, options, ended.clone());
    let stopped = async {
        signals::stop().await;
        api.executions().shut_down(grace).await;
        ended.cancel();
        std::future::pending().await
    };
    tokio::select! {
        served = served => served?,
        never = stopped => never,
    }
    // The client is gone: nobody is going to ask for what still goes on.
    api.executions().shut_down(Duration::ZERO).await;
    Ok(())
}

fn operations(executions: Executions, pool: Pool, measured: PrometheusHandle) -> Operations {
    let readiness = move || -> BoxFuture<'static, Result<(), String>> {
        let executions = executions.clone();
        async move { executions.ready().await.map_err(|error| error.to_string()) }.boxed()
    };
    let metrics = move || {
        let waiting = pool.waiting();
        ::metrics::gauge!("stasis_pool_spare_workers").set(waiting.spares as f64);
        ::metrics::gauge!("stasis_pool_hot_heaps").set(waiting.hot_heaps as f64);
        ::metrics::gauge!("stasis_pool_warm_heaps").set(waiting.warm_heaps as f64);
        measured.render()
    };
    Operations {
        readiness: Arc::new(readiness),
        metrics: Arc::new(metrics),
        version: env!("CARGO_PKG_VERSION"),
    }
}
