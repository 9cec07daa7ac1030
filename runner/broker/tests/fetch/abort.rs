//! A script that has lost interest: the connection goes, and with it whatever waits.

use bytes::Bytes;
use futures::FutureExt as _;
use stasis_broker::FetchLimits;
use stasis_core::host::RequestBody;
use tokio::sync::mpsc;

use crate::support::{Run, Site, check_contains, get, network, request, soon};

/// A server that sends something, waits until the other end closes, and reports both.
async fn waiting(sent: &'static str) -> (Site, mpsc::UnboundedReceiver<&'static str>) {
    let (report, events) = mpsc::unbounded_channel();
    let site = Site::serving(move |mut connection| {
        let report = report.clone();
        async move {
            connection.receive_head().await;
            connection.send(sent).await;
            // The test may be over.
            let _over = report.send("asked");
            connection.closed().await;
            let _over = report.send("closed");
        }
    })
    .await;
    (site, events)
}

const BEGINNING: &str = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbeginning";

fn one_at_once() -> FetchLimits {
    FetchLimits { open: 1, ..FetchLimits::default() }
}

#[tokio::test]
async fn dropping_the_question() {
    let (site, mut events) = waiting("").await;
    let mut run = Run::free_within(network(&[("a.example", &site)]), one_at_once());
    for number in 1..4 {
        let fetching = tokio::spawn(run.fetches.fetch(number, get("http://a.example/")));
        assert_eq!(soon(events.recv()).await, Some("asked"));
        fetching.abort();
        assert!(fetching.await.expect_err("it was dropped").is_cancelled());
        assert_eq!(soon(events.recv()).await, Some("closed"));
    }
    // Not even begun.
    drop(run.fetches.fetch(4, get("http://a.example/")));
    drop(run.fetches.fetch(5, get("http://a.example/")));
}

#[tokio::test]
async fn closing_before_the_response() {
    let (site, mut events) = waiting("").await;
    let mut run = Run::free_within(network(&[("a.example", &site)]), one_at_once());
    let fetching = tokio::spawn(run.fetches.fetch(1, get("http://a.example/")));
    assert_eq!(soon(events.recv()).await, Some("asked"));
    soon(run.fetches.close_fetch(1)).await.expect("closed");
    soon(run.fetches.close_fetch(1)).await.expect("closed, and again");
    let error = soon(fetching).await.expect("no panic").expect_err("it was closed");
    assert_eq!(error.message, "fetch failed: it was closed");
    assert_eq!(soon(events.recv()).await, Some("closed"));
}

#[tokio::test]
async fn closing_while_a_piece_is_awaited() {
    let (site, mut events) = waiting(BEGINNING).await;
    let mut run = Run::free_within(network(&[("a.example", &site)]), one_at_once());
    for _ in 0..2 {
        let (number, _) = run.open(get("http://a.example/")).await.expect("a response");
        assert_eq!(soon(events.recv()).await, Some("asked"));
        assert_eq!(run.read(number).await.expect("a piece"), Some(Bytes::from("beginning")));
        // A question that is withdrawn takes nothing with it.
        assert!(run.fetches.read_body(number).now_or_never().is_none());
        let reading = tokio::spawn(run.fetches.read_body(number));
        tokio::task::yield_now().await;
        soon(run.fetches.close_fetch(number)).await.expect("closed");
        soon(reading).await.expect("no panic").expect_err("it was closed");
        assert_eq!(soon(events.recv()).await, Some("closed"));
        check_contains(
            &run.read(number).await.expect_err("nothing there").message,
            "there is nothing to read",
        );
    }
}

#[tokio::test]
async fn the_end_of_a_run_ends_everything() {
    let (site, mut events) = waiting(BEGINNING).await;
    let mut run = Run::free(network(&[("a.example", &site)]));
    run.open(get("http://a.example/")).await.expect("a response");
    assert_eq!(soon(events.recv()).await, Some("asked"));
    drop(run);
    assert_eq!(soon(events.recv()).await, Some("closed"));

    let (site, mut events) = waiting("").await;
    let mut run = Run::free(network(&[("a.example", &site)]));
    let fetching = tokio::spawn(run.fetches.fetch(1, get("http://a.example/")));
    assert_eq!(soon(events.recv()).await, Some("asked"));
    drop(run);
    soon(fetching).await.expect("no panic").expect_err("it was ended");
    assert_eq!(soon(events.recv()).await, Some("closed"));
}

#[tokio::test]
async fn half_a_body_is_not_taken_for_a_whole_one() {
    let (report, mut arrived) = mpsc::channel(1);
    let site = Site::serving(move |mut connection| {
        let report = report.clone();
        async move {
            connection.receive_head().await;
            for _ in 0..2 {
                report.send(connection.receive_chunk().await).await.expect("somebody listens");
            }
        }
    })
    .await;
    let mut run = Run::free(network(&[("a.example", &site)]));
    let streamed = request("POST", "http://a.example/", &[], RequestBody::Streamed);
    let fetching = tokio::spawn(run.fetches.fetch(1, streamed));
    soon(run.fetches.write_body(1, Some(Bytes::from("half")))).await.expect("written");
    assert_eq!(soon(arrived.recv()).await, Some(Some(Some(b"half".to_vec()))));
    drop(run);
    soon(fetching).await.expect("no panic").expect_err("it was ended");
    assert_eq!(soon(arrived.recv()).await, Some(None), "the connection ends, and the body does not");
}
