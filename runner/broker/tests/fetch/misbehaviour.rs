//! Servers that do not keep to the rules.

use std::{io::Write as _, sync::Arc, time::Duration};

use flate2::{Compress, Compression, FlushCompress, write::GzEncoder};
use stasis_broker::{FetchLimits, OutboundOptions};
use tokio::sync::mpsc;

use crate::support::{Names, Run, Site, check_contains, get, network, ok, public, soon};

/// Fetches from a server that sends this to whatever is asked, and then closes.
async fn check(response: impl Into<Vec<u8>>, expect: &str) {
    let site = Site::answering(response).await;
    let mut run = Run::free(network(&[("a.example", &site)]));
    let message = run.failure(get("http://a.example/")).await;
    check_contains(&message, "fetch failed: ");
    check_contains(&message, expect);
    for internal in ["hyper", "reqwest", "Error", "os error", "kind"] {
        assert!(!message.contains(internal), "{message}");
    }
}

#[tokio::test]
async fn what_is_not_http() {
    check("", "closed the connection before its response was complete").await;
    check("HTTP/1.1 200 OK\r\nx: y", "closed the connection before its response was complete").await;
    check("SSH-2.0-OpenSSH_9.6\r\n", "not valid HTTP").await;
    check("HTTP/1.1 999999 What\r\n\r\n", "not valid HTTP").await;
    check("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "not valid HTTP").await;
    check("HTTP/1.1 200 OK\r\nx y: z\r\n\r\n", "not valid HTTP").await;
    check("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", "not valid HTTP").await;
    check("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx", "not valid HTTP").await;
    check("HTTP/1.1 999 What\r\ncontent-length: 0\r\n\r\n", "status 999").await;
    check("HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n", "status 101").await;
}

#[tokio::test]
async fn bodies_that_are_not_what_they_say() {
    let head = "HTTP/1.1 200 OK\r\n";
    let closed = "closed the connection before its response was complete";
    check(format!("{head}content-length: 100\r\n\r\nshort"), closed).await;
    check(format!("{head}transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"), closed).await;
    check(format!("{head}transfer-encoding: chunked\r\n\r\n5\r\nhel"), closed).await;
    check(format!("{head}transfer-encoding: chunked\r\n\r\nnot hex\r\n"), "not valid HTTP").await;
    for encoding in ["gzip", "deflate", "br"] {
        let garbage = format!("{head}content-encoding: {encoding}\r\ncontent-length: 9\r\n\r\nnot a zip");
        check(garbage, "cannot be decompressed").await;
    }
}

#[tokio::test]
async fn more_than_it_says_is_cut_off() {
    let site =
        Site::answering("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n\r\n").await;
    let mut run = Run::free(network(&[("a.example", &site)]));
    for _ in 0..3 {
        assert_eq!(run.fetch(get("http://a.example/")).await.expect("an answer").text(), "hello");
    }
}

#[tokio::test]
async fn provisional_responses_are_passed_over() {
    let site = Site::answering(format!("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n{}", ok("done"))).await;
    let mut run = Run::free(network(&[("a.example", &site)]));
    assert_eq!(run.fetch(get("http://a.example/")).await.expect("an answer").text(), "done");
}

#[tokio::test]
async fn huge_headers() {
    let with = |header: String| format!("HTTP/1.1 200 OK\r\n{header}content-length: 0\r\n\r\n");
    check(with(format!("x: {}\r\n", "y".repeat(80_000))), "response's headers have more than 65536 bytes")
        .await;
    check(with(format!("x: {}\r\n", "y".repeat(1 << 20))), "are too large").await;
    check(with("x: y\r\n".repeat(1000)), "are too large").await;
}

#[tokio::test]
async fn silence() {
    let briefly = Duration::from_millis(100);
    let before = FetchLimits { headers_within: briefly, ..FetchLimits::default() };
    let after = FetchLimits { idle: briefly, ..FetchLimits::default() };
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello";
    for (sent, limits, expect) in [
        ("", &before, "no response came within 0.1 s"),
        ("HTTP/1.1 200 OK\r\nx: ", &before, "no response came within 0.1 s"),
        (half, &after, "nothing more of the response came within 0.1 s"),
    ] {
        let (report, mut closed) = mpsc::channel(1);
        let site = Site::serving(move |mut connection| {
            let report = report.clone();
            async move {
                connection.receive().await;
                connection.send(sent).await;
                connection.closed().await;
                report.send(()).await.expect("somebody waits");
            }
        })
        .await;
        let mut run = Run::free_within(network(&[("a.example", &site)]), limits.clone());
        check_contains(&run.failure(get("http://a.example/")).await, expect);
        soon(closed.recv()).await.expect("the connection is closed");
    }
}

#[tokio::test]
async fn endless_bodies() {
    let (report, mut closed) = mpsc::channel(1);
    let site = Site::serving(move |mut connection| {
        let report = report.clone();
        async move {
            connection.receive().await;
            connection.send("HTTP/1.1 200 OK\r\n\r\n").await;
            while connection.send([b'x'; 1 << 16]).await {}
            report.send(()).await.expect("somebody waits");
        }
    })
    .await;
    let limits = FetchLimits { response_bytes: 5 << 20, ..FetchLimits::default() };
    let mut run = Run::free_within(network(&[("a.example", &site)]), limits);
    check_contains(
        &run.failure(get("http://a.example/")).await,
        "the response has more than 5242880 bytes (decompressed), the most for one fetch",
    );
    soon(closed.recv()).await.expect("the connection is closed");
}

/// Ten gigabytes of zeros in ten megabytes. After a full flush, a compressor starts anew, so that what it
/// wrote for one piece can be repeated.
fn bomb() -> Vec<u8> {
    const PIECE_BYTES: usize = 1 << 20;
    const PIECES: usize = 10 << 10;
    const GZIP_HEADER: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\xff";

    let mut piece = Vec::with_capacity(PIECE_BYTES);
    Compress::new(Compression::best(), false)
        .compress_vec(&vec![0; PIECE_BYTES], &mut piece, FlushCompress::Full)
        .expect("to memory");
    let length = GZIP_HEADER.len() + piece.len() * PIECES;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {length}\r\n\r\n");
    [head.as_bytes(), GZIP_HEADER, &piece.repeat(PIECES)].concat()
}

#[tokio::test]
async fn bombs_are_counted_as_they_unfold() {
    let site = Site::answering(bomb()).await;
    let limits = FetchLimits { response_bytes: 20 << 20, ..FetchLimits::default() };
    let mut run = Run::free_within(network(&[("a.example", &site)]), limits);
    check_contains(&run.failure(get("http://a.example/")).await, "more than 20971520 bytes (decompressed)");
}

#[tokio::test]
async fn what_is_decompressed_no_longer_says_that_it_is_compressed() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&b"hello ".repeat(100_000)).expect("to memory");
    let packed = packed.finish().expect("to memory");
    let mut response =
        format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", packed.len())
            .into_bytes();
    response.extend(packed);
    let site = Site::answering(response).await;
    let mut run = Run::free(network(&[("a.example", &site)]));
    let answer = run.fetch(get("http://a.example/")).await.expect("an answer");
    assert_eq!(answer.body, b"hello ".repeat(100_000));
    assert_eq!((answer.header("content-encoding"), answer.header("content-length")), (None, None));
    assert_eq!(
        site.heard()[0].header("accept-encoding").map(|accepted| accepted.contains("gzip")),
        Some(true)
    );
}

