//! Hops: who is asked, what is sent along, and where it ends.

use bytes::Bytes;
use stasis_broker::HeaderRules;
use stasis_core::host::{FetchRequest, RedirectMode, RequestBody};

use crate::support::{Recording, Run, Site, check_contains, get, network, ok, redirect, request};

#[tokio::test]
async fn methods_and_bodies() {
    for (status, method, expect) in [
        (301, "POST", ("GET", "")),
        (302, "POST", ("GET", "")),
        (303, "POST", ("GET", "")),
        (303, "PUT", ("GET", "")),
        (301, "PUT", ("PUT", "body")),
        (302, "DELETE", ("DELETE", "body")),
        (307, "POST", ("POST", "body")),
        (308, "PUT", ("PUT", "body")),
    ] {
        let b = Site::answering(ok("there")).await;
        let a = Site::answering(redirect(status, "http://b.example/x?y#z")).await;
        let mut run = Run::free(network(&[("a.example", &a), ("b.example", &b)]));
        let body = RequestBody::Whole(Bytes::from_static(b"body"));
        let request =
            request(method, "http://a.example/", &[("content-type", "text/plain"), ("x", "y")], body);
        let answer = run.fetch(request).await.expect("an answer");
        assert_eq!(
            (answer.response.url.as_str(), answer.response.redirected),
            ("http://b.example/x?y", true)
        );
        let heard = &b.heard()[0];
        let sent = (heard.method.as_str(), str::from_utf8(&heard.body).expect("text"));
        assert_eq!(sent, expect, "{status} {method}");
        assert_eq!(heard.header("content-type").is_some(), !expect.1.is_empty());
        assert_eq!(heard.header("x"), Some("y"));
    }
    let b = Site::answering("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n").await;
    let a = Site::answering(redirect(303, "http://b.example/")).await;
    let mut run = Run::free(network(&[("a.example", &a), ("b.example", &b)]));
    run.fetch(request("HEAD", "http://a.example/", &[], RequestBody::None)).await.expect("an answer");
    assert_eq!(b.heard()[0].method, "HEAD");
}

#[tokio::test]
async fn credentials_stay_with_their_origin() {
    let headers = [("authorization", "mine"), ("cookie", "c"), ("x-other", "o")];
    for (location, name, expect) in [
        ("http://b.example/", "b", [None, None, Some("o")]),
        ("http://a.example:81/", "a", [None, None, Some("o")]),
        ("/elsewhere", "a", [Some("mine"), Some("c"), Some("o")]),
    ] {
        let end = Site::answering(ok("")).await;
        let a = Site::serving(move |mut connection| async move {
            let Some(received) = connection.receive().await else { return };
            let answer = if received.target == "/" { redirect(302, location) } else { ok("") };
            connection.send(answer).await;
        })
        .await;
        // The port in the URL counts more than the detour's: another port leads nowhere, which is enough.
        let options = network(&[("a.example", &a), ("b.example", &end)]);
        let policy = Recording::new(|_| true);
        let mut run = Run::new(policy.clone(), HeaderRules::default(), options);
        let _answer = run.fetch(request("GET", "http://a.example/", &headers, RequestBody::None)).await;
        let asked = policy.asked().pop().expect("two hops");
        let seen = ["authorization", "cookie", "x-other"].map(|name| asked["headers"][name].as_str());
        assert_eq!(seen, expect, "{location}");
        let heard = if name == "b" { end.heard() } else { a.heard() };
        if !location.contains(":81") {
            let last = heard.last().expect("two hops");
            assert_eq!(["authorization", "cookie", "x-other"].map(|name| last.header(name)), expect);
        }
    }
}

#[tokio::test]
async fn each_hop_is_put_to_the_policy() {
    let b = Site::answering(ok("no")).await;
    let a = Site::answering(redirect(302, "http://b.example/secret")).await;
    let policy = Recording::new(|input| input["url_parsed"]["host"] == "a.example");
    let options = network(&[("a.example", &a), ("b.example", &b)]);
    let mut run = Run::new(policy.clone(), HeaderRules::default(), options);
    assert_eq!(
        run.failure(get("http://a.example/")).await,
        "fetch denied by policy: GET http://b.example/secret is not allowed"
    );
    assert_eq!(policy.asked().len(), 2);
    assert_eq!(b.heard(), []);
}

