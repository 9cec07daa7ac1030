//! HTTP itself: compression, who may ask, methods that every route has, and connections.

use std::{
    io::{Read as _, Write as _},
    time::{Duration, Instant},
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde_json::json;

use super::{Server, check_error, client::Request, run, text};
use crate::support::assert_none;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut plain).expect("gzip");
    plain
}

#[test]
fn bodies_are_compressed_both_ways() {
    let server = Server::stateless(&[]);
    let body = json!({ "code": "console.log('x'.repeat(5000)); 'ok'" }).to_string();
    let plain = Request::post("/api/exec?wait=60").header("content-type", "application/json");
    let sent = plain.clone().header("content-encoding", "gzip").body(gzip(body.as_bytes()));
    assert_eq!(text(&server.ask(&sent).expect(200), "result"), "ok");
    let answer = server.ask(&sent.header("accept-encoding", "gzip"));
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert!(answer.body.len() < 1000, "{}", answer.body.len());
    let record: serde_json::Value = serde_json::from_slice(&gunzip(&answer.body)).expect("JSON");
    assert_eq!(text(&record, "output").len(), 5001);
    let small = server.ask(&Request::get("/health").header("accept-encoding", "gzip"));
    assert_eq!(small.header("content-encoding"), None);
    let refused = server.ask(&Request::get("/openapi.json").header("accept-encoding", "gzip;q=0"));
    assert_eq!(refused.header("content-encoding"), None);
}

#[test]
fn compressed_bodies_that_are_wrong() {
    let server = Server::stateless(&[]);
    let request = |encoding: &str, body: Vec<u8>| {
        let request = Request::post("/api/exec?wait=60").header("content-type", "text/plain");
        server.ask(&request.header("content-encoding", encoding).body(body))
    };
    let bomb = gzip(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 100_000);
    let code = gzip(b"'code'");
    let mut complaints = Vec::new();
    complaints.extend(check_error("a bomb", &request("gzip", bomb), 413, "too large"));
    complaints.extend(check_error("no gzip", &request("gzip", b"'code'".to_vec()), 400, ""));
    complaints.extend(check_error("half", &request("gzip", code[..code.len() - 9].to_vec()), 400, ""));
    assert_none(&complaints);
    assert!(server.memory() < 200 << 10, "{} KB", server.memory());
    let unknown = request("br", b"x".to_vec());
    assert_eq!(unknown.status, 415);
    assert_none(&check_error("br", &unknown, 415, "").into_iter().collect::<Vec<_>>());
    server.assert_serves();
}

#[test]
fn only_its_own_names_reach_a_local_server() {
    let server = Server::stateless(&["--allowed-host", "Stasis.local", "--allowed-host", "two.local"]);
    let mut complaints = Vec::new();
    let mut check = |headers: &[(&str, &str)], allowed: bool| {
        for path in ["/health", "/api/executions", "/nothing"] {
            let request =
                headers.iter().fold(Request::get(path), |request, (name, value)| request.header(name, value));
            let answer = server.ask(&request);
            if (answer.status != 403) != allowed {
                complaints.push(format!("{path} {headers:?}: {}", answer.status));
            }
            if !allowed {
                complaints.extend(check_error(path, &answer, 403, "does not answer for that Host or Origin"));
            }
        }
    };
    check(&[("host", "localhost")], true);
    check(&[("host", "LOCALHOST:1")], true);
    check(&[("host", "127.0.0.1:80")], true);
    check(&[("host", "[::1]")], true);
    check(&[("host", "stasis.LOCAL:99")], true);
    check(&[("host", "two.local")], true);
    check(&[("host", "evil.example")], false);
    check(&[("host", "localhost.evil.example")], false);
    check(&[("host", "127.0.0.1.nip.io")], false);
    check(&[("host", "")], false);
    check(&[("host", "0.0.0.0")], false);
    check(&[("host", "user@localhost")], true);
    check(&[("host", "localhost"), ("origin", "http://localhost:3000")], true);
    check(&[("host", "localhost"), ("origin", "https://stasis.local")], true);
    check(&[("host", "localhost"), ("origin", "https://evil.example")], false);
    check(&[("host", "localhost"), ("origin", "null")], false);
    check(&[("host", "localhost"), ("origin", "")], false);
    assert_none(&complaints);
}

#[test]
fn two_hosts_are_one_too_many() {
    let server = Server::stateless(&[]);
    let request = Request::get("/health").header("host", "localhost").header("host", "evil.example");
    let status = server.ask(&request).status;
    assert!([400, 403].contains(&status), "{status}");
}

#[test]
fn a_server_for_the_network_answers_for_every_name() {
    let server = Server::stateless(&["--host", "0.0.0.0"]);
    let request =
        Request::get("/health").header("host", "any.example").header("origin", "https://evil.example");
    let answer = server.ask(&request);
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, None));
    let named = Server::stateless(&["--host", "0.0.0.0", "--allowed-host", "any.example"]);
    assert_eq!(named.ask(&request).status, 403);
    assert_eq!(named.ask(&Request::get("/health").header("host", "any.example")).status, 200);
}

