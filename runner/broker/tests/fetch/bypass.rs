//! Ways around a policy, and to servers that nobody is meant to reach. None of them gets anywhere.
//!
//! The policy allows `allowed.example` below `/public/`; names resolve as an attacker would like them to. Two
//! servers listen on loopback: one that the public name leads to, and one that nothing may reach.

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::Value;
use stasis_broker::{HeaderRules, OutboundOptions};
use stasis_core::host::RequestBody;

use crate::support::{Names, Recording, Run, Site, get, ok, public, redirect, request};

/// What is tried, with `PORT` for the port of the server that is allowed, `INNER` for that of the one that
/// is not, and `OTHER` for one that is not allowed on the public host.
const URLS: [&str; 64] = [
    // Another host in the guise of the one that is allowed.
    "http://allowed.example@127.0.0.1:INNER/public/",
    "http://allowed.example:PORT@127.0.0.1:INNER/public/",
    "http://allowed.example:PORT%2fpublic%2f@127.0.0.1:INNER/",
    "http://127.0.0.1:INNER\\@allowed.example:PORT/public/",
    "http://127.0.0.1:INNER#@allowed.example:PORT/public/",
    "http://127.0.0.1:INNER?@allowed.example:PORT/public/",
    "http://user:password@allowed.example:PORT/public/",
    "http://allowed.example.evil.example:INNER/public/",
    "http://notallowed.example:INNER/public/",
    "http://allowed.example%2e.evil.example:INNER/public/",
    "http://allowed.example.:PORT/public/",
    "http://allowed。example.evil.example:INNER/public/",
    "http://allowed.example:OTHER/public/",
    "http:allowed.example:OTHER/public/",
    "///127.0.0.1:INNER/public/",
    "//127.0.0.1:INNER/public/",
    "http:////127.0.0.1:INNER/public/",
    "http:\\\\127.0.0.1:INNER\\public\\",
    "ht\ntp://127.0.0.1:INNER/public/",
    "\u{0} http://127.0.0.1:INNER/public/",
    "http://127.0.0.1\t:INNER/public/",
    // The allowed host, but another place on it.
    "http://allowed.example:PORT/public/../secret",
    "http://allowed.example:PORT/public/%2e%2e/secret",
    "http://allowed.example:PORT/public/.%2E/secret",
    "http://allowed.example:PORT/public\\..\\secret",
    "http://allowed.example:PORT/public/\t../secret",
    "http://allowed.example:PORT//public/",
    "http://allowed.example:PORT/%70ublic/",
    "http://allowed.example:PORT/PUBLIC/",
    "http://allowed.example:PORT/public",
    "http://allowed.example:PORT?/public/",
    "http://allowed.example:PORT#/public/",
    // Other protocols.
    "file:///etc/passwd",
    "FILE://allowed.example/public/",
    "ftp://allowed.example:PORT/public/",
    "gopher://127.0.0.1:INNER/_GET%20/",
    "ws://allowed.example:PORT/public/",
    "data:text/plain,hello",
    "blob:http://allowed.example:PORT/public/",
    "unix:///var/run/docker.sock",
    // This machine by its many names.
    "HTTP://LOCALHOST:INNER/",
    "http://localhost.:INNER/",
    "http://sub.localhost:INNER/",
    "http://127.0.0.1.nip.example:INNER/",
    "http://[::1]:INNER/",
    "http://[0:0:0:0:0:0:0:1]:INNER/",
    "http://[::]:INNER/",
    "http://[::ffff:127.0.0.1]:INNER/",
    "http://[::ffff:7f00:1]:INNER/",
    "http://[::127.0.0.1]:INNER/",
    "http://[64:ff9b::127.0.0.1]:INNER/",
    "http://[2002:7f00:1::]:INNER/",
    "http://2130706433:INNER/",
    "http://017700000001:INNER/",
    "http://0x7f000001:INNER/",
    "http://0177.0.0.01:INNER/",
    "http://0x7f.0x0.0x0.0x1:INNER/",
    "http://127.1:INNER/",
    "http://127.0.0.1.:INNER/",
    "http://0:INNER/",
    "http://0.0.0.0:INNER/",
    "http://%31%32%37.0.0.1:INNER/",
    "http://１２７.０.０.１:INNER/",
    "http://①②⑦.⓪.⓪.①:INNER/",
];

/// Requests to the place that is allowed that would be, or carry, another one.
const SMUGGLED: [(&str, &[(&str, &str)]); 22] = [
    ("GET /secret HTTP/1.1\r\nhost: a\r\n\r\nGET", &[]),
    ("GET\r\n", &[]),
    ("GET\t/secret", &[]),
    ("", &[]),
    ("CONNECT", &[]),
    ("connect", &[]),
    ("TRACE", &[]),
    ("TrAcK", &[]),
    ("GET", &[("host", "127.0.0.1")]),
    ("GET", &[("Host", "allowed.example"), ("hOST", "127.0.0.1")]),
    ("GET", &[("x", "y\r\nHost: 127.0.0.1")]),
    ("GET", &[("x", "y\nHost: 127.0.0.1")]),
    ("GET", &[("x", "y\r\n\r\nGET /secret HTTP/1.1")]),
    ("GET", &[("x\r\nhost", "127.0.0.1")]),
    ("GET", &[("host ", "127.0.0.1")]),
    ("GET", &[("host:", "127.0.0.1")]),
    ("GET", &[("", "x")]),
    ("POST", &[("content-length", "0")]),
    ("POST", &[("Transfer-Encoding", "chunked"), ("content-length", "4")]),
    ("POST", &[("transfer-encoding", "\u{b}chunked")]),
    ("POST", &[("connection", "upgrade"), ("upgrade", "h2c"), ("http2-settings", "AAMAAABkAAQAAP__")]),
    ("POST", &[("expect", "100-continue")]),
];

