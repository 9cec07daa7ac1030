//! TLS, HTTP/2, and names that change their mind.

use std::{convert::Infallible, net::IpAddr, sync::Arc};

use bytes::Bytes;
use futures::stream;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response,
    body::{Frame, Incoming},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use stasis_broker::OutboundOptions;
use tokio::net::TcpListener;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, pki_types::PrivatePkcs8KeyDer},
};

use crate::support::{Names, Run, Site, check_contains, get, network, ok, public};

/// A server that answers with the version of HTTP that it was asked in, or without end. Returns where it is, and its
/// certificate.
async fn tls_site(name: &str, protocols: &[&[u8]]) -> (std::net::SocketAddr, String) {
    let certified = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key.into())
        .expect("a configuration");
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = service_fn(answer);
                let server = auto::Builder::new(TokioExecutor::new());
                // How a connection ends is the client's business.
                let _ended = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    (address, certified.cert.pem())
}

async fn answer(
    request: Request<Incoming>,
) -> Result<Response<UnsyncBoxBody<Bytes, Infallible>>, Infallible> {
    let body = match request.uri().path() {
        "/endless" => {
            let pieces = stream::repeat_with(|| Ok(Frame::data(Bytes::from_static(&[b'x'; 1 << 16]))));
            StreamBody::new(pieces).boxed_unsync()
        }
        _ => Full::new(Bytes::from(format!("{:?}", request.version()))).boxed_unsync(),
    };
    Ok(Response::new(body))
}

fn options(address: std::net::SocketAddr, name: &str, extra_roots: Vec<String>) -> OutboundOptions {
    let names = Names::default();
    names.add(name, &[&[public(1)]]);
    OutboundOptions {
        resolver: Arc::new(names),
        detours: [(public(1), address)].into(),
        extra_roots,
        ..OutboundOptions::default()
    }
}

#[tokio::test]
async fn protocols_are_negotiated() {
    for (protocols, version, reason) in
        [(&[b"h2".as_slice(), b"http/1.1"][..], "HTTP/2.0", ""), (&[b"http/1.1"], "HTTP/1.1", "OK")]
    {
        let (address, root) = tls_site("s.example", protocols).await;
        let mut run = Run::free(options(address, "s.example", vec![root]));
        let answer = run.fetch(get("https://s.example/")).await.expect("an answer");
        assert_eq!(answer.text(), version);
        assert_eq!(answer.response.status_text, reason);
    }
}

#[tokio::test]
async fn what_nobody_reads_does_not_hold_up_the_connection() {
    let (address, root) = tls_site("s.example", &[b"h2"]).await;
    let mut run = Run::free(options(address, "s.example", vec![root]));
    for _ in 0..40 {
        run.open(get("https://s.example/endless")).await.expect("a response");
    }
    assert_eq!(run.fetch(get("https://s.example/")).await.expect("an answer").text(), "HTTP/2.0");
    let (number, _) = run.open(get("https://s.example/endless")).await.expect("a response");
    let mut length = 0;
    while length < 4 << 20 {
        length += run.read(number).await.expect("a piece").expect("there is no end").len();
    }
}

#[tokio::test]
async fn certificates_are_checked() {
    let (address, root) = tls_site("s.example", &[b"h2"]).await;
    let mut run = Run::free(options(address, "s.example", Vec::new()));
    check_contains(
        &run.failure(get("https://s.example/")).await,
        "the TLS certificate of s.example is not trusted: its issuer is unknown",
    );
    let mut run = Run::free(options(address, "t.example", vec![root]));
    check_contains(&run.failure(get("https://t.example/")).await, "it is for another name");

    let plain = Site::serving(|mut connection| async move {
        connection.send("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let mut run = Run::free(options(plain.address, "s.example", Vec::new()));
    check_contains(&run.failure(get("https://s.example/")).await, "does it speak https");
}

#[tokio::test]
async fn names_that_change_reach_nothing_private() {
    let inner = Site::answering(ok("secret")).await;
    let outer = Site::answering(ok("public")).await;
    let loopback = inner.address.ip();
    let names = Names::default();
    names.add("rebinds.example", &[&[public(1)], &[loopback]]);
    names.add("mixed.example", &[&[loopback, public(1), IpAddr::from([10, 0, 0, 1])]]);
    let options = OutboundOptions {
        resolver: Arc::new(names),
        detours: [(public(1), outer.address)].into(),
        ..OutboundOptions::default()
    };
    let mut run = Run::free(options);
    // Both sites listen on ports of their own, so the port has to be the inner one's for it to be hit.
    let rebinds = format!("http://rebinds.example:{}/", inner.address.port());
    let first = run.fetch(get("http://rebinds.example/")).await.expect("an answer");
    assert_eq!(first.text(), "public");
    for url in [rebinds.as_str(), "http://rebinds.example/"] {
        check_contains(&run.failure(get(url)).await, "rebinds.example has no public address");
    }
    let mixed = run.fetch(get("http://mixed.example/")).await.expect("the public one is used");
    assert_eq!(mixed.text(), "public");
    assert_eq!(inner.heard(), []);
}

#[tokio::test]
async fn private_addresses_are_open_if_the_operator_says_so() {
    let inner = Site::answering(ok("inner")).await;
    let url = format!("http://{}/", inner.address);
    check_contains(
        &Run::free(network(&[])).failure(get(&url)).await,
        "127.0.0.1 is a loopback address, and this server connects to public addresses only; its operator can \
         allow others with --fetch-allow-private",
    );
    let mut run = Run::free(OutboundOptions { allow_private: true, ..network(&[]) });
    assert_eq!(run.fetch(get(&url)).await.expect("an answer").text(), "inner");
}