#[test]
fn pages_may_ask_when_they_are_allowed_to() {
    let off = Server::stateless(&[]);
    let ask = |server: &Server, method: &str, origin: &str| {
        let request = Request::new(method, "/api/exec").header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        let answer = server.ask(&request.header("access-control-request-headers", "content-type, prefer"));
        let allowed = answer.header("access-control-allow-origin").map(str::to_owned);
        (answer.status, allowed, answer.header("access-control-allow-methods").map(str::to_owned))
    };
    assert_eq!(ask(&off, "OPTIONS", "http://localhost:5173"), (405, None, None));
    let on = Server::stateless(&[
        "--cors-origin",
        "https://app.example",
        "--cors-origin",
        "http://localhost:5173",
    ]);
    let methods = Some("GET,POST,PUT,DELETE".to_owned());
    for origin in ["http://localhost:5173", "https://app.example"] {
        let (status, allowed, listed) = ask(&on, "OPTIONS", origin);
        assert_eq!((status, allowed.as_deref(), &listed), (200, Some(origin), &methods));
    }
    assert_eq!(ask(&on, "OPTIONS", "https://other.example"), (403, None, None));
    assert_eq!(ask(&on, "GET", "http://localhost:5173").1.as_deref(), Some("http://localhost:5173"));
    assert_eq!(ask(&on, "GET", "http://localhost:9999").1, None);
}

#[test]
fn head_and_options_are_answered() {
    let server = Server::stateless(&[]);
    let mut client = server.connect();
    for path in ["/health", "/ready", "/openapi.json", "/api/executions"] {
        let get = client.ask(&Request::get(path)).expect("an answer");
        let head = client.ask(&Request::new("HEAD", path)).expect("an answer");
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("content-length"), get.header("content-length"), "{path}");
    }
    let options = client.ask(&Request::new("OPTIONS", "/api/exec")).expect("an answer");
    assert_eq!((options.status, options.header("allow")), (405, Some("POST")));
    let head = client.ask(&Request::new("HEAD", "/nothing")).expect("an answer");
    assert_eq!(head.status, 404);
}

#[test]
fn connections_are_kept_and_requests_wait_in_line() {
    let server = Server::stateless(&[]);
    let mut client = server.connect();
    for n in 0..100 {
        let answer = client.ask(&Request::post("/api/exec?wait=60").json(&run(&n.to_string())));
        assert_eq!(text(&answer.expect("an answer").expect(200), "result"), n.to_string());
    }
    // Twenty at once, some of them refused; the answers come in order.
    let request = |n: u32| match n % 3 {
        0 => Request::post("/api/exec?wait=60").code("{"),
        1 => Request::post("/api/exec?wait=x").code("1"),
        _ => Request::post("/api/exec?wait=60").json(&run(&n.to_string())),
    };
    let all: Vec<u8> = (0..20).flat_map(|n| request(n).bytes("localhost")).collect();
    client.write(&all).expect("written");
    for n in 0..20 {
        let answer = client.read(false).expect("an answer");
        match n % 3 {
            0 => assert_eq!(answer.expect(200)["status"], "failed"),
            1 => assert_eq!(answer.status, 400),
            _ => assert_eq!(text(&answer.expect(200), "result"), n.to_string()),
        }
    }
    let closed = client.ask(&Request::get("/health").header("connection", "close")).expect("an answer");
    assert_eq!((closed.status, client.is_closed().expect("no error")), (200, true));
    let mut old = server.connect();
    old.write(b"GET /health HTTP/1.0\r\nhost: localhost\r\n\r\n").expect("written");
    assert_eq!(old.read(false).expect("an answer").status, 200);
    assert!(old.is_closed().expect("no error"));
}

#[test]
fn slow_clients_are_left_after_a_while() {
    let server = Server::stateless(&[]);
    let mut slow_head = server.connect();
    let mut slow_body = server.connect();
    let mut chunked = server.connect();
    let begun = Instant::now();
    slow_head.write(b"GET /health HTTP/1.1\r\nhost: loc").expect("written");
    let head = "POST /api/exec HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\n";
    slow_body.write(format!("{head}content-length: 100\r\n\r\nconst").as_bytes()).expect("written");
    chunked.write(format!("{head}transfer-encoding: chunked\r\n\r\n5\r\nco").as_bytes()).expect("written");
    server.assert_serves();
    assert!(slow_head.is_closed().expect("no error"), "after {:?}", begun.elapsed());
    let took = begun.elapsed();
    assert!(took > Duration::from_secs(20) && took < Duration::from_secs(45), "{took:?}");
    for client in [&mut slow_body, &mut chunked] {
        let answer = client.read(false).expect("an answer");
        assert!(begun.elapsed() < Duration::from_secs(50), "{:?}", begun.elapsed());
        assert!([400, 408].contains(&answer.status), "{}", answer.status);
        assert_none(&check_error("slow body", &answer, 408, "").into_iter().collect::<Vec<_>>());
    }
    server.assert_serves();
}
