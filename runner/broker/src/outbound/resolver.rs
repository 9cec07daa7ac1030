//! From a host's name to addresses that may be connected to. What is checked here is what the client
//! connects to: nothing asks for the name a second time.

use std::{
    collections::HashMap,
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use async_trait::async_trait;
use futures::FutureExt as _;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::special_use;

/// Finds the addresses of a name.
#[async_trait]
pub trait Resolver: fmt::Debug + Send + Sync {
    /// Returns the addresses in the order in which they are to be tried.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// Asks the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((name, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// Why a name has no address to connect to.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookupError {
    #[error("the name has only private addresses")]
    Private,
    #[error("the name has no address")]
    Unknown(#[source] Option<io::Error>),
}

/// Lets through what a [`Resolver`] finds and [`special_use`] has nothing to say about.
pub(super) struct GuardedResolver {
    pub(super) resolver: Arc<dyn Resolver>,
    pub(super) allow_private: bool,
    pub(super) detours: Arc<HashMap<IpAddr, SocketAddr>>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = Arc::clone(&self.resolver);
        let detours = Arc::clone(&self.detours);
        let allow_private = self.allow_private;
        async move {
            let found =
                resolver.resolve(name.as_str()).await.map_err(|error| LookupError::Unknown(Some(error)))?;
            let allowed = allowed(found, allow_private)?;
            // Port 0 stands for the URL's.
            let addresses = allowed
                .into_iter()
                .map(move |address| detours.get(&address).copied().unwrap_or(SocketAddr::new(address, 0)));
            Ok(Box::new(addresses) as Addrs)
        }
        .boxed()
    }
}

fn allowed(found: Vec<IpAddr>, allow_private: bool) -> Result<Vec<IpAddr>, LookupError> {
    if found.is_empty() {
        return Err(LookupError::Unknown(None));
    }
    let allowed: Vec<_> =
        found.into_iter().filter(|address| allow_private || special_use(*address).is_none()).collect();
    if allowed.is_empty() { Err(LookupError::Private) } else { Ok(allowed) }
}
