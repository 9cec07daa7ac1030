//! What one caller may use, and what it cannot do to the others.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{Server, client::Request, run, text, until};
use crate::support;

/// The number of an instant in a record.
fn milliseconds(record: &Value, field: &str) -> f64 {
    let time = text(record, field).trim_end_matches('Z').rsplit('T').next().expect("a time").to_owned();
    time.split(':').fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().expect("a number")) * 1000.0
}

#[test]
fn more_than_may_wait_are_refused_at_once() {
    let server = Server::start(&["--max-concurrent-executions", "1", "--queue-max", "3"]);
    let endless = server.begin_endless();
    let waiting: Vec<String> = (0..3).map(|n| server.begin(&n.to_string())).collect();
    for path in ["/api/exec", "/api/exec?wait=60"] {
        let begun = Instant::now();
        let answer = server.post(path, &run("'one too many'"));
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        let retry: Option<u64> = answer.header("retry-after").and_then(|seconds| seconds.parse().ok());
        assert!(retry.is_some_and(|seconds| seconds >= 1), "{:?}", answer.headers);
        assert!(text(&answer.expect(429), "error").contains("too many executions are waiting"));
    }
    let list = server.get("/api/executions").expect(200);
    assert_eq!(list["executions"].as_array().map(Vec::len), Some(4));
    assert!(String::from_utf8_lossy(&server.get("/metrics").body).contains("stasis_runs_waiting 3\n"));
    server.post(&format!("/api/executions/{}/cancel", waiting[1]), &json!({})).expect(200);
    let takes_the_place = || (server.post("/api/exec", &run("1")).status == 202).then_some(());
    until("there is room for another one", takes_the_place);
    server.post(&format!("/api/executions/{endless}/cancel"), &json!({})).expect(200);
    let expect = ["completed", "cancelled", "completed"];
    assert_eq!(
        waiting.iter().map(|id| text(&server.end_of(id), "status").to_owned()).collect::<Vec<_>>(),
        expect
    );
    server.assert_serves();
}

#[test]
fn a_queue_of_none_refuses_whatever_cannot_run() {
    let server = Server::stateless(&["--max-concurrent-executions", "1", "--queue-max", "0"]);
    let endless = server.begin_endless();
    assert_eq!(server.post("/api/exec", &run("1")).status, 429);
    server.post(&format!("/api/executions/{endless}/cancel"), &json!({})).expect(200);
    until("it is free", || (server.post("/api/exec?wait=60", &run("1")).status == 200).then_some(()));
}

#[test]
fn the_clock_starts_with_the_run() {
    let server = Server::stateless(&["--max-concurrent-executions", "1"]);
    let limited = |code: &str| json!({ "code": code, "execution_timeout_secs": 1 });
    let start = |run: &Value| text(&server.post("/api/exec", run).expect(202), "execution_id").to_owned();
    let first: Vec<String> = (0..2).map(|_| start(&limited(super::ENDLESS))).collect();
    let last = start(&limited("'in time'"));
    assert_eq!(server.record(&last)["started_at"], Value::Null);
    let record = server.end_of(&last);
    assert_eq!((text(&record, "status"), text(&record, "result")), ("completed", "in time"));
    for id in first {
        let record = server.end_of(&id);
        assert_eq!(text(&record, "status"), "timed_out");
        let took = milliseconds(&record, "completed_at") - milliseconds(&record, "started_at");
        assert!((1000.0..3000.0).contains(&took) || took < 0.0, "{took} ms: {record}");
    }
}

