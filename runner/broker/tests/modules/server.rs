//! A server that says what it was told to say, and counts who asks.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, Response, StatusCode},
};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinHandle};

/// What is at a path.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
    gate: Option<Arc<Semaphore>>,
    endless: bool,
}

impl Page {
    /// A module in JavaScript.
    pub(crate) fn javascript(text: &str) -> Self {
        Self::new(200, text).with("content-type", "text/javascript")
    }

    pub(crate) fn new(status: u16, body: &str) -> Self {
        let body = Bytes::copy_from_slice(body.as_bytes());
        Self { status, headers: Vec::new(), body, gate: None, endless: false }
    }

    pub(crate) fn redirect(to: &str) -> Self {
        Self::new(302, "").with("location", to)
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn bytes(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// It is there when somebody adds a permit.
    pub(crate) fn behind(mut self, gate: &Arc<Semaphore>) -> Self {
        self.gate = Some(Arc::clone(gate));
        self
    }

    /// The body never ends, and after its beginning nothing comes any more.
    pub(crate) fn endless(mut self) -> Self {
        self.endless = true;
        self
    }
}

/// See the module. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    pages: Mutex<HashMap<String, Page>>,
    requests: Mutex<Vec<(String, HeaderMap)>>,
    arrived: tokio::sync::Notify,
}

impl Server {
    pub(crate) async fn start(pages: impl IntoIterator<Item = (&str, Page)>) -> Self {
        let shared = Arc::new(Shared::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("serve") });
        let this = Self { shared, address, task };
        for (path, page) in pages {
            this.put(path, page);
        }
        this
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says something else at a path.
    pub(crate) fn put(&self, path: &str, page: Page) {
        self.shared.pages.lock().expect("no panic").insert(path.to_owned(), page);
    }

    /// How often a path was asked for.
    pub(crate) fn hits(&self, path: &str) -> usize {
        self.shared.requests.lock().expect("no panic").iter().filter(|(asked, _)| asked == path).count()
    }

    /// The headers of the last request.
    pub(crate) fn last_headers(&self) -> HeaderMap {
        self.shared.requests.lock().expect("no panic").last().expect("a request").1.clone()
    }

    /// Stops answering: connections are refused.
    pub(crate) async fn stop(&self) {
        self.task.abort();
        while !self.task.is_finished() {
            tokio::task::yield_now().await;
        }
    }

    /// Waits until the next request has arrived.
    pub(crate) async fn arrival(&self) {
        self.shared.arrived.notified().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let path = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    let headers = request.headers().clone();
    shared.requests.lock().expect("no panic").push((path.clone(), headers.clone()));
    shared.arrived.notify_one();
    let page = shared.pages.lock().expect("no panic").get(&path).cloned();
    let Some(page) = page else { return plain(404) };
    if let Some(gate) = &page.gate {
        gate.acquire().await.expect("open").forget();
    }
    let etag = page.headers.iter().find(|(name, _)| *name == "etag").map(|(_, value)| value.as_str());
    let unchanged = etag.is_some() && headers.get("if-none-match").and_then(|tag| tag.to_str().ok()) == etag;
    let mut response = plain(if unchanged { 304 } else { page.status });
    for (name, value) in page.headers {
        response.headers_mut().append(name, value.parse().expect("a header"));
    }
    if !unchanged {
        *response.body_mut() = match page.endless {
            true => Body::from_stream(endless(page.body)),
            false => Body::from(page.body),
        };
    }
    response
}

fn endless(first: Bytes) -> impl futures::Stream<Item = Result<Bytes, std::io::Error>> {
    use futures::StreamExt as _;
    futures::stream::iter([Ok(first)]).chain(futures::stream::pending())
}

fn plain(status: u16) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response
}
