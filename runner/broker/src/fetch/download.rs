//! A response's body on its way to the script.

use std::sync::Arc;

use bytes::Bytes;
use stasis_core::host::MAX_CHUNK_BYTES;

use super::{
    FetchError,
    limits::{LimitError, Usage},
};
use crate::outbound::OutboundResponse;

/// What is left of a response. Dropping it ends the transfer.
#[derive(Debug)]
pub(super) struct Download {
    response: OutboundResponse,
    usage: Arc<Usage>,
    received: u64,
    rest: Bytes,
}

impl Download {
    pub(super) fn new(response: OutboundResponse, usage: Arc<Usage>) -> Self {
        Self { response, usage, received: 0, rest: Bytes::new() }
    }

    /// The next piece, of at most [`MAX_CHUNK_BYTES`]; none after the last one. Nothing is lost if the
    /// future is dropped before it is ready.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        if self.rest.is_empty() {
            let idle = self.usage.limits().idle;
            let chunk = tokio::time::timeout(idle, self.response.chunk()).await;
            let Some(chunk) = chunk.map_err(|_| LimitError::Idle(idle))?? else { return Ok(None) };
            self.received = self.usage.receive(self.received, chunk.len())?;
            self.rest = chunk;
        }
        Ok(Some(self.rest.split_to(self.rest.len().min(MAX_CHUNK_BYTES))))
    }
}
