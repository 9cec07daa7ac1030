//! Decisions of a remote server that behaves, and of some that do not.

use serde_json::json;
use stasis_policy::{Decision, Policies, PolicyFlags, PolicySettings};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::support::{denied, fetch, no};

/// Reads a request up to the end of its body.
async fn request(stream: &mut TcpStream) -> String {
    let mut received = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&received).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            if body.len() >= length.parse().unwrap() {
                return text;
            }
        }
        if stream.read_buf(&mut received).await.unwrap_or(0) == 0 {
            return text;
        }
    }
}

/// A server that answers every request with these bytes, and then closes the connection. Gives its address.
async fn server(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            request(&mut stream).await;
            // Whoever reads no more of a huge answer is free to go.
            let _ = stream.write_all(&answer).await;
        }
    });
    address
}

fn response(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
        .into_bytes()
}

#[tokio::test]
async fn answers() {
    let check = async |answer: Vec<u8>, expect: Decision| {
        let shown = String::from_utf8_lossy(&answer[..answer.len().min(100)]).into_owned();
        let policy = fetch(&[json!({"url": format!("http://user:password@{}", server(answer).await)})]);
        assert!(!format!("{policy:?}").contains("password"));
        assert_eq!(policy.decide(&json!({})).await, expect, "{shown}");
    };
    let ok = |body: &str| response("200 OK", body);
    check(ok(r#"{"result": true}"#), Decision::Allowed).await;
    check(ok(r#"{"result": {"allow": true, "more": 1}, "decision_id": "x"}"#), Decision::Allowed).await;
    check(ok(r#"{"result": false}"#), no()).await;
    check(ok(r#"{"result": {"allow": false}}"#), no()).await;

    check(ok("{}"), denied("data.mcp.fetch is undefined on the policy server")).await;
    check(ok(r#"{"result": {}}"#), denied("data.mcp.fetch.allow is undefined on the policy server")).await;
    let unclear = || denied("data.mcp.fetch on the policy server is neither true nor false");
    for result in ["1", "\"true\"", "[true]", r#"{"allow": "true"}"#] {
        check(ok(&format!(r#"{{"result": {result}}}"#)), unclear()).await;
    }
    let malformed = || denied("the policy server's answer is not one of OPA");
    for body in ["", "true", "[]", "{\"result\": true", "<html>"] {
        check(ok(body), malformed()).await;
    }
    let huge = format!(r#"{{"result": true, "padding": "{}"}}"#, "x".repeat(2 << 20));
    check(ok(&huge), denied("the policy server's answer is larger than 1048576 bytes")).await;
    for status in ["500 Internal Server Error", "404 Not Found", "204 No Content", "201 Created"] {
        let reason = format!("the policy server answered with status {}", &status[..3]);
        check(response(status, r#"{"result": true}"#), denied(&reason)).await;
    }
    let broken = || denied("the policy server broke the connection");
    check(Vec::new(), broken()).await;
    check(b"no HTTP at all\r\n\r\n".to_vec(), broken()).await;
    check(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"result\": true}".to_vec(), broken()).await;
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = server(response("200 OK", r#"{"result": true}"#)).await;
    let answer = format!("HTTP/1.1 307 X\r\nlocation: http://{elsewhere}/\r\ncontent-length: 0\r\n\r\n");
    let policy = fetch(&[json!({"url": format!("http://{}", server(answer.into_bytes()).await)})]);
    assert_eq!(policy.decide(&json!({})).await, denied("the policy server answered with status 307"));
}

#[tokio::test]
async fn nobody_listens() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let policy = fetch(&[json!({"url": format!("http://user:password@{address}")})]);
    assert_eq!(policy.decide(&json!({})).await, denied("the policy server cannot be reached"));
}

#[tokio::test]
async fn what_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://user:password@{}/prefix/", listener.local_addr().unwrap());
    let check = async |document: Option<&str>, expect: &str| {
        let flags = PolicyFlags { opa_url: Some(&url), opa_fetch_policy: document, ..PolicyFlags::default() };
        let policy = Policies::start(&PolicySettings::from_flags(flags).unwrap()).unwrap().fetch().unwrap();
        let input = json!({"method": "GET"});
        let answered = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let request = request(&mut stream).await;
            stream.write_all(&response("200 OK", r#"{"result": true}"#)).await.unwrap();
            request
        };
        let (decision, request) = tokio::join!(policy.decide(&input), answered);
        assert_eq!(decision, Decision::Allowed);
        assert!(request.starts_with(&format!("POST {expect} HTTP/1.1\r\n")), "{request}");
        assert!(request.contains("authorization: Basic dXNlcjpwYXNzd29yZA=="), "{request}");
        assert!(request.ends_with(r#"{"input":{"method":"GET"}}"#), "{request}");
    };
    check(None, "/prefix/v1/data/mcp/fetch").await;
    check(Some("a b/c?/allow"), "/prefix/v1/data/a%20b/c%3F/allow").await;
}

#[tokio::test]
async fn a_connection_that_broke_is_tried_once_more() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let policy = fetch(&[json!({"url": format!("http://{}", listener.local_addr().unwrap())})]);
    let input = json!({});
    let answered = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        request(&mut stream).await;
        drop(stream);
        let (mut stream, _) = listener.accept().await.unwrap();
        request(&mut stream).await;
        stream.write_all(&response("200 OK", r#"{"result": true}"#)).await.unwrap();
    };
    let (decision, ()) = tokio::join!(policy.decide(&input), answered);
    assert_eq!(decision, Decision::Allowed);
}