#[test]
fn endless_loops_do_not_make_others_wait() {
    let _busy = support::busy();
    let server = Server::stateless(&["--max-concurrent-executions", "2"]);
    let endless = server.begin_endless();
    let begun = Instant::now();
    for _ in 0..50 {
        server.assert_serves();
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(server.record(&endless)["status"], "running");
}

#[test]
fn callers_take_turns() {
    let server = Server::stateless(&["--max-concurrent-executions", "1", "--host", "::"]);
    let mut other = super::client::Client::connect(([127, 0, 0, 2], server.address.port()).into());
    let sleep = "await new Promise((r) => setTimeout(r, 50))";
    let ids: Vec<String> = (0..40).map(|_| server.begin(sleep)).collect();
    // Another address of this machine, where there is one, is another caller.
    if let Ok(client) = &mut other {
        let answer = client.ask(&Request::post("/api/exec?wait=60").json(&run("1"))).expect("an answer");
        answer.expect(200);
    }
    assert_eq!(server.record(&ids[39])["status"], "running");
}

#[test]
fn results_and_output_are_bounded() {
    let _busy = support::busy();
    let server = Server::stateless(&["--heap-memory-max", "256"]);
    let largest = server.code("'é'.repeat(8 << 20)");
    assert_eq!(text(&largest, "result").len(), 16 << 20);
    let again = server.record(text(&largest, "execution_id"));
    assert_eq!(again, largest);
    let check = |code: &str, part: &str| {
        let record = server.code(code);
        assert_eq!((text(&record, "status"), &record["result"]), ("failed", &Value::Null), "{part}");
        assert!(text(&record, "error").contains(part), "{}", record["error"]);
        record
    };
    check("'x'.repeat((16 << 20) + 1)", "result");
    let printed = check("for (;;) console.log('x'.repeat(1 << 20))", "Too much console output");
    let id = text(&printed, "execution_id");
    let page = server.get(&format!("/api/executions/{id}/output?byte_offset=0&byte_limit=10")).expect(200);
    let total = page["total_bytes"].as_u64().expect("a number");
    assert!((60 << 20..=64 << 20).contains(&total), "{total}");
    server.assert_serves();
}

#[test]
fn pages_cost_the_same_wherever_they_are() {
    let _busy = support::busy();
    let server = Server::start(&["--heap-memory-max", "64"]);
    let code = "const line = 'x'.repeat(99); for (let i = 0; i < 200_000; i++) console.log(line)";
    let record = server.code(code);
    let id = text(&record, "execution_id").to_owned();
    let mut client = server.connect();
    let mut fastest = |query: &str| {
        let request = Request::get(&format!("/api/executions/{id}/output?{query}"));
        let times = (0..20).map(|_| {
            let begun = Instant::now();
            let page = client.ask(&request).expect("an answer").expect(200);
            assert_eq!(page["total_bytes"], 20_000_000, "{query}");
            assert!(!text(&page, "data").is_empty(), "{query}");
            begun.elapsed()
        });
        times.min().expect("twenty")
    };
    let pages = [
        "line_offset=1",
        "line_offset=100000",
        "line_offset=199901",
        "byte_offset=0",
        "byte_offset=19995904",
    ];
    let times = pages.map(&mut fastest);
    for (page, time) in pages.iter().zip(times) {
        let first = times[0].max(Duration::from_micros(500));
        assert!(time < first * 4, "{page}: {time:?}, the first page {:?}", times[0]);
    }
    support::note(&format!("pages of 20 MB: {pages:?} {times:?}"));
}

#[test]
fn many_clients_wait_for_one_run() {
    let server = Server::stateless(&[]);
    let id = server.begin_endless();
    thread::scope(|scope| {
        let polls: Vec<_> = (0..100).map(|_| scope.spawn(|| server.end_of(&id))).collect();
        server.assert_serves();
        server.post(&format!("/api/executions/{id}/cancel"), &json!({})).expect(200);
        for poll in polls {
            assert_eq!(poll.join().expect("a record")["status"], "cancelled");
        }
    });
}

#[test]
fn the_server_has_as_many_descriptors_as_it_may() {
    let server = Server::start(&[]);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).expect("limits");
    let files =
        limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("a limit of files");
    let [soft, hard, ..] = files.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{files}") };
    assert_eq!(soft, hard);
}
