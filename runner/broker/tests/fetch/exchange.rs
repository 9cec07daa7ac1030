//! What goes over the wire, what comes back, and what the policy is asked.

use bytes::Bytes;
use serde_json::json;
use stasis_broker::HeaderRules;
use stasis_core::host::{FetchRequest, RequestBody};

use crate::support::{Recording, Run, Site, check_contains, get, network, ok, request};

#[tokio::test]
async fn a_request_and_its_response() {
    let site = Site::answering(
        "HTTP/1.1 201 Made it\r\nx-one: 1\r\nset-cookie: a\r\nset-cookie: b\r\ncontent-length: 5\r\n\r\nhello",
    )
    .await;
    let policy = Recording::new(|_| true);
    let mut run = Run::new(policy.clone(), HeaderRules::default(), network(&[("a.example", &site)]));
    let body = RequestBody::Whole(Bytes::from_static(b"{}"));
    let headers = [("content-type", "application/json"), ("x-two", "1"), ("x-two", "2")];
    let answer =
        run.fetch(request("post", "http://A.example/x?y#z", &headers, body)).await.expect("an answer");
    assert_eq!((answer.response.status, answer.response.status_text.as_str()), (201, "Made it"));
    assert_eq!((answer.response.url.as_str(), answer.response.redirected), ("http://a.example/x?y", false));
    assert_eq!(answer.text(), "hello");
    let cookies = answer.response.headers.iter().filter(|header| header.name == "set-cookie");
    assert_eq!(cookies.map(|header| &header.value[..]).collect::<Vec<_>>(), [b"a", b"b"]);

    let heard = &site.heard()[0];
    assert_eq!((heard.method.as_str(), heard.target.as_str()), ("POST", "/x?y"));
    assert_eq!(heard.all("host"), ["a.example"]);
    assert_eq!(heard.all("x-two"), ["1", "2"]);
    assert_eq!(heard.header("content-type"), Some("application/json"));
    assert!(heard.header("user-agent").expect("one").starts_with("stasis/"));
    assert_eq!(heard.body, b"{}");
    assert_eq!(
        policy.asked(),
        [json!({
            "operation": "fetch",
            "url": "http://a.example/x?y",
            "method": "POST",
            "headers": { "content-type": "application/json", "x-two": "1, 2" },
            "url_parsed": { "scheme": "http", "host": "a.example", "port": 80, "path": "/x", "query": "y" },
        })]
    );
}

#[tokio::test]
async fn a_denial_says_what_is_promised() {
    let site = Site::answering(ok("no")).await;
    for (reason, expect) in [
        (None, "fetch denied by policy: GET http://a.example/x?y is not allowed"),
        (
            Some("rule data.mcp.fetch.allow is undefined"),
            "fetch denied by policy: GET http://a.example/x?y is not allowed (rule data.mcp.fetch.allow is undefined)",
        ),
    ] {
        let options = network(&[("a.example", &site)]);
        let mut run = Run::new(Recording::denying(reason), HeaderRules::default(), options);
        assert_eq!(run.failure(get("http://a.example/x?y#z")).await, expect);
    }
    assert_eq!(site.heard(), []);
}

#[tokio::test]
async fn responses_without_a_body() {
    for (method, response, status) in [
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\ncontent-encoding: gzip\r\n\r\n", 200),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", 204),
        ("GET", "HTTP/1.1 304 Not Modified\r\n\r\n", 304),
    ] {
        let site = Site::answering(response).await;
        let mut run = Run::free(network(&[("a.example", &site)]));
        let (number, response) =
            run.open(request(method, "http://a.example/", &[], RequestBody::None)).await.expect("a response");
        assert_eq!((response.status, response.has_body), (status, false));
        check_contains(
            &run.read(number).await.expect_err("nothing there").message,
            "there is nothing to read",
        );
    }
}

#[tokio::test]
async fn requests_that_cannot_be_made() {
    let site = Site::answering(ok("no")).await;
    let mut run = Run::free(network(&[("a.example", &site)]));
    let url = "http://a.example/";
    let body = || RequestBody::Whole(Bytes::from_static(b"x"));
    let cases: [(FetchRequest, &str); 20] = [
        (get("a.example"), "the URL is not valid"),
        (get("ftp://a.example/"), "only http: and https:"),
        (get("file:///etc/passwd"), "not file:"),
        (get("http://user@a.example/"), "user name or password"),
        (get("http://:secret@a.example/"), "user name or password"),
        (get(format!("http://a.example/{}", "x".repeat(40_000))), "the URL has more than"),
        (request("CONNECT", url, &[], RequestBody::None), "CONNECT is not allowed"),
        (request("trace", url, &[], RequestBody::None), "trace is not allowed"),
        (request("GET /", url, &[], RequestBody::None), "the method is not valid"),
        (request("GET", url, &[], body()), "GET request cannot have a body"),
        (request("HEAD", url, &[], RequestBody::Streamed), "HEAD request cannot have a body"),
        (request("POST", url, &[("host", "b.example")], body()), "host cannot be set"),
        (request("POST", url, &[("content-length", "2")], body()), "content-length cannot be set"),
        (
            request("POST", url, &[("transfer-encoding", "chunked")], body()),
            "transfer-encoding cannot be set",
        ),
        (request("POST", url, &[("proxy-authorization", "x")], body()), "proxy-authorization cannot be set"),
        (request("POST", url, &[("x y", "x")], body()), "name is not valid"),
        (request("POST", url, &[("x", "a\r\nhost: b")], body()), "the value of the header x is not valid"),
        (request("POST", url, &[("x", "a\0b")], body()), "the value of the header x is not valid"),
        (request("POST", url, &[("x", &"a".repeat(70_000))], body()), "headers have more than 65536 bytes"),
        (request("POST", url, &[("x", "a"); 300], body()), "more than 256 header lines"),
    ];
    for (request, expect) in cases {
        let message = run.failure(request).await;
        check_contains(&message, "fetch failed: ");
        check_contains(&message, expect);
        assert!(!message.contains("secret"), "{message}");
    }
    assert_eq!(site.heard(), []);
}

#[tokio::test]
async fn a_length_that_is_right_may_be_stated() {
    let site = Site::answering(ok("yes")).await;
    let mut run = Run::free(network(&[("a.example", &site)]));
    let body = RequestBody::Whole(Bytes::from_static(b"four"));
    run.fetch(request("PUT", "http://a.example/", &[("content-length", "4")], body))
        .await
        .expect("an answer");
    assert_eq!(site.heard()[0].all("content-length"), ["4"]);
}
