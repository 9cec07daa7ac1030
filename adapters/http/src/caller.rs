//! On whose behalf a request is made.

use std::{convert::Infallible, net::SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::request::Parts,
};
use stasis_executions::Caller;

/// The caller of a request: the address that it comes from.
pub(crate) struct Peer(pub(crate) Caller);

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let name = address.map_or_else(String::new, |ConnectInfo(address)| address.ip().to_string());
        Ok(Self(Caller::new(name)))
    }
}
