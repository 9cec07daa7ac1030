//! Which hosts a server answers for, so that a page in somebody's browser cannot reach it under a name of
//! its own (DNS rebinding).

use std::{collections::BTreeSet, net::IpAddr};

use axum::http::{HeaderMap, Uri, header, uri::Authority};

/// The names under which a server may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hosts {
    /// Any: the server is meant to be reached from elsewhere, under names that it does not know.
    Any,
    /// The loopback names, and these.
    Loopback {
        /// Further names, in lower case, without a port.
        and: BTreeSet<String>,
    },
}

impl Hosts {
    /// What a server that listens at `address` answers for.
    pub fn of(address: IpAddr, allowed: impl IntoIterator<Item = String>) -> Self {
        let and: BTreeSet<String> = allowed.into_iter().map(|name| name.to_ascii_lowercase()).collect();
        if address.is_loopback() || !and.is_empty() { Self::Loopback { and } } else { Self::Any }
    }

    /// Whether a request is for one of them, and not made by a page from elsewhere, unless that page is
    /// welcome.
    pub(crate) fn admit(&self, uri: &Uri, headers: &HeaderMap, is_welcome: bool) -> bool {
        let Self::Loopback { and } = self else { return true };
        let known = |host: &str| {
            let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
            let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
            loopback || and.contains(&host)
        };
        let host = match headers.get(header::HOST) {
            Some(value) => value.to_str().ok().and_then(|text| text.parse::<Authority>().ok()),
            // In HTTP/2 it is part of the URI.
            None => uri.authority().cloned(),
        };
        let origin = headers.get(header::ORIGIN).map(|value| {
            let origin = value.to_str().ok().and_then(|text| text.parse::<Uri>().ok());
            origin.and_then(|origin| origin.host().map(known)).unwrap_or(false)
        });
        host.is_some_and(|host| known(host.host())) && (is_welcome || origin.unwrap_or(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_names_reach_a_local_server() {
        let hosts = Hosts::of([127, 0, 0, 1].into(), ["stasis.local".to_owned()]);
        let check = |host: Option<&str>, origin: Option<&str>, expect: bool| {
            let mut headers = HeaderMap::new();
            for (name, value) in [(header::HOST, host), (header::ORIGIN, origin)] {
                if let Some(value) = value {
                    headers.insert(name, value.parse().expect("a header"));
                }
            }
            let uri = Uri::from_static("/");
            assert_eq!(hosts.admit(&uri, &headers, false), expect, "{host:?} {origin:?}");
            assert!(Hosts::of([10, 0, 0, 1].into(), []).admit(&uri, &headers, false));
            let of_us = host.is_some_and(|host| host.starts_with("localhost") && !host.contains('@'));
            assert!(!of_us || hosts.admit(&uri, &headers, true));
        };
        check(Some("localhost:8080"), None, true);
        check(Some("127.0.0.1"), None, true);
        check(Some("127.1.2.3:9"), None, true);
        check(Some("[::1]:8080"), None, true);
        check(Some("LocalHost"), None, true);
        check(Some("stasis.local:1"), None, true);
        check(Some("evil.example"), None, false);
        check(Some("127.0.0.1.evil.example"), None, false);
        check(Some("localhost@evil.example"), None, false);
        check(Some(""), None, false);
        check(None, None, false);
        check(Some("localhost"), Some("http://localhost:3000"), true);
        check(Some("localhost"), Some("http://[::1]:3000"), true);
        check(Some("localhost"), Some("https://evil.example"), false);
        check(Some("localhost"), Some("null"), false);
    }
}
