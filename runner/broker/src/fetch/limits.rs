//! How much a run may fetch.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use stasis_core::host::MAX_CHUNK_BYTES;

/// What a run may use. Each limit that is exceeded is named to the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchLimits {
    /// Fetches that are open at once: until their responses are read to the end or closed.
    pub open: usize,
    /// Fetches in all. Redirects are not counted, refused ones are.
    pub total: u64,
    /// Bytes of one response's body, decompressed.
    pub response_bytes: u64,
    /// Bytes of all responses' bodies together, decompressed.
    pub run_response_bytes: u64,
    /// Bytes of one request's body.
    pub request_bytes: u64,
    /// Bytes of a request's headers, and of a response's: names, values, and four for each line.
    pub header_bytes: usize,
    /// How long the response's headers may take, redirects and the policy's decisions included. While a
    /// body is being sent, the time starts anew with each piece that the server takes.
    pub headers_within: Duration,
    /// How long the next piece of a response's body may take once the script wants it.
    pub idle: Duration,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self {
            open: 64,
            total: 1000,
            response_bytes: 100 << 20,
            run_response_bytes: 1 << 30,
            request_bytes: 100 << 20,
            header_bytes: 64 << 10,
            headers_within: Duration::from_secs(30),
            idle: Duration::from_secs(30),
        }
    }
}

/// A limit that was exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum LimitError {
    #[error(
        "{0} fetches are open, and a run may not have more at once; read the bodies of earlier responses to \
         the end, or cancel them"
    )]
    Open(usize),
    #[error("a run may fetch {0} times, and it has done so")]
    Total(u64),
    #[error("the response has more than {0} bytes (decompressed), the most for one fetch")]
    Response(u64),
    #[error(
        "the responses of this run have more than {0} bytes (decompressed), the most for all its fetches"
    )]
    RunResponse(u64),
    #[error("the request's body has more than {0} bytes, the most for one fetch")]
    Request(u64),
    #[error("a piece of the request's body has more than {MAX_CHUNK_BYTES} bytes")]
    Chunk,
    #[error("the request's headers have more than {0} bytes, the most for one fetch")]
    RequestHeaders(usize),
    #[error("the response's headers have more than {0} bytes, the most for one fetch")]
    ResponseHeaders(usize),
    #[error("no response came within {} s, the most that a fetch waits", .0.as_secs_f64())]
    HeadersWithin(Duration),
    #[error("nothing more of the response came within {} s, the most that a fetch waits", .0.as_secs_f64())]
    Idle(Duration),
}

/// What a run has used.
#[derive(Debug)]
pub(super) struct Usage {
    limits: FetchLimits,
    open: AtomicUsize,
    total: AtomicU64,
    response_bytes: AtomicU64,
}

impl Usage {
    pub(super) fn new(limits: FetchLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            open: AtomicUsize::new(0),
            total: AtomicU64::new(0),
            response_bytes: AtomicU64::new(0),
        })
    }

    pub(super) fn limits(&self) -> &FetchLimits {
        &self.limits
    }

    /// Counts a fetch, which is open until the slot is dropped.
    pub(super) fn open(self: &Arc<Self>) -> Result<OpenSlot, LimitError> {
        if self.total.fetch_add(1, Ordering::Relaxed) >= self.limits.total {
            return Err(LimitError::Total(self.limits.total));
        }
        let slot = OpenSlot(Arc::clone(self));
        if self.open.fetch_add(1, Ordering::Relaxed) >= self.limits.open {
            return Err(LimitError::Open(self.limits.open));
        }
        Ok(slot)
    }

    /// Counts what arrived; `before` is what this response had brought until then.
    pub(super) fn receive(&self, before: u64, length: usize) -> Result<u64, LimitError> {
        let length = length as u64;
        let after = before.saturating_add(length);
        let run = self.response_bytes.fetch_add(length, Ordering::Relaxed).saturating_add(length);
        if after > self.limits.response_bytes {
            Err(LimitError::Response(self.limits.response_bytes))
        } else if run > self.limits.run_response_bytes {
            Err(LimitError::RunResponse(self.limits.run_response_bytes))
        } else {
            Ok(after)
        }
    }
}

/// One of the fetches that a run may have open.
#[derive(Debug)]
pub(super) struct OpenSlot(Arc<Usage>);

impl Drop for OpenSlot {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
