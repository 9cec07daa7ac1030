//! Clients that are connected and do nothing.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
};

use serde_json::json;

use super::server::Server;

/// Clients of the older transport that stay connected.
const CLIENTS: usize = 500;
/// What they may cost together, in kilobytes.
const BUDGET: u64 = 50 << 10;

#[test]
fn idle_clients_cost_little() {
    let server = Server::start();
    // What is loaded with the first client is not counted.
    let first = connect(&server);
    let before = server.memory();
    let clients: Vec<_> = (0..CLIENTS).map(|_| connect(&server)).collect();
    let cost = server.memory().saturating_sub(before);
    assert!(cost < BUDGET, "{CLIENTS} idle clients cost {cost} kB");
    drop((first, clients));
}

/// A client that has introduced itself.
fn connect(server: &Server) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(&server.authority).expect("it listens");
    let request =
        format!("GET /sse HTTP/1.1\r\nhost: {}\r\naccept: text/event-stream\r\n\r\n", server.authority);
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut events = BufReader::new(stream);
    let endpoint = data(&mut events);
    let info = json!({ "name": "idle", "version": "1" });
    let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info });
    let initialize = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
    post(server, &endpoint, &initialize.to_string());
    assert!(data(&mut events).contains("serverInfo"));
    post(server, &endpoint, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    events
}

/// The data of the next event.
fn data(events: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    loop {
        line.clear();
        assert_ne!(events.read_line(&mut line).expect("it can be read"), 0, "the stream has ended");
        if let Some(data) = line.strip_prefix("data: ") {
            return data.trim_end().to_owned();
        }
    }
}

fn post(server: &Server, path: &str, body: &str) {
    let mut stream = TcpStream::connect(&server.authority).expect("it listens");
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        server.authority,
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
}
