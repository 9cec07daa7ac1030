//! What is at URLs: from the cache, or from their servers. Whoever wants the same URL at the same time waits for
//! the same answer.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures::{
    FutureExt as _,
    future::{BoxFuture, Shared, WeakShared},
};
use url::Url;

use super::{
    cache::{Cache, Found, Known},
    download::{Download, download},
    error::ModuleError,
    freshness::Freshness,
};
use crate::outbound::{Outbound, OutboundError};

/// See the module.
#[derive(Debug)]
pub(super) struct Library {
    fetcher: Fetcher,
    /// Answers that somebody waits for. They end when nobody does any more.
    pending: Mutex<HashMap<Url, WeakShared<Answer>>>,
}

type Answer = BoxFuture<'static, Result<Found, ModuleError>>;

#[derive(Debug, Clone)]
struct Fetcher {
    outbound: Outbound,
    cache: Cache,
    within: Duration,
}

impl Library {
    pub(super) fn new(outbound: Outbound, cache: Cache, within: Duration) -> Self {
        Self { fetcher: Fetcher { outbound, cache, within }, pending: Mutex::default() }
    }

    /// What is at a URL, of which nobody but the policy has been asked yet.
    pub(super) async fn find(&self, url: &Url) -> Result<Found, ModuleError> {
        self.answer(url).await
    }

    fn answer(&self, url: &Url) -> Shared<Answer> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = pending.get(url).and_then(WeakShared::upgrade)
            && answer.peek().is_none()
        {
            return answer;
        }
        pending.retain(|_, answer| answer.upgrade().is_some_and(|answer| answer.peek().is_none()));
        let fetcher = self.fetcher.clone();
        let asked = url.clone();
        let answer = async move { fetcher.find(asked).await }.boxed().shared();
        if let Some(weak) = answer.downgrade() {
            pending.insert(url.clone(), weak);
        }
        answer
    }
}

impl Fetcher {
    async fn find(&self, url: Url) -> Result<Found, ModuleError> {
        let known = self.cache.get(&url).await;
        if let Some(Known { found, fresh: true, .. }) = known {
            return Ok(found);
        }
        let validators = known.as_ref().map(|known| known.validators.clone()).unwrap_or_default();
        match (download(&self.outbound, &url, &validators, self.within).await, known) {
            (Ok(Download::New { found, validators, freshness }), _)
            | (Ok(Download::Unchanged(freshness)), Some(Known { found, validators, .. })) => {
                match freshness {
                    Freshness::NotKept => self.cache.forget(&url).await,
                    Freshness::GoodFor(time) => self.cache.put(&url, found.clone(), validators, time).await,
                }
                Ok(found)
            }
            // Nobody asked whether anything had changed.
            (Ok(Download::Unchanged(_)), None) => {
                Err(ModuleError::Status { url: url.into(), status: reqwest::StatusCode::NOT_MODIFIED })
            }
            // The server cannot be reached: what it said last is better than nothing.
            (Err(ModuleError::Outbound(error)), Some(Known { found, .. })) if is_outage(&error) => {
                tracing::warn!(%error, %url, "a module is taken from the cache, as its server cannot be asked");
                Ok(found)
            }
            (Err(error), _) => Err(error),
        }
    }
}

/// Whether a server is out of reach, rather than not to be trusted.
fn is_outage(error: &OutboundError) -> bool {
    match error {
        OutboundError::Unresolved { .. }
        | OutboundError::Refused { .. }
        | OutboundError::Unreachable { .. }
        | OutboundError::ConnectTimedOut { .. }
        | OutboundError::Closed { .. }
        | OutboundError::Broken { .. }
        | OutboundError::TimedOut { .. } => true,
        OutboundError::Scheme { .. }
        | OutboundError::PrivateAddress { .. }
        | OutboundError::PrivateName { .. }
        | OutboundError::Certificate { .. }
        | OutboundError::Tls { .. }
        | OutboundError::Request
        | OutboundError::UnfinishedBody
        | OutboundError::InvalidResponse { .. }
        | OutboundError::HeadersTooLarge { .. }
        | OutboundError::Compression { .. }
        | OutboundError::TooLarge { .. } => false,
    }
}
