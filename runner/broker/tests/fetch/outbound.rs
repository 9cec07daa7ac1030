//! The client by itself, as the loading of modules uses it.

use std::time::Duration;

use reqwest::header::HeaderMap;
use stasis_broker::{Outbound, OutboundError, OutboundOptions, OutboundSetupError};
use url::Url;

use crate::support::{Site, network, ok, redirect, soon};

const LONG: Duration = Duration::from_secs(30);
const BRIEFLY: Duration = Duration::from_millis(100);

fn url(text: &str) -> Url {
    text.parse().expect("a URL")
}

#[tokio::test]
async fn a_body_is_read_up_to_a_limit() {
    let site = Site::answering(ok(&"x".repeat(1000))).await;
    let outbound = Outbound::new(network(&[("a.example", &site)])).expect("a client");
    for (max_bytes, expect) in [
        (1000, Ok(1000)),
        (999, Err(OutboundError::TooLarge { max_bytes: 999 })),
        (0, Err(OutboundError::TooLarge { max_bytes: 0 })),
    ] {
        let response =
            outbound.get(url("http://a.example/"), HeaderMap::new(), LONG).await.expect("a response");
        assert_eq!(response.status(), 200);
        assert_eq!(response.read(max_bytes, LONG).await.map(|body| body.len()), expect);
    }
}

#[tokio::test]
async fn time_is_limited_before_and_after_the_headers() {
    for sent in ["", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello"] {
        let site = Site::serving(move |mut connection| async move {
            connection.receive().await;
            connection.send(sent).await;
            connection.closed().await;
        })
        .await;
        let outbound = Outbound::new(network(&[("a.example", &site)])).expect("a client");
        let before = if sent.is_empty() { BRIEFLY } else { LONG };
        let error = soon(async {
            let response = outbound.get(url("http://a.example/"), HeaderMap::new(), before).await?;
            response.read(100, BRIEFLY).await
        })
        .await;
        assert_eq!(error, Err(OutboundError::TimedOut { within: BRIEFLY }));
    }
}

#[tokio::test]
async fn redirects_are_handed_over() {
    let site = Site::answering(redirect(302, "http://b.example/")).await;
    let outbound = Outbound::new(network(&[("a.example", &site)])).expect("a client");
    let response = outbound.get(url("http://a.example/"), HeaderMap::new(), LONG).await.expect("a response");
    assert_eq!(response.status(), 302);
    assert_eq!(response.headers()["location"], "http://b.example/");
}

#[tokio::test]
async fn other_schemes_are_refused() {
    let outbound = Outbound::new(network(&[])).expect("a client");
    for text in ["file:///etc/passwd", "ftp://a.example/", "data:text/plain,hello"] {
        let scheme = url(text).scheme().to_owned();
        let error = outbound.get(url(text), HeaderMap::new(), LONG).await.expect_err(text);
        assert_eq!(error, OutboundError::Scheme { scheme });
    }
}

#[test]
fn roots_must_be_certificates() {
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (extra, good) in [("", true), (garbage, false)] {
        let options = OutboundOptions { extra_roots: vec![extra.to_owned()], ..OutboundOptions::default() };
        match Outbound::new(options) {
            Ok(_) => assert!(good),
            Err(OutboundSetupError::Root(_) | OutboundSetupError::Client(_)) => assert!(!good),
        }
    }
}
