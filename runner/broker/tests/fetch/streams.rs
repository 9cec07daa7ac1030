//! Bodies in pieces, both ways, and how much of them is on its way at most.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use stasis_core::host::{HostAnswer, MAX_CHUNK_BYTES, RequestBody};
use tokio::sync::mpsc;

use crate::support::{Run, Site, check_contains, get, network, ok, request, soon};

/// More than the buffers of sockets and protocols hold together.
const MANY_BYTES: usize = 48 << 20;
/// Within this time, a piece that can go its way does.
const MOMENT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_request_body_arrives_while_it_is_written() {
    let (report, mut arrived) = mpsc::unbounded_channel();
    let site = Site::serving(move |mut connection| {
        let report = report.clone();
        async move {
            let head = connection.receive_head().await.expect("a request");
            assert_eq!(head.header("transfer-encoding"), Some("chunked"));
            while let Some(Some(chunk)) = connection.receive_chunk().await {
                report.send(chunk).expect("somebody listens");
            }
            connection.send(ok("thanks")).await;
        }
    })
    .await;
    let mut run = Run::free(network(&[("a.example", &site)]));
    let number = run.number();
    let fetching =
        run.fetches.fetch(number, request("POST", "http://a.example/", &[], RequestBody::Streamed));
    let fetching = tokio::spawn(fetching);
    for piece in ["one", "two"] {
        soon(run.fetches.write_body(number, Some(Bytes::from(piece)))).await.expect("written");
        assert_eq!(soon(arrived.recv()).await.expect("it arrives"), piece.as_bytes());
    }
    soon(run.fetches.write_body(number, Some(Bytes::new()))).await.expect("nothing is written");
    soon(run.fetches.write_body(number, None)).await.expect("ended");
    soon(fetching).await.expect("no panic").expect("an answer");
    assert_eq!(run.read_all(number).await.expect("a body"), b"thanks");
}

#[tokio::test]
async fn what_cannot_be_written() {
    let site = Site::answering(ok("")).await;
    let mut run = Run::free(network(&[("a.example", &site)]));
    let write = |run: &mut Run, number, chunk| soon(run.fetches.write_body(number, chunk));
    let piece = |length| Some(Bytes::from(vec![0; length]));

    let message = write(&mut run, 9, piece(1)).await.expect_err("nothing is open").message;
    check_contains(&message, "there is nothing to read or write (number 9)");
    let streamed = || request("POST", "http://a.example/", &[], RequestBody::Streamed);
    let _fetching = run.fetches.fetch(1, streamed());
    let message = write(&mut run, 1, piece(MAX_CHUNK_BYTES + 1)).await.expect_err("too large").message;
    check_contains(&message, "more than 1048576 bytes");
    assert_eq!(write(&mut run, 1, piece(MAX_CHUNK_BYTES)).await, Ok(HostAnswer::Done));
    let _ending = run.fetches.write_body(1, None);
    let message = write(&mut run, 1, piece(1)).await.expect_err("it has ended").message;
    check_contains(&message, "does not take any more");
    let message = soon(run.fetches.fetch(1, streamed())).await.expect_err("the number is taken").message;
    check_contains(&message, "already");
}

#[tokio::test]
async fn who_writes_waits_for_who_reads() {
    let (_hold, held) = tokio::sync::watch::channel(());
    let site = Site::serving(move |mut connection| {
        let mut held = held.clone();
        async move {
            connection.receive_head().await;
            // Until the test is over.
            let _over = held.changed().await;
        }
    })
    .await;
    let mut run = Run::free(network(&[("a.example", &site)]));
    let number = run.number();
    let fetching =
        run.fetches.fetch(number, request("POST", "http://a.example/", &[], RequestBody::Streamed));
    let fetching = tokio::spawn(fetching);
    let piece = Bytes::from(vec![0; MAX_CHUNK_BYTES]);
    let mut written = 0;
    while let Ok(done) =
        tokio::time::timeout(MOMENT, run.fetches.write_body(number, Some(piece.clone()))).await
    {
        done.expect("written");
        written += piece.len();
        assert!(written < MANY_BYTES, "nobody reads all that");
    }
    assert!(written > 0);
    drop(run);
    soon(fetching).await.expect("no panic").expect_err("it was ended");
}

#[tokio::test]
async fn who_sends_waits_for_who_reads() {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let (report, mut stalled) = mpsc::channel(1);
    let site = Site::serving(move |mut connection| {
        let (count, report) = (Arc::clone(&count), report.clone());
        async move {
            connection.receive().await;
            connection.send("HTTP/1.1 200 OK\r\n\r\n").await;
            let piece = [b'x'; 1 << 16];
            while tokio::time::timeout(MOMENT, connection.send(piece)).await == Ok(true) {
                count.fetch_add(piece.len(), Ordering::Relaxed);
            }
            report.send(()).await.expect("somebody listens");
            connection.closed().await;
            report.send(()).await.expect("somebody listens");
        }
    })
    .await;
    let mut run = Run::free(network(&[("a.example", &site)]));
    let (number, _) = run.open(get("http://a.example/")).await.expect("a response");
    soon(stalled.recv()).await.expect("the server cannot go on");
    let sent = sent.load(Ordering::Relaxed);
    assert!(sent < MANY_BYTES, "{sent} bytes were taken though nobody reads");
    soon(run.fetches.close_fetch(number)).await.expect("closed");
    soon(stalled.recv()).await.expect("the connection is closed");
}