/// Where the allowed place may point.
const LOCATIONS: [&str; 16] = [
    "/secret",
    "../secret",
    "//127.0.0.1:INNER/public/",
    "\\\\127.0.0.1:INNER/public/",
    "http://127.0.0.1:INNER/public/",
    "http://allowed.example@127.0.0.1:INNER/public/",
    "http://user:password@allowed.example:PORT/public/",
    "http://[::ffff:127.0.0.1]:INNER/",
    "http://localhost:INNER/",
    "http://2130706433:INNER/",
    "http://127.0.0.1.nip.example:INNER/",
    "file:///etc/passwd",
    "ftp://allowed.example:PORT/public/",
    "data:text/plain,hello",
    "blob:http://127.0.0.1:INNER/",
    "gopher://127.0.0.1:INNER/",
];

struct Scene {
    allowed: Site,
    inner: Site,
}

impl Scene {
    async fn new(response: &str) -> Self {
        let inner = Site::answering(ok("secret")).await;
        let allowed = Site::answering(response.replace("INNER", &inner.address.port().to_string())).await;
        Self { allowed, inner }
    }

    fn fill_in(&self, text: &str) -> String {
        let port = |site: &Site| site.address.port().to_string();
        let inner = port(&self.inner);
        text.replace("PORT", &port(&self.allowed)).replace("INNER", &inner).replace("OTHER", &inner)
    }

    fn options(&self) -> OutboundOptions {
        let loopback: IpAddr = self.inner.address.ip();
        let names = Names::default();
        names.add("allowed.example", &[&[public(1)]]);
        names.add("allowed.example.", &[&[public(1)]]);
        for name in [
            "localhost",
            "localhost.",
            "sub.localhost",
            "127.0.0.1.nip.example",
            "allowed.example.evil.example",
            "notallowed.example",
        ] {
            names.add(name, &[&[loopback]]);
        }
        let detours = [(public(1), self.allowed.address)].into();
        OutboundOptions { resolver: Arc::new(names), detours, ..OutboundOptions::default() }
    }

    fn strict(&self) -> Run {
        let prefixes =
            ["http", "https"].map(|scheme| self.fill_in(&format!("{scheme}://allowed.example:PORT/public/")));
        let policy = Recording::new(move |input: &Value| {
            let url = input["url"].as_str().expect("a URL");
            prefixes.iter().any(|prefix| url.starts_with(prefix))
        });
        Run::new(policy, HeaderRules::default(), self.options())
    }
}

#[tokio::test]
async fn the_way_that_is_open() {
    let scene = Scene::new(&ok("fine")).await;
    let answer = scene.strict().fetch(get(scene.fill_in("HTTP://ALLOWED.example:PORT/public/x"))).await;
    assert_eq!(answer.expect("an answer").text(), "fine");
    // These attempts would arrive if nothing stopped them: that is what makes them attempts.
    let connect_within = Duration::from_secs(1);
    let options = OutboundOptions { allow_private: true, connect_within, ..scene.options() };
    let mut run = Run::free(options);
    for url in URLS.iter().filter(|url| url.contains("INNER")) {
        let _answer = run.fetch(get(scene.fill_in(url))).await;
    }
    assert!(scene.inner.heard().len() >= 20, "only {} arrived", scene.inner.heard().len());
}

#[tokio::test]
async fn urls() {
    let scene = Scene::new(&ok("secret")).await;
    let mut run = scene.strict();
    for url in URLS {
        run.failure(get(scene.fill_in(url))).await;
        assert_eq!(scene.allowed.heard(), [], "{url}");
        assert_eq!(scene.inner.heard(), [], "{url}");
    }
}

#[tokio::test]
async fn urls_that_a_policy_would_let_through() {
    let scene = Scene::new(&ok("secret")).await;
    let mut run = Run::free(scene.options());
    for url in URLS.iter().filter(|url| url.contains("INNER") && !url.contains("PORT")) {
        let answer = run.fetch(get(scene.fill_in(url))).await;
        assert_eq!(scene.inner.heard(), [], "{url}");
        assert!(answer.is_err(), "{url}");
    }
}

#[tokio::test]
async fn smuggled_requests() {
    let scene = Scene::new(&ok("secret")).await;
    let mut run = scene.strict();
    for (method, headers) in SMUGGLED {
        let body = match method {
            "POST" => RequestBody::Whole(Bytes::from_static(b"0\r\n\r\nGET /secret HTTP/1.1\r\n\r\n")),
            _ => RequestBody::None,
        };
        let url = scene.fill_in("http://allowed.example:PORT/public/");
        run.failure(request(method, url, headers, body)).await;
        assert_eq!(scene.allowed.heard(), [], "{method:?} {headers:?}");
        assert_eq!(scene.inner.heard(), [], "{method:?} {headers:?}");
    }
}

#[tokio::test]
async fn redirects() {
    for location in LOCATIONS {
        let scene = Scene::new(&redirect(302, location)).await;
        scene.strict().failure(get(scene.fill_in("http://allowed.example:PORT/public/"))).await;
        let targets: Vec<_> = scene.allowed.heard().iter().map(|heard| heard.target.clone()).collect();
        assert_eq!(targets, ["/public/"], "{location}");
        assert_eq!(scene.inner.heard(), [], "{location}");
        // And without a policy to say so.
        if location.contains("INNER") {
            let mut run = Run::free(scene.options());
            run.failure(get(scene.fill_in("http://allowed.example:PORT/public/"))).await;
            assert_eq!(scene.inner.heard(), [], "{location}");
        }
    }
}
