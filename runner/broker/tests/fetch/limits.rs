//! How much a run may fetch.

use bytes::Bytes;
use futures::future::join_all;
use stasis_broker::FetchLimits;
use stasis_core::host::RequestBody;
use tokio::sync::watch;

use crate::support::{Run, Site, check_contains, get, network, ok, request, soon};

/// A server that answers nobody before the gate opens.
async fn gated() -> (Site, watch::Sender<bool>) {
    let (gate, opens) = watch::channel(false);
    let site = Site::serving(move |mut connection| {
        let mut opens = opens.clone();
        async move {
            connection.receive().await;
            opens.wait_for(|open| *open).await.expect("the gate stays");
            connection.send(ok("at last")).await;
        }
    })
    .await;
    (site, gate)
}

#[tokio::test]
async fn two_hundred_at_once() {
    for (open, expect) in [(200, 200), (64, 64)] {
        let (site, gate) = gated().await;
        let limits = FetchLimits { open, ..FetchLimits::default() };
        let mut run = Run::free_within(network(&[("a.example", &site)]), limits);
        let fetching: Vec<_> =
            (1..=200).map(|number| run.fetches.fetch(number, get("http://a.example/"))).collect();
        gate.send(true).expect("servers wait");
        let answers = soon(join_all(fetching)).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), expect);
        for refused in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            check_contains(&refused.message, "64 fetches are open, and a run may not have more at once");
        }
        for number in 1..=expect {
            let number = u32::try_from(number).expect("a small number");
            assert_eq!(run.read_all(number).await.expect("a body"), b"at last");
        }
        let number = soon(run.fetches.fetch(1000, get("http://a.example/"))).await;
        number.expect("there is room again");
    }
}

#[tokio::test]
async fn so_many_and_no_more() {
    let site = Site::answering(ok("x")).await;
    let limits = FetchLimits { total: 3, ..FetchLimits::default() };
    let mut run = Run::free_within(network(&[("a.example", &site)]), limits);
    run.fetch(get("http://a.example/")).await.expect("an answer");
    run.failure(get("ftp://a.example/")).await;
    run.fetch(get("http://a.example/")).await.expect("an answer");
    check_contains(&run.failure(get("http://a.example/")).await, "a run may fetch 3 times");
    assert_eq!(site.heard().len(), 2);
}

#[tokio::test]
async fn bytes_of_a_response_and_of_all() {
    let site = Site::answering(ok(&"x".repeat(1000))).await;
    let limits = FetchLimits { response_bytes: 999, ..FetchLimits::default() };
    let mut run = Run::free_within(network(&[("a.example", &site)]), limits);
    check_contains(&run.failure(get("http://a.example/")).await, "the response has more than 999 bytes");

    let limits = FetchLimits { response_bytes: 1000, run_response_bytes: 2500, ..FetchLimits::default() };
    let mut run = Run::free_within(network(&[("a.example", &site)]), limits);
    for _ in 0..2 {
        assert_eq!(run.fetch(get("http://a.example/")).await.expect("an answer").body.len(), 1000);
    }
    check_contains(
        &run.failure(get("http://a.example/")).await,
        "responses of this run have more than 2500 bytes",
    );
}

#[tokio::test]
async fn bytes_of_a_request() {
    let site = Site::answering(ok("x")).await;
    let limits = FetchLimits { request_bytes: 10, ..FetchLimits::default() };
    let mut run = Run::free_within(network(&[("a.example", &site)]), limits);
    let post = |body| request("POST", "http://a.example/", &[], body);
    let expect = "the request's body has more than 10 bytes, the most for one fetch";
    check_contains(&run.failure(post(RequestBody::Whole(Bytes::from(vec![0; 11])))).await, expect);
    run.fetch(post(RequestBody::Whole(Bytes::from(vec![0; 10])))).await.expect("an answer");

    let number = run.number();
    let fetching = tokio::spawn(run.fetches.fetch(number, post(RequestBody::Streamed)));
    soon(run.fetches.write_body(number, Some(Bytes::from(vec![0; 6])))).await.expect("written");
    let error = soon(run.fetches.write_body(number, Some(Bytes::from(vec![0; 6])))).await;
    check_contains(&error.expect_err("too much").message, expect);
    let error = soon(fetching).await.expect("no panic").expect_err("half a body gets no answer");
    assert_eq!(error.message, "fetch failed: the request's body was not sent to its end");
    assert_eq!(site.heard().len(), 1);
}
