//! A response as it comes in: headers first, then pieces of the body.

use std::{pin::Pin, time::Duration};

use bytes::{Bytes, BytesMut};
use futures::{FutureExt as _, Stream, StreamExt as _};
use hyper::ext::ReasonPhrase;
use reqwest::{StatusCode, header::HeaderMap};

use super::error::{OutboundError, Stage};

/// Pieces that have arrived are passed on together, up to about this many bytes.
const GATHERED_BYTES: usize = 256 << 10;

/// A response whose headers have arrived. Dropping it ends the transfer: an HTTP/1 connection is closed, a
/// stream of an HTTP/2 connection is reset.
///
/// Nothing is read ahead of [`Self::chunk`] except what the protocol's own windows allow, so that whoever
/// does not read holds up the server and not our memory.
pub struct OutboundResponse {
    host: String,
    status: StatusCode,
    reason: String,
    headers: HeaderMap,
    body: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
    held_back: Option<Result<Bytes, OutboundError>>,
}

impl std::fmt::Debug for OutboundResponse {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("OutboundResponse")
            .field("host", &self.host)
            .field("status", &self.status)
            .finish()
    }
}

impl OutboundResponse {
    pub(super) fn new(host: String, response: reqwest::Response) -> Self {
        let status = response.status();
        let reason = match response.extensions().get::<ReasonPhrase>() {
            Some(phrase) => String::from_utf8_lossy(phrase.as_bytes()).into_owned(),
            None if response.version() >= reqwest::Version::HTTP_2 => String::new(),
            None => status.canonical_reason().unwrap_or_default().to_owned(),
        };
        let headers = response.headers().clone();
        Self { host, status, reason, headers, body: Box::pin(response.bytes_stream()), held_back: None }
    }

    /// The status, redirects included.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The words behind the status; empty over HTTP/2, which has none.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The headers, without `content-encoding` and `content-length` if the body is decompressed on the way.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The next piece of the body, decompressed and never empty; `None` after the last one. Nothing is lost
    /// if the future is dropped before it is ready.
    ///
    /// # Errors
    /// If the connection breaks, or the body is not what its headers say.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, OutboundError> {
        let first = match self.held_back.take() {
            Some(next) => next?,
            None => match self.next().await {
                Some(next) => next?,
                None => return Ok(None),
            },
        };
        Ok(Some(self.gather(first)))
    }

    /// The whole body, decompressed.
    ///
    /// # Errors
    /// As [`Self::chunk`]; and if it has more than `max_bytes`, or takes longer than `within`.
    pub async fn read(mut self, max_bytes: usize, within: Duration) -> Result<Bytes, OutboundError> {
        let reading = async {
            let mut whole = BytesMut::new();
            while let Some(chunk) = self.chunk().await? {
                if chunk.len() > max_bytes - whole.len() {
                    return Err(OutboundError::TooLarge { max_bytes });
                }
                whole.extend_from_slice(&chunk);
            }
            Ok(whole.freeze())
        };
        tokio::time::timeout(within, reading).await.unwrap_or(Err(OutboundError::TimedOut { within }))
    }

    /// Adds to a piece what is there already: decompression makes small ones.
    fn gather(&mut self, first: Bytes) -> Bytes {
        let mut gathered = BytesMut::new();
        let mut length = first.len();
        while length < GATHERED_BYTES {
            match self.next().now_or_never() {
                None | Some(None) => break,
                Some(Some(Ok(more))) if length + more.len() <= GATHERED_BYTES => {
                    if gathered.is_empty() {
                        gathered.extend_from_slice(&first);
                    }
                    gathered.extend_from_slice(&more);
                    length += more.len();
                }
                Some(Some(next)) => {
                    self.held_back = Some(next);
                    break;
                }
            }
        }
        if gathered.is_empty() { first } else { gathered.freeze() }
    }

    async fn next(&mut self) -> Option<Result<Bytes, OutboundError>> {
        loop {
            match self.body.next().await? {
                Ok(chunk) if chunk.is_empty() => {}
                Ok(chunk) => return Some(Ok(chunk)),
                Err(error) => return Some(Err(OutboundError::classify(&error, &self.host, Stage::Body))),
            }
        }
    }
}
