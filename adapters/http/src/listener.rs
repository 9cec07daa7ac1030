//! Listening for connections, and stopping.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo};
use futures::{FutureExt as _, future::Shared};
use hyper::{Request, body::Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::{net::TcpListener, sync::Semaphore};
use tower::ServiceExt as _;

/// How to listen.
#[derive(Debug, Clone, Copy)]
pub struct ListenOptions {
    /// The most connections at a time; others wait to be accepted.
    pub max_connections: usize,
    /// How long a client may take to send a request's head.
    pub head_patience: Duration,
    /// How long connections may go on after the end was asked for.
    pub grace: Duration,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            head_patience: Duration::from_secs(30),
            grace: Duration::from_secs(5),
        }
    }
}

/// Serves connections until `shutdown` resolves; then accepts none and lets those that are there finish
/// what they are at, for as long as the grace lasts.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    options: ListenOptions,
    shutdown: impl Future<Output = ()>,
) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(options.head_patience);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(Some(options.head_patience));
    let builder = Arc::new(builder);
    let connections = Arc::new(Semaphore::new(options.max_connections));
    let graceful = GracefulShutdown::new();
    let shutdown: Shared<_> = shutdown.shared();
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.clone() => break,
            accepted = accept(&listener, &connections) => accepted,
        };
        let (stream, peer, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Usually too many open files: others have to end first.
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let router = router.clone();
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().oneshot(request)
        });
        let watcher = graceful.watcher();
        let builder = builder.clone();
        tokio::spawn(async move {
            let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
            // What goes wrong with a connection is the client's to notice.
            if let Err(error) = watcher.watch(connection.into_owned()).await {
                tracing::debug!(%peer, error, "connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(options.grace, graceful.shutdown()).await.is_err() {
        tracing::info!("connections are closed that did not end in time");
    }
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> io::Result<(tokio::net::TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = connections.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    // Answers are written whole; waiting for more to send would only delay them.
    stream.set_nodelay(true)?;
    Ok((stream, peer, place))
}
