//! Clients that mean harm, or send what no client should: each is answered properly or left, and the server
//! goes on serving.

use std::{
    io::{self, Write as _},
    net::{Shutdown, TcpStream},
    time::{Duration, Instant},
};

use serde_json::json;

use super::{Server, client::Request, run, text};
use crate::support::{assert_none, note};

/// What is sent as it is, and the statuses that are proper; none: the connection is closed without a word.
fn check_raw(server: &Server, what: &str, bytes: &[u8], expect: &[u16]) -> Option<String> {
    let mut client = server.connect();
    client.patience(Duration::from_secs(10)).expect("set");
    // It may be closed before all of it is written.
    let _closed = client.write(bytes);
    let got = match client.read(bytes.starts_with(b"HEAD")) {
        Ok(answer) => Some(answer.status),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Some(format!("{what}: hangs")),
        Err(_) => None,
    };
    let right = got.map_or(expect.is_empty() || expect.contains(&0), |status| expect.contains(&status));
    (!right).then(|| format!("{what}: {got:?}, expected {expect:?}"))
}

#[test]
fn heads_that_are_wrong() {
    let server = Server::stateless(&[]);
    let get = |more: &str| format!("GET /health HTTP/1.1\r\nhost: localhost\r\n{more}\r\n").into_bytes();
    let many: String = (0..10_000).map(|n| format!("x-{n}: {n}\r\n")).collect();
    let mut complaints = Vec::new();
    let mut check = |what: &str, bytes: Vec<u8>, expect: &[u16]| {
        complaints.extend(check_raw(&server, what, &bytes, expect))
    };
    // 0 stands for a connection that is closed without a word.
    check("10,000 headers", get(&many), &[431]);
    check("a header of 1 MB", get(&format!("x: {}\r\n", "y".repeat(1 << 20))), &[431]);
    check(
        "a path of 1 MB",
        format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "a".repeat(1 << 20)).into(),
        &[414, 431],
    );
    check(
        "a path of 60 KB",
        format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "a".repeat(60_000)).into(),
        &[404],
    );
    check("no HTTP", b"hello\r\n\r\n".to_vec(), &[400]);
    check("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(20), &[400, 0]);
    check("zeros", vec![0; 1000], &[400, 0]);
    check("HTTP/9.9", b"GET /health HTTP/9.9\r\nhost: localhost\r\n\r\n".to_vec(), &[400, 505]);
    check("HTTP/0.9", b"GET /health\r\n\r\n".to_vec(), &[400]);
    check("no host", b"GET /health HTTP/1.1\r\n\r\n".to_vec(), &[400, 403]);
    check("NUL in a header", get("x: a\0b\r\n"), &[400]);
    check("a space before the colon", get("x : a\r\n"), &[400]);
    check("a folded header", get("x: a\r\n b\r\n"), &[400]);
    check("a header without a name", get(": a\r\n"), &[400]);
    check("NUL in the path", b"GET /\0 HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(), &[400]);
    check("a space in the path", b"GET /a b HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(), &[400]);
    check("bare line feeds", b"GET /health HTTP/1.1\nhost: localhost\n\n".to_vec(), &[200, 400]);
    check("a lone carriage return", b"GET /health HTTP/1.1\rhost: localhost\r\r".to_vec(), &[400]);
    check("a tunnel", b"CONNECT localhost:22 HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(), &[400, 404, 405]);
    check(
        "a foreign URI",
        b"GET http://evil.example/health HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(),
        &[200, 400, 403, 404],
    );
    check(
        "an asterisk",
        b"OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(),
        &[200, 204, 400, 404, 405],
    );
    check(
        "path traversal",
        b"GET /../../etc/passwd HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(),
        &[400, 404],
    );
    check("an upgrade", get("connection: upgrade\r\nupgrade: websocket\r\n"), &[200]);
    check("bytes above ASCII", get("x: \u{fc}\r\n"), &[200, 400]);
    check(
        "half of HTTP/2",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
        &[0],
    );
    assert_none(&complaints);
    server.assert_serves();
}

#[test]
fn lengths_that_are_wrong() {
    let server = Server::stateless(&[]);
    let post = |more: &str| format!("POST /api/exec HTTP/1.1\r\nhost: localhost\r\n{more}").into_bytes();
    let mut complaints = Vec::new();
    let mut check = |what: &str, bytes: Vec<u8>, expect: &[u16]| {
        complaints.extend(check_raw(&server, what, &bytes, expect))
    };
    check("two lengths", post("content-length: 1\r\ncontent-length: 2\r\n\r\n12"), &[400]);
    check("a list of lengths", post("content-length: 1, 2\r\n\r\n12"), &[400]);
    check("a negative length", post("content-length: -1\r\n\r\n1"), &[400]);
    check("a signed length", post("content-length: +1\r\n\r\n1"), &[400]);
    check("a hexadecimal length", post("content-length: 0x1\r\n\r\n1"), &[400]);
    check("an endless length", post("content-length: 99999999999999999999\r\n\r\n1"), &[400]);
    check("a huge length", post("content-length: 18446744073709551615\r\n\r\n1"), &[400, 413, 431]);
    check("an unknown coding", post("transfer-encoding: rot13\r\n\r\n1"), &[400, 501]);
    check(
        "chunked, and then not",
        post("transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
        &[400, 501],
    );
    check("a huge chunk", post("transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n1"), &[400]);
    check("a negative chunk", post("transfer-encoding: chunked\r\n\r\n-1\r\n1"), &[400]);
    check("a chunk without its end", post("transfer-encoding: chunked\r\n\r\n1\r\n1x\r\n0\r\n\r\n"), &[400]);
    check(
        "chunks",
        post("transfer-encoding: chunked\r\n\r\n1\r\n1\r\n2;a=b\r\n+2\r\n0\r\nx: y\r\n\r\n"),
        &[202],
    );
    check(
        "HTTP/1.0 chunks",
        b"POST /api/exec HTTP/1.0\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(),
        &[400],
    );
    assert_none(&complaints);
    server.assert_serves();
}

#[test]
fn bodies_that_are_announced_too_large() {
    let server = Server::stateless(&[]);
    let head = "POST /api/exec HTTP/1.1\r\nhost: localhost\r\ncontent-length: 8388609\r\n\r\n1";
    let complaint = check_raw(&server, "more than 8 MB are announced", head.as_bytes(), &[413]);
    assert_eq!(complaint, None);
}

#[test]
fn requests_are_not_smuggled() {
    let server = Server::stateless(&[]);
    let hidden = "GET /hidden HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let ask = |lengths: &str| {
        let mut client = server.connect();
        client.patience(Duration::from_secs(2)).expect("set");
        let request = format!("POST /api/exec HTTP/1.1\r\nhost: localhost\r\n{lengths}\r\n0\r\n\r\n{hidden}");
        client.write(request.as_bytes()).expect("written");
        let first = client.read(false).expect("an answer").status;
        (first, client.read(false).ok().map(|answer| answer.status))
    };
    let both = [
        ask("content-length: 47\r\ntransfer-encoding: chunked\r\n"),
        ask("transfer-encoding: chunked\r\ncontent-length: 47\r\n"),
    ];
    // Either it is refused, or the chunks count, and nothing more is read from this connection.
    assert!(both.iter().all(|(first, second)| [202, 400].contains(first) && second.is_none()), "{both:?}");
    let (first, second) = ask("transfer-encoding: xchunked\r\n");
    assert!([400, 501].contains(&first) && second.is_none(), "{first} {second:?}");
    server.assert_serves();
}

#[test]
fn bodies_that_are_too_large() {
    let server = Server::stateless(&[]);
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(1 << 16));
    let head = "POST /api/exec HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunked = [head, &chunk.repeat(200)].concat();
    let mut complaints: Vec<String> =
        check_raw(&server, "12 MB in chunks", chunked.as_bytes(), &[413]).into_iter().collect();
    for size in [(8 << 20) + 1, 64 << 20] {
        let bytes = Request::post("/api/exec").code(&" ".repeat(size)).bytes("localhost");
        complaints.extend(check_raw(&server, &format!("{size} bytes"), &bytes, &[413]));
    }
    let largest = format!("'{}'", "x".repeat((4 << 20) - 2));
    assert_eq!(
        server.ask(&Request::post("/api/exec?wait=60").code(&largest)).expect(200)["status"],
        "completed"
    );
    assert_none(&complaints);
    assert!(server.memory() < 300 << 10, "{} KB", server.memory());
    server.assert_serves();
}

#[test]
fn clients_that_are_told_to_go_on_are_told_so() {
    let server = Server::stateless(&[]);
    let mut client = server.connect();
    let head = "POST /api/exec?wait=60 HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";
    client.write(head.as_bytes()).expect("written");
    let go_on = "HTTP/1.1 100 Continue";
    let answer = client.read(true).expect("an answer");
    assert_eq!(answer.status, 100, "{go_on}");
    client.write(b"6 * 7").expect("written");
    assert_eq!(text(&client.read(false).expect("an answer").expect(200), "result"), "42");
}

#[test]
fn names_that_mean_something_elsewhere() {
    let server = Server::start(&[]);
    for name in ["..", "/", "../../x", "a\u{2028}b", "%2e%2e", "'; --", "\u{202e}x", "\u{10ffff}", "CON", " "]
    {
        let record = server.run(&json!({ "code": "1", "session": name, "tags": { name: name } }));
        assert_eq!(
            (&record["status"], &record["session_index"]),
            (&json!("completed"), &json!(0)),
            "{name:?}"
        );
        let path: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
        assert_eq!(text(&server.get(&format!("/api/sessions/{path}")).expect(200), "session"), name);
        let found = server.get(&format!("/api/heaps?{path}={path}")).expect(200);
        assert_eq!(found["heaps"][0]["heap"], record["heap"]);
    }
    assert_eq!(server.get("/api/sessions").expect(200)["sessions"].as_array().map(Vec::len), Some(10));
}

#[test]
fn idle_connections_cost_little() {
    let server = Server::stateless(&[]);
    let before = server.memory();
    let idle: Vec<TcpStream> =
        (0..2000).map(|_| TcpStream::connect(server.address).expect("connected")).collect();
    for stream in &idle[..500] {
        (&mut &*stream).write_all(b"GET /hea").expect("written");
    }
    server.assert_serves();
    let each = server.memory().saturating_sub(before) / 2000;
    note(&format!("an idle connection takes {each} KB"));
    assert!(each < 32, "{each} KB");
    drop(idle);
    server.assert_serves();
}

#[test]
fn answers_that_nobody_reads_do_not_keep_others_waiting() {
    let server = Server::stateless(&["--heap-memory-max", "128"]);
    let record = server.code("'x'.repeat(16 << 20)");
    let path = format!("/api/executions/{}", text(&record, "execution_id"));
    let before = server.memory();
    let mut unread: Vec<_> = (0..8).map(|_| server.connect()).collect();
    for client in &mut unread {
        client.write(&Request::get(&path).bytes("localhost")).expect("written");
    }
    let begun = Instant::now();
    for _ in 0..20 {
        server.assert_serves();
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    note(&format!("answers of 16 MB that nobody reads: {} to {} KB", before, server.memory()));
    drop(unread);
}

#[test]
fn random_bytes_are_survived() {
    let mut server = Server::start(&[]);
    let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |end: usize| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        (dice % end as u64) as usize
    };
    let seeds = [
        Request::post("/api/exec?wait=1&session=a").json(&run("1")).bytes("localhost"),
        Request::get("/api/executions?limit=3&cursor=x").header("accept-encoding", "gzip").bytes("localhost"),
        Request::new("PUT", "/api/heaps/x/tags").json(&json!({ "a": "b" })).bytes("localhost"),
        b"POST /api/exec HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n1\r\n1\r\n0\r\n\r\n".to_vec(),
    ];
    for n in 0..1500 {
        let mut bytes = seeds[n % seeds.len()].clone();
        for _ in 0..=below(6) {
            let at = below(bytes.len());
            match below(3) {
                0 => bytes[at] = below(256) as u8,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b"\r\n\0 :;=%/\xff09"[below(11)]),
            }
        }
        let mut stream = TcpStream::connect(server.address).expect("connected");
        stream.write_all(&bytes).expect("written");
        // It may have been closed already.
        let _closed = stream.shutdown(Shutdown::Write);
    }
    server.assert_serves();
    assert!(server.is_alive() && !server.log().contains("panicked"), "{}", server.log());
}
