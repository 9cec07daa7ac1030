//! The one way from this process to other servers on behalf of scripts: a pooled HTTP client that connects
//! to public addresses only, and to exactly the address that it checked.
//!
//! It knows no policy and follows no redirect; whoever calls it does, once for each hop.

mod address;
mod error;
mod resolver;
mod response;

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use reqwest::{
    Body, Certificate, Client, Method,
    header::{HeaderMap, HeaderName},
    redirect,
};
use url::{Host, Url};

pub(crate) use self::error::UnfinishedBody;
use self::{error::Stage, resolver::GuardedResolver};
pub use self::{
    error::{OutboundError, OutboundSetupError},
    resolver::{Resolver, SystemResolver},
    response::OutboundResponse,
};

/// How long a connection may take to be there, from the host's name to the end of the TLS handshake.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How long a connection that nobody uses is kept.
const IDLE_CONNECTION_FOR: Duration = Duration::from_secs(60);
/// Most connections to one host that are kept while nobody uses them.
const MAX_IDLE_CONNECTIONS_PER_HOST: usize = 16;
/// Most bytes of a response's headers over HTTP/2. Over HTTP/1, the library reads at most about 400 KiB.
const MAX_HTTP2_HEADER_BYTES: u32 = 256 << 10;
/// Bytes that a server may send over HTTP/2 before they are read, for each response.
const HTTP2_STREAM_WINDOW_BYTES: u32 = 256 << 10;
/// And for all responses of a connection. Runs share connections: so many responses that nobody reads must
/// not take up the window that the others need.
const HTTP2_CONNECTION_WINDOW_BYTES: u32 = 1 << 30;
const USER_AGENT: &str = concat!("stasis/", env!("CARGO_PKG_VERSION"));

/// How an [`Outbound`] goes about it.
#[derive(Debug, Clone)]
pub struct OutboundOptions {
    /// Whether addresses that are not on the public internet may be connected to: this machine's own, those
    /// of its network, and those where clouds keep credentials.
    pub allow_private: bool,
    /// How long a connection may take to be there.
    pub connect_within: Duration,
    /// Certificates to trust besides the system's, in PEM; one text may hold several.
    pub extra_roots: Vec<String>,
    /// Who knows the addresses of names.
    pub resolver: Arc<dyn Resolver>,
    /// Where connections to an address lead in truth, once the address has been checked. Empty but in
    /// tests, which have no public address to serve from. Only addresses of names are looked up here, and
    /// a port that the URL names counts more than the one given here.
    pub detours: HashMap<IpAddr, SocketAddr>,
}

impl Default for OutboundOptions {
    fn default() -> Self {
        Self {
            allow_private: false,
            connect_within: CONNECT_WITHIN,
            extra_roots: Vec::new(),
            resolver: Arc::new(SystemResolver),
            detours: HashMap::new(),
        }
    }
}

/// A request that is ready to be sent.
#[derive(Debug)]
pub struct OutboundRequest {
    /// What to do.
    pub method: Method,
    /// Where; a fragment is not sent.
    pub url: Url,
    /// What to send along, besides what the protocol needs.
    pub headers: HeaderMap,
    /// What comes after the headers.
    pub body: Option<Body>,
}

/// Sends requests to public servers. Clones share connections.
#[derive(Debug, Clone)]
pub struct Outbound {
    client: Client,
    allow_private: bool,
}

impl Outbound {
    /// Makes a client; nothing is connected yet.
    ///
    /// # Errors
    /// If a root certificate cannot be read, or the system has none.
    pub fn new(options: OutboundOptions) -> Result<Self, OutboundSetupError> {
        let OutboundOptions { allow_private, connect_within, extra_roots, resolver, detours } = options;
        let mut roots = Vec::new();
        for pem in extra_roots {
            roots.extend(Certificate::from_pem_bundle(pem.as_bytes()).map_err(OutboundSetupError::Root)?);
        }
        let client = Client::builder()
            .dns_resolver(GuardedResolver { resolver, allow_private, detours: Arc::new(detours) })
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .user_agent(USER_AGENT)
            .connect_timeout(connect_within)
            .pool_idle_timeout(IDLE_CONNECTION_FOR)
            .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS_PER_HOST)
            // A sender of zstd chooses how much memory its reader needs, up to 128 MiB, and the library has no
            // way to allow less. The other compressions need 16 MiB at most.
            .no_zstd()
            .http2_initial_stream_window_size(HTTP2_STREAM_WINDOW_BYTES)
            .http2_initial_connection_window_size(HTTP2_CONNECTION_WINDOW_BYTES)
            .http2_max_header_list_size(MAX_HTTP2_HEADER_BYTES)
            .tls_certs_merge(roots)
            .build()
            .map_err(OutboundSetupError::Client)?;
        Ok(Self { client, allow_private })
    }

    /// Sends a `GET` and waits for the headers of the response, at most for `within`.
    ///
    /// # Errors
    /// As [`Self::send`]; and if the headers take too long.
    pub async fn get(
        &self,
        url: Url,
        headers: HeaderMap,
        within: Duration,
    ) -> Result<OutboundResponse, OutboundError> {
        let sending = self.send(OutboundRequest { method: Method::GET, url, headers, body: None });
        tokio::time::timeout(within, sending).await.unwrap_or(Err(OutboundError::TimedOut { within }))
    }

    /// Sends a request and waits for the headers of the response, however long that takes. Whatever the
    /// status is, it is a response; redirects are not followed. Dropping the future ends the transfer.
    ///
    /// # Errors
    /// If the host is not public, or the exchange breaks.
    pub async fn send(&self, request: OutboundRequest) -> Result<OutboundResponse, OutboundError> {
        let OutboundRequest { method, url, headers, body } = request;
        let host = self.check(&url)?;
        let mut builder = self.client.request(method, url).headers(headers);
        if let Some(body) = body {
            builder = builder.body(body);
        }
        let response =
            builder.send().await.map_err(|error| OutboundError::classify(&error, &host, Stage::Headers))?;
        Ok(OutboundResponse::new(host, response))
    }

    /// Looks at what the URL alone tells. The client connects to a host that is written as an address
    /// without asking the resolver.
    fn check(&self, url: &Url) -> Result<String, OutboundError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(OutboundError::Scheme { scheme: url.scheme().to_owned() });
        }
        let (host, address) = match url.host() {
            Some(Host::Domain(name)) => return Ok(name.to_owned()),
            Some(Host::Ipv4(address)) => (address.to_string(), IpAddr::from(address)),
            Some(Host::Ipv6(address)) => (format!("[{address}]"), IpAddr::from(address)),
            None => return Err(OutboundError::Request),
        };
        match address::special_use(address) {
            Some(kind) if !self.allow_private => Err(OutboundError::PrivateAddress { host, kind }),
            Some(_) | None => Ok(host),
        }
    }
}

/// Whether a header is about the connection or the framing of a message, so that only the client itself can
/// write it. Whoever could do so in its place could make one request look like two.
pub(crate) fn belongs_to_client(name: &HeaderName) -> bool {
    const NAMES: [&str; 10] = [
        "connection",
        "content-length",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    NAMES.contains(&name.as_str()) || name.as_str().starts_with("proxy-")
}
