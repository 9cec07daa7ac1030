//! `fetch`: puts each request of a script, and each redirect, to the policy, adds the operator's headers, and
//! carries bodies both ways, as much as the limits allow.

mod decision;
mod download;
mod error;
mod exchange;
mod limits;
mod redirect;
mod request;
mod transfers;
mod upload;

use std::sync::Arc;

use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture};
use stasis_core::host::{FetchRequest, HostAnswer, HostError, HostResult, RequestBody};
use stasis_policy::Policy;
use tokio_util::sync::CancellationToken;

pub use self::limits::FetchLimits;
use self::{error::FetchError, limits::Usage, request::Normalised, transfers::Transfers, upload::Part};
use crate::{header_rules::HeaderRules, outbound::Outbound};

/// Fetches for scripts what a policy allows.
///
/// The policy is asked about each request, and about each redirect with what would be sent there. Its input:
///
/// * `operation`: `"fetch"`
/// * `url`: the URL in normal form: host in lower case and ASCII, `..` resolved, no fragment
/// * `method`: in upper case, if it is one of those that the Fetch standard puts so
/// * `headers`: those that the script set, never those that rules add; names in lower case, and several
///   values of one name joined with `", "`
/// * `url_parsed`: `scheme`, `host` (IPv6 in brackets), `port` (a number in any case), `path`, and `query`
///   (without the question mark; empty if there is none)
///
/// The `url` of a response has no fragment, as in the Fetch standard.
#[derive(Debug, Clone)]
pub struct FetchBroker {
    shared: Arc<Shared>,
    limits: FetchLimits,
}

#[derive(Debug)]
struct Shared {
    policy: Arc<dyn Policy>,
    header_rules: HeaderRules,
    outbound: Outbound,
}

impl FetchBroker {
    /// Makes a broker; the limits are for each run by itself.
    pub fn new(
        policy: Arc<dyn Policy>,
        header_rules: HeaderRules,
        outbound: Outbound,
        limits: FetchLimits,
    ) -> Self {
        Self { shared: Arc::new(Shared { policy, header_rules, outbound }), limits }
    }

    /// The broker as one run knows it.
    pub fn attend(&self) -> FetchRun {
        FetchRun {
            shared: Arc::clone(&self.shared),
            usage: Usage::new(self.limits.clone()),
            transfers: Transfers::default(),
        }
    }
}

/// One run's fetches. Dropping it ends them all.
///
/// The methods do what the calls of the same names in [`stasis_core::host::HostCall`] ask for. What they do
/// to the order of things (which number stands for what, which piece comes first) is done when they return;
/// the rest when their future is polled. Dropping the future of [`Self::fetch`] ends that fetch.
#[derive(Debug)]
pub struct FetchRun {
    shared: Arc<Shared>,
    usage: Arc<Usage>,
    transfers: Transfers,
}

impl FetchRun {
    /// Sends a request and waits for the headers of the response, redirects included.
    pub fn fetch(&mut self, fetch: u32, request: FetchRequest) -> BoxFuture<'static, HostResult> {
        match self.start(fetch, request) {
            Ok(answer) => answer,
            Err(error) => failed(error),
        }
    }

    fn start(
        &mut self,
        fetch: u32,
        request: FetchRequest,
    ) -> Result<BoxFuture<'static, HostResult>, FetchError> {
        let slot = self.usage.open()?;
        let (sender, upload) = match request.body {
            RequestBody::Streamed => Some(upload::channel()).unzip(),
            RequestBody::None | RequestBody::Whole(_) => (None, None),
        };
        let request = Normalised::new(request, self.usage.limits())?;
        let opened = self.transfers.open(fetch, slot, sender)?;
        let exchange = exchange::run(Arc::clone(&self.shared), Arc::clone(&self.usage), request, upload);
        Ok(async move {
            let (response, download) = unless_closed(opened.token(), exchange).await?;
            opened.keep(download);
            Ok(HostAnswer::Response(response))
        }
        .boxed())
    }

    /// Passes on a piece of a request's body, or its end; ready when there is room for another one.
    pub fn write_body(&mut self, fetch: u32, chunk: Option<Bytes>) -> BoxFuture<'static, HostResult> {
        let part = match chunk {
            Some(piece) if piece.is_empty() => return futures::future::ready(Ok(HostAnswer::Done)).boxed(),
            Some(piece) => Part::Piece(piece),
            None => Part::End,
        };
        match self.transfers.upload(fetch, &part, self.usage.limits()) {
            Ok((queue, token)) => async move {
                let sending = async { queue.send(part).await.map_err(|_| FetchError::UploadOver) };
                unless_closed(&token, sending).await?;
                Ok(HostAnswer::Done)
            }
            .boxed(),
            Err(error) => failed(error),
        }
    }

    /// Waits for a piece of a response's body. After the last one, and after a failure, nothing is open any
    /// more.
    pub fn read_body(&mut self, fetch: u32) -> BoxFuture<'static, HostResult> {
        match self.transfers.download(fetch) {
            Ok(reading) => async move {
                let chunk = unless_closed(reading.token(), reading.next()).await;
                if !matches!(chunk, Ok(Some(_))) {
                    reading.close();
                }
                Ok(HostAnswer::Chunk(chunk?))
            }
            .boxed(),
            Err(error) => failed(error),
        }
    }

    /// Ends a fetch, whatever it is doing. Nothing is wrong if there is none.
    pub fn close_fetch(&mut self, fetch: u32) -> BoxFuture<'static, HostResult> {
        self.transfers.close(fetch);
        futures::future::ready(Ok(HostAnswer::Done)).boxed()
    }
}

async fn unless_closed<T>(
    token: &CancellationToken,
    doing: impl Future<Output = Result<T, FetchError>>,
) -> Result<T, FetchError> {
    token.run_until_cancelled(doing).await.unwrap_or(Err(FetchError::Closed))
}

fn failed(error: FetchError) -> BoxFuture<'static, HostResult> {
    futures::future::ready(Err(HostError::from(error))).boxed()
}
