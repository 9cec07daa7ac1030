//! Which names a server answers to, so that a page in somebody's browser cannot reach it under a name of
//! its own (DNS rebinding).

use std::{
    str::FromStr,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    Json,
    http::{HeaderMap, Request, StatusCode, Uri, header, uri::Authority},
    response::{IntoResponse as _, Response},
};
use futures::future::{Either, Ready, ready};
use stasis_api::Failure;
use tower::{Layer, Service};

/// The names that a request's `Host` and `Origin` may have.
#[derive(Debug, Clone)]
pub enum AllowedHosts {
    /// Any: names are checked elsewhere.
    Any,
    /// The loopback names, with any port, and these.
    Loopback {
        /// Further hosts.
        and: Vec<AllowedHost>,
    },
}

/// A host; with any port unless it names one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHost {
    name: String,
    port: Option<u16>,
}

/// A text that does not name a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no host like example.com or example.com:8443")]
pub struct ParseHostError(String);

impl FromStr for AllowedHost {
    type Err = ParseHostError;

    fn from_str(text: &str) -> Result<Self, ParseHostError> {
        let authority: Authority = text.parse().map_err(|_| ParseHostError(text.to_owned()))?;
        Ok(Self { name: authority.host().to_ascii_lowercase(), port: authority.port_u16() })
    }
}

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

impl AllowedHosts {
    /// Whether a request names an allowed host, and was not made by a page from another one.
    fn admit(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let Self::Loopback { and } = self else { return true };
        let allowed = |authority: &Authority| {
            let name = authority.host().to_ascii_lowercase();
            let port = authority.port_u16();
            let listed = |host: &AllowedHost| host.name == name && (host.port.is_none() || host.port == port);
            LOOPBACK.contains(&name.as_str()) || and.iter().any(listed)
        };
        let host = match headers.get(header::HOST) {
            Some(host) => host.to_str().ok().and_then(|host| host.parse().ok()),
            // In HTTP/2 it is part of the URI.
            None => uri.authority().cloned(),
        };
        let origin = headers.get(header::ORIGIN).map(|origin| {
            let origin: Option<Uri> = origin.to_str().ok().and_then(|origin| origin.parse().ok());
            origin.as_ref().and_then(Uri::authority).is_some_and(&allowed)
        });
        host.as_ref().is_some_and(&allowed) && origin.unwrap_or(true)
    }
}

/// A layer that refuses requests for other hosts, or from pages of other hosts: 403 `{error}`.
pub fn guard(allowed: AllowedHosts) -> Guard {
    Guard { allowed: Arc::new(allowed) }
}

/// See [`guard`].
#[derive(Debug, Clone)]
pub struct Guard {
    allowed: Arc<AllowedHosts>,
}

/// A service behind a [`Guard`].
#[derive(Debug, Clone)]
pub struct Guarded<S> {
    inner: S,
    allowed: Arc<AllowedHosts>,
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, allowed: self.allowed.clone() }
    }
}

impl<S, B> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<B>, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if self.allowed.admit(request.uri(), request.headers()) {
            return Either::Left(self.inner.call(request));
        }
        let error = "this host or origin is not allowed here".to_owned();
        Either::Right(ready(Ok((StatusCode::FORBIDDEN, Json(Failure { error })).into_response())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: Option<&str>, origin: Option<&str>, expect: bool) {
        let and =
            vec!["stasis.example:8443".parse().expect("a host"), "other.example".parse().expect("a host")];
        let mut headers = HeaderMap::new();
        for (name, value) in [(header::HOST, host), (header::ORIGIN, origin)] {
            if let Some(value) = value {
                headers.insert(name, value.parse().expect("a header"));
            }
        }
        let got = AllowedHosts::Loopback { and }.admit(&Uri::from_static("/mcp"), &headers);
        assert_eq!(got, expect, "{host:?} {origin:?}");
        assert!(AllowedHosts::Any.admit(&Uri::from_static("/mcp"), &headers));
    }

    #[test]
    fn only_known_names_are_answered() {
        check(Some("localhost:8080"), None, true);
        check(Some("127.0.0.1"), None, true);
        check(Some("[::1]:8080"), None, true);
        check(Some("other.example:1"), None, true);
        check(Some("stasis.example:8443"), None, true);
        check(Some("stasis.example:1"), None, false);
        check(Some("evil.example"), None, false);
        check(Some("localhost.evil.example"), None, false);
        check(Some("localhost@evil.example"), None, false);
        check(None, None, false);
        check(Some("localhost"), Some("http://localhost:3000"), true);
        check(Some("localhost"), Some("https://other.example"), true);
        check(Some("localhost"), Some("http://evil.example"), false);
        check(Some("localhost"), Some("null"), false);
    }
}
