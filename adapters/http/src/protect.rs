//! What is around every route.

use std::{any::Any, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer,
        predicate::{DefaultPredicate, Predicate as _, SizeAbove},
    },
    cors::{AllowOrigin, CorsLayer},
    decompression::RequestDecompressionLayer,
    timeout::RequestBodyTimeoutLayer,
};

use crate::{extract::TOO_LARGE, guard::Hosts, problem::Problem};

/// How routes are to be protected.
#[derive(Debug, Clone)]
pub struct Protection {
    /// The names under which the server may be asked.
    pub hosts: Hosts,
    /// Pages of these origins may call it from a browser; none unless somebody says so.
    pub cors_origins: Vec<HeaderValue>,
    /// The largest body of a request, in bytes.
    pub max_body: usize,
}

/// How long a client may take between two parts of its request's body.
const BODY_PATIENCE: Duration = Duration::from_secs(30);
/// Smaller answers are not worth compressing, in bytes.
const COMPRESS_ABOVE: u64 = 1024;

/// Puts around all routes: the check of hosts, CORS if there is any, limits on size and time of bodies,
/// compression, and errors in our form.
pub fn protect(router: Router, protection: &Protection) -> Router {
    let compress = DefaultPredicate::new().and(SizeAbove::new(COMPRESS_ABOVE));
    let layers = ServiceBuilder::new()
        .layer(middleware::from_fn_with_state(Arc::new(protection.clone()), check_head))
        .layer(CatchPanicLayer::custom(panicked))
        .option_layer(cors(&protection.cors_origins))
        .layer(CompressionLayer::new().gzip(true).compress_when(compress))
        .layer(RequestBodyTimeoutLayer::new(BODY_PATIENCE))
        .layer(RequestDecompressionLayer::new())
        .map_request(|request: Request<_>| request.map(axum::body::Body::new))
        .layer(DefaultBodyLimit::max(protection.max_body));
    router
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "there is no such route"))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this route has no such method")
        })
        .layer(layers)
}

fn cors(origins: &[HeaderValue]) -> Option<CorsLayer> {
    const HEADERS: [&str; 6] = [
        "content-type",
        "prefer",
        "mcp-session-id",
        "mcp-protocol-version",
        "last-event-id",
        "authorization",
    ];
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins.iter().cloned()))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers(HEADERS.map(HeaderName::from_static))
        .expose_headers(["location", "retry-after", "mcp-session-id"].map(HeaderName::from_static));
    (!origins.is_empty()).then_some(layer)
}

/// Checks what can be told before the body is there.
async fn check_head(
    State(protection): State<Arc<Protection>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let headers = request.headers();
    if headers.get_all(header::HOST).iter().count() > 1 {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "there is more than one Host"));
    }
    let of_cors = headers.get(header::ORIGIN).is_some_and(|origin| protection.cors_origins.contains(origin));
    if !protection.hosts.admit(request.uri(), headers, of_cors) {
        let message = "this server does not answer for that Host or Origin; see --allowed-host";
        return Err(Problem::new(StatusCode::FORBIDDEN, message));
    }
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > protection.max_body as u64) {
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, TOO_LARGE));
    }
    let encoding = headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes);
    if encoding
        .is_some_and(|name| ![&b"gzip"[..], b"identity"].contains(&name.to_ascii_lowercase().as_slice()))
    {
        let message = "a body is not compressed, or with gzip";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    Ok(next.run(request).await)
}

fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
    tracing::error!(panic = text, "a request panicked");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error").into_response()
}