#[tokio::test]
async fn modes() {
    let with_mode = |redirect| FetchRequest { redirect, ..get("http://a.example/") };
    let a = Site::answering(redirect(302, "http://b.example/")).await;
    let mut run = Run::free(network(&[("a.example", &a)]));
    let answer = run.fetch(with_mode(RedirectMode::Manual)).await.expect("an answer");
    assert_eq!((answer.response.status, answer.response.redirected), (302, false));
    assert_eq!(answer.header("location").as_deref(), Some("http://b.example/"));
    check_contains(&run.failure(with_mode(RedirectMode::Error)).await, "redirect: \"error\"");

    let a = Site::answering("HTTP/1.1 302 Found\r\ncontent-length: 2\r\n\r\nhm").await;
    let mut run = Run::free(network(&[("a.example", &a)]));
    let answer = run.fetch(get("http://a.example/")).await.expect("a redirect to nowhere is a response");
    assert_eq!((answer.response.status, answer.text().as_str()), (302, "hm"));
}

#[tokio::test]
async fn loops_end() {
    let a = Site::answering(redirect(302, "/again")).await;
    let mut run = Run::free(network(&[("a.example", &a)]));
    check_contains(&run.failure(get("http://a.example/")).await, "more than 20 redirects");
    assert_eq!(a.heard().len(), 21);
}

#[tokio::test]
async fn places_that_cannot_be_gone_to() {
    for (location, expect) in [
        ("file:///etc/passwd", "not file:"),
        ("ftp://b.example/", "not ftp:"),
        ("data:text/plain,hello", "not data:"),
        ("javascript:alert(1)", "not javascript:"),
        ("http://user:secret@b.example/", "user name or password"),
        ("http://[::1", "no URL"),
        ("http://127.0.0.1/", "127.0.0.1 is a loopback address"),
        ("http://169.254.169.254/latest/meta-data/", "169.254.169.254 is a link-local address"),
        ("http://2130706433/", "127.0.0.1 is a loopback address"),
        ("//0x7f.1/", "127.0.0.1 is a loopback address"),
        ("http://[::ffff:127.0.0.1]/", "is a loopback address"),
        ("http://internal.example/", "internal.example has no public address"),
    ] {
        let a = Site::answering(redirect(302, location)).await;
        let options = network(&[("a.example", &a)]);
        let names = crate::support::Names::default();
        names.add("a.example", &[&[crate::support::public(1)]]);
        names.add("internal.example", &[&["10.1.2.3".parse().expect("an address")]]);
        let options = stasis_broker::OutboundOptions { resolver: std::sync::Arc::new(names), ..options };
        let message = Run::free(options).failure(get("http://a.example/")).await;
        check_contains(&message, expect);
        assert!(!message.contains("secret") && !message.contains("10.1.2.3"), "{message}");
    }
}

#[tokio::test]
async fn a_stream_cannot_be_sent_again() {
    for (status, method, expect) in [(307, "POST", None), (302, "PUT", None), (303, "POST", Some("GET"))] {
        let b = Site::answering(ok("")).await;
        let a = Site::answering(redirect(status, "http://b.example/")).await;
        let mut run = Run::free(network(&[("a.example", &a), ("b.example", &b)]));
        let number = run.number();
        let fetching =
            run.fetches.fetch(number, request(method, "http://a.example/", &[], RequestBody::Streamed));
        let writing = run.fetches.write_body(number, Some(Bytes::from_static(b"body")));
        let ending = run.fetches.write_body(number, None);
        let (answer, written, ended) = tokio::join!(fetching, writing, ending);
        written.expect("written");
        ended.expect("ended");
        assert_eq!(a.heard()[0].body, b"body");
        match expect {
            None => check_contains(&answer.expect_err("no answer").message, "it was a stream and is gone"),
            Some(method) => {
                answer.expect("an answer");
                assert_eq!(b.heard()[0].method, method);
            }
        }
    }
}