#[tokio::test]
async fn nobody_there() {
    // The port is taken, so that nobody else gets it, but nobody listens.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("bind");
    let names = Names::default();
    names.add("gone.example", &[&[public(1)]]);
    let detours = [(public(1), socket.local_addr().expect("an address"))].into();
    let mut run =
        Run::free(OutboundOptions { resolver: Arc::new(names), detours, ..OutboundOptions::default() });
    check_contains(&run.failure(get("http://gone.example/")).await, "gone.example refused the connection");
    check_contains(
        &run.failure(get("http://never.example/")).await,
        "the host name never.example cannot be resolved",
    );
}

#[tokio::test]
async fn no_connection_in_time() {
    // A listener whose queue is full lets nobody in, and turns nobody away.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("bind");
    let listener = socket.listen(0).expect("listen");
    let address = listener.local_addr().expect("an address");
    let _queued = tokio::net::TcpStream::connect(address).await.expect("the one that fits");
    let site = Site::answering("").await;
    let mut options = network(&[("full.example", &site)]);
    options.detours.insert(public(1), address);
    let options = OutboundOptions { connect_within: Duration::from_millis(100), ..options };
    check_contains(
        &Run::free(options).failure(get("http://full.example/")).await,
        "no connection to full.example came about in time",
    );
}
