//! What is there when the server was stopped, or has crashed, and is started again.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Server, client::Request, run, text};
use crate::support;

const INTERRUPTED: &str = "interrupted by a server restart";

/// Everything that a client can know of a server.
fn everything(server: &Server, heap: &str, id: &str) -> Vec<Value> {
    [
        "/api/executions?limit=1000".to_owned(),
        format!("/api/executions/{id}"),
        format!("/api/executions/{id}/output?line_limit=10000"),
        "/api/sessions".to_owned(),
        "/api/sessions/s".to_owned(),
        format!("/api/heaps/{heap}/tags"),
        "/api/heaps?k=v".to_owned(),
    ]
    .iter()
    .map(|path| server.get(path).expect(200))
    .collect()
}

/// Gives a server something to remember; the heap and the id of a run.
fn fill(server: &Server) -> (String, String) {
    let first = server.run(&json!({ "code": "let n = 1; console.log('é'.repeat(9000)); n", "session": "s" }));
    let tagged = server.run(&json!({ "code": "n += 1", "session": "s", "tags": { "k": "v" } }));
    server.code("throw new Error('thrown')");
    (text(&tagged, "heap").to_owned(), text(&first, "execution_id").to_owned())
}

#[track_caller]
fn check_again(folder: &std::path::Path, heap: &str, id: &str, before: &[Value]) {
    let server = Server::at(folder, &[]);
    assert_eq!(everything(&server, heap, id), before);
    let record = server.run(&json!({ "code": "n + 40", "session": "s" }));
    assert_eq!((text(&record, "result"), &record["session_index"]), ("42", &json!(2)));
}

#[test]
fn a_stopped_server_remembers() {
    let folder = support::folder();
    let mut server = Server::at(folder.path(), &[]);
    let (heap, id) = fill(&server);
    let before = everything(&server, &heap, &id);
    server.terminate();
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
    check_again(folder.path(), &heap, &id, &before);
}

#[test]
fn a_killed_server_remembers() {
    let folder = support::folder();
    let mut server = Server::at(folder.path(), &[]);
    let (heap, id) = fill(&server);
    let before = everything(&server, &heap, &id);
    server.kill();
    check_again(folder.path(), &heap, &id, &before);
}

#[test]
fn what_was_going_on_when_it_was_killed_has_failed() {
    let folder = support::folder();
    let mut server = Server::at(folder.path(), &["--max-concurrent-executions", "1"]);
    let printing =
        server.begin("for (let i = 0;; i++) { console.log(i); await new Promise((r) => setTimeout(r, 1)) }");
    let waiting = server.begin("1");
    let printed = super::until("it prints", || {
        let page = server.get(&format!("/api/executions/{printing}/output")).expect(200);
        (page["total_lines"].as_u64() > Some(20)).then(|| text(&page, "data").to_owned())
    });
    server.kill();
    let server = Server::at(folder.path(), &[]);
    for (id, output) in [(&printing, printed.as_str()), (&waiting, "")] {
        let record = server.end_of(id);
        assert_eq!((text(&record, "status"), text(&record, "error")), ("failed", INTERRUPTED), "{record}");
        assert!(record["completed_at"].is_string() && record["heap"].is_null(), "{record}");
        assert!(text(&record, "output").starts_with(output), "{record}");
        assert_eq!(server.post(&format!("/api/executions/{id}/cancel"), &json!({})).status, 409);
        let page = server.get(&format!("/api/executions/{id}/output?line_limit=10000")).expect(200);
        assert_eq!((&page["status"], &page["has_more"]), (&json!("failed"), &json!(false)));
    }
    server.assert_serves();
}

#[test]
fn a_server_that_stops_lets_executions_end() {
    let folder = support::folder();
    let mut server = Server::at(folder.path(), &["--max-concurrent-executions", "1"]);
    let code = "await new Promise((r) => setTimeout(r, 700)); 'done'";
    let ids = [server.begin(code), server.begin("'waited'")];
    let mut client = server.connect();
    let asked = Request::post("/api/exec?wait=60").json(&json!({ "code": "'asked'", "session": "s" }));
    client.write(&asked.bytes("localhost")).expect("written");
    super::until("three are there", || {
        let list = server.get("/api/executions").expect(200);
        (list["executions"].as_array().map(Vec::len) == Some(3)).then_some(())
    });
    server.terminate();
    assert_eq!(text(&client.read(false).expect("an answer").expect(200), "result"), "asked");
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
    let server = Server::at(folder.path(), &[]);
    for (id, result) in ids.iter().zip(["done", "waited"]) {
        assert_eq!(text(&server.record(id), "result"), result);
    }
    assert_eq!(server.get("/api/sessions/s").expect(200)["entries"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_server_that_stops_ends_executions_after_a_while() {
    let folder = support::folder();
    let mut server =
        Server::at(folder.path(), &["--max-concurrent-executions", "1", "--shutdown-grace", "1"]);
    let ids = [server.begin_endless(), server.begin("'waits'")];
    let mut poll = server.connect();
    poll.write(&Request::get(&format!("/api/executions/{}?wait=60", ids[0])).bytes("localhost"))
        .expect("written");
    super::until("the server has the request", || poll.was_read().expect("a table").then_some(()));
    let mut kept = server.connect();
    assert_eq!(kept.ask(&Request::get("/ready")).expect("an answer").status, 200);
    let begun = Instant::now();
    server.terminate();
    let refused =
        super::until("it accepts no connection", || super::client::Client::connect(server.address).err());
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    let record = poll.read(false).expect("an answer").expect(200);
    assert_eq!(text(&record, "error"), INTERRUPTED);
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
    let took = begun.elapsed();
    assert!(took > Duration::from_secs(1) && took < Duration::from_secs(6), "{took:?}");
    let server = Server::at(folder.path(), &[]);
    for id in &ids {
        let record = server.record(id);
        assert_eq!((text(&record, "status"), text(&record, "error")), ("failed", INTERRUPTED), "{record}");
    }
}

#[test]
fn a_server_that_is_asked_twice_stops_at_once() {
    let mut server = Server::start(&["--shutdown-grace", "3600"]);
    server.begin_endless();
    server.terminate();
    super::until("it accepts no connection", || super::client::Client::connect(server.address).err());
    server.terminate();
    assert_eq!(server.ended().code(), Some(130));
}

#[test]
fn idle_connections_do_not_keep_it_from_stopping() {
    let mut server = Server::start(&["--shutdown-grace", "0"]);
    let mut idle: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for client in &mut idle[..10] {
        client.ask(&Request::post("/api/exec?wait=60").json(&run("1"))).expect("an answer");
    }
    let begun = Instant::now();
    server.terminate();
    assert_eq!(server.ended().code(), Some(0));
    support::note(&format!("stopped after {:?} with idle connections", begun.elapsed()));
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}
