//! Sessions: runs that go on where the last one stopped, and branches.

use std::thread;

use serde_json::{Value, json};

use super::{Server, text};

fn in_session(server: &Server, session: &str, code: &str) -> Value {
    let record = server.run(&json!({ "code": code, "session": session }));
    assert_eq!((text(&record, "status"), text(&record, "session")), ("completed", session), "{record}");
    record
}

#[test]
fn a_session_goes_on_where_it_stopped() {
    let server = Server::start(&[]);
    let mut heaps = vec![Value::Null];
    let codes = ["let n = 1", "n += 1", "class A { m() { return n } }", "new A().m() + 40"];
    for (index, code) in codes.iter().enumerate() {
        let record = in_session(&server, "a/b c é", code);
        assert_eq!(record["session_index"], index);
        heaps.push(record["heap"].clone());
    }
    let log = server.get("/api/sessions/a%2Fb%20c%20%C3%A9").expect(200);
    assert_eq!((text(&log, "session"), &log["next_cursor"]), ("a/b c é", &Value::Null));
    for (index, code) in codes.iter().enumerate() {
        let entry = &log["entries"][index];
        let expect = json!({
            "index": index, "input_heap": heaps[index], "output_heap": heaps[index + 1], "code": code,
            "timestamp": entry["timestamp"],
        });
        assert_eq!(entry, &expect);
        assert!(text(entry, "timestamp").ends_with('Z'), "{entry}");
    }
    // What did not complete is not logged.
    for (code, status) in [("n = 99; throw 1", "failed"), ("n = 98; let x: =", "failed")] {
        let record = server.run(&json!({ "code": code, "session": "a/b c é" }));
        assert_eq!((text(&record, "status"), &record["session_index"]), (status, &Value::Null));
    }
    assert_eq!(text(&in_session(&server, "a/b c é", "n"), "result"), "2");
}

#[test]
fn a_session_goes_on_in_the_process_of_its_last_run() {
    let check = |flags: &[&str], warm: usize| {
        let server = Server::start(flags);
        for n in 1..=4 {
            let record = in_session(&server, "s", "globalThis.n = (globalThis.n ?? 0) + 1");
            assert_eq!(text(&record, "result"), n.to_string());
            let metrics = String::from_utf8(server.get("/metrics").body).expect("UTF-8");
            let gauge = format!("stasis_pool_warm_heaps {warm}\n");
            assert!(metrics.contains(&gauge), "{flags:?}: {gauge} is not in\n{metrics}");
        }
    };
    check(&[], 1);
    check(&["--warm-heaps", "0"], 0);
}

#[test]
fn any_heap_can_be_branched_from() {
    let server = Server::start(&[]);
    let first = in_session(&server, "trunk", "let n = 1");
    in_session(&server, "trunk", "n = 2");
    let heap = text(&first, "heap");
    for (session, n) in [("trunk", 2), ("twig", 0)] {
        let record = server.run(&json!({ "code": "n += 10; n", "heap": heap, "session": session }));
        assert_eq!((text(&record, "result"), &record["session_index"]), ("11", &json!(n)), "{record}");
        assert_eq!(text(&in_session(&server, session, "n"), "result"), "11");
    }
    let alone = server.run(&json!({ "code": "n", "heap": heap }));
    assert_eq!((text(&alone, "result"), &alone["session"]), ("1", &Value::Null));
}

#[test]
fn the_second_of_two_at_once_is_told() {
    let server = Server::start(&["--max-concurrent-executions", "4"]);
    in_session(&server, "both", "let n = 0");
    let code = "n += 1; await new Promise((r) => setTimeout(r, 300)); n";
    let run = json!({ "code": code, "session": "both" });
    let answers: Vec<_> = thread::scope(|scope| {
        let ask = |_| scope.spawn(|| server.post("/api/exec?wait=60", &run));
        let threads: Vec<_> = (0..2).map(ask).collect();
        threads.into_iter().map(|thread| thread.join().expect("an answer")).collect()
    });
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(
        statuses,
        [200, 409],
        "{:?}",
        answers.iter().map(super::Answer::beginning).collect::<Vec<_>>()
    );
    for answer in &answers {
        let record = answer.json();
        assert_eq!((text(&record, "status"), text(&record, "result")), ("completed", "1"));
        assert_eq!(record["session_index"].is_null(), answer.status == 409, "{record}");
        assert_eq!(record["session_error"].is_string(), answer.status == 409, "{record}");
        // Nothing is lost: the heap of the one that was later can be resumed.
        let resumed = server.run(&json!({ "code": "n + 1", "heap": record["heap"] }));
        assert_eq!(text(&resumed, "result"), "2");
    }
    let log = server.get("/api/sessions/both").expect(200);
    assert_eq!(log["entries"].as_array().map(Vec::len), Some(2));
}

#[test]
fn sessions_and_entries_are_paged() {
    let server = Server::start(&[]);
    assert_eq!(server.get("/api/sessions").expect(200), json!({ "sessions": [], "next_cursor": null }));
    let names = ["1", "a", "a b", "a/b", "z", "é"];
    for name in names.iter().rev() {
        in_session(&server, name, "1");
    }
    let (mut listed, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("/api/sessions?limit=2{cursor}")).expect(200);
        listed.extend(page["sessions"].as_array().expect("a list").clone());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={}", next.replace('/', "%2F").replace(' ', "%20"));
    }
    assert_eq!(listed, names);
    for n in 1..5 {
        assert_eq!(in_session(&server, "z", "1")["session_index"], n);
    }
    let first = server.get("/api/sessions/z?limit=3&fields=index,code").expect(200);
    let entry = |index: u64| json!({ "index": index, "code": "1" });
    let expect = json!({ "session": "z", "entries": [entry(0), entry(1), entry(2)], "next_cursor": "3" });
    assert_eq!(first, expect);
    let second = server.get("/api/sessions/z?limit=3&fields=index,code&cursor=3").expect(200);
    assert_eq!(second, json!({ "session": "z", "entries": [entry(3), entry(4)], "next_cursor": null }));
    let fresh = server.get("/api/sessions/z?limit=1&fields=input_heap").expect(200);
    assert_eq!(fresh["entries"], json!([{ "input_heap": null }]));
}

#[test]
fn a_session_that_does_not_exist_is_404_on_every_page() {
    let server = Server::start(&[]);
    assert_eq!(server.get("/api/sessions/nobody").status, 404);
    assert_eq!(server.get("/api/sessions/nobody?cursor=1").status, 404);
}
