//! Why a fetch failed, in the words that the script finds in its exception.

use stasis_core::host::HostError;

use super::{limits::LimitError, redirect::RedirectError, request::RequestError};
use crate::outbound::OutboundError;

#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// The text up to the reason is promised.
    #[error("fetch denied by policy: {method} {url} is not allowed{}", because(.reason.as_deref()))]
    Denied { method: String, url: String, reason: Option<String> },
    #[error("fetch failed: {0}")]
    Request(#[from] RequestError),
    #[error("fetch failed: {0}")]
    Limit(#[from] LimitError),
    #[error("fetch failed: {0}")]
    Outbound(#[from] OutboundError),
    #[error("fetch failed: {0}")]
    Redirect(#[from] RedirectError),
    #[error("fetch failed: the server answered with status {0}, which is no answer to this request")]
    Status(u16),
    #[error("fetch failed: the server does not take any more of the request's body")]
    UploadOver,
    #[error("fetch failed: it was closed")]
    Closed,
    #[error(
        "fetch failed: there is nothing to read or write (number {0}); a body ends with the run that fetched it: fetch it again"
    )]
    NotOpen(u32),
    #[error("fetch failed: something is open under the number {0} already")]
    Taken(u32),
}

fn because(reason: Option<&str>) -> String {
    reason.map(|reason| format!(" ({reason})")).unwrap_or_default()
}

impl From<FetchError> for HostError {
    fn from(error: FetchError) -> Self {
        Self::new(error.to_string())
    }
}
