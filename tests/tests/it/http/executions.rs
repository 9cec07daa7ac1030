//! `/api/executions`: lists, records, console output, and cancels.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{Server, run, text, until};
use crate::support::assert_none;

/// All pages of a list, from the first one on.
fn pages(server: &Server, path: &str, list: &str) -> Vec<Vec<Value>> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let mut page = server.get(&format!("{path}{cursor}")).expect(200);
        let Value::Array(items) = page[list].take() else { panic!("{page}") };
        pages.push(items);
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return pages,
        }
    }
}

#[test]
fn lists_are_paged_newest_first() {
    let server = Server::start(&[]);
    assert_eq!(server.get("/api/executions").expect(200), json!({ "executions": [], "next_cursor": null }));
    let mut ids: Vec<String> = (0..7).map(|_| text(&server.code("1"), "execution_id").to_owned()).collect();
    ids.push(server.begin_endless());
    ids.reverse();
    let check = |limit: usize, expect: &[usize]| {
        let pages = pages(&server, &format!("/api/executions?limit={limit}"), "executions");
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), expect, "limit {limit}");
        let listed: Vec<&str> = pages.iter().flatten().map(|item| text(item, "execution_id")).collect();
        assert_eq!(listed, ids);
    };
    check(1, &[1; 8]);
    check(3, &[3, 3, 2]);
    check(4, &[4, 4]);
    check(8, &[8]);
    check(1000, &[8]);
    let list = server.get("/api/executions").expect(200);
    let newest = list["executions"][0].as_object().expect("an object");
    assert_eq!(
        newest.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        BTreeSet::from(["completed_at", "execution_id", "started_at", "status"])
    );
    assert_eq!((&newest["status"], &newest["completed_at"]), (&json!("running"), &Value::Null));
    assert_eq!(list["executions"][1]["status"], "completed");
}

#[test]
fn a_long_poll_returns_when_the_run_ends() {
    let server = Server::start(&["--max-concurrent-executions", "4"]);
    let endless = server.begin_endless();
    let begun = Instant::now();
    let record = server.get(&format!("/api/executions/{endless}?wait=1")).expect(200);
    assert_eq!(record["status"], "running");
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    std::thread::scope(|scope| {
        let polls: Vec<_> =
            (0..8).map(|_| scope.spawn(|| (server.end_of(&endless), Instant::now()))).collect();
        // Polls that begin after the end are answered at once, so that it does not matter if some do.
        std::thread::sleep(Duration::from_millis(200));
        let cancelled = Instant::now();
        server.post(&format!("/api/executions/{endless}/cancel"), &json!({})).expect(200);
        for poll in polls {
            let (record, at) = poll.join().expect("a record");
            assert_eq!(record["status"], "cancelled");
            assert!(at - cancelled < Duration::from_secs(3), "{:?}", at - cancelled);
        }
    });
    let begun = Instant::now();
    assert_eq!(server.end_of(&endless)["error"], "Cancelled by user");
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[test]
fn output_is_paged_by_lines_and_bytes() {
    let server = Server::stateless(&[]);
    let record = server.code("for (let i = 1; i <= 250; i++) console.log('line €' + i)");
    let id = text(&record, "execution_id");
    let whole: String = (1..=250).map(|i| format!("line €{i}\n")).collect();
    assert_eq!(text(&record, "output"), whole);
    let page = |query: &str| server.get(&format!("/api/executions/{id}/output{query}")).expect(200);
    let lines = |from: usize, to: usize| -> String {
        whole.split_inclusive('\n').skip(from - 1).take(to + 1 - from).collect()
    };
    let mut complaints = Vec::new();
    let mut check = |query: &str, data: String, start: usize, end: usize, more: bool| {
        let (before, total) = (whole.find(&data).expect("a part"), whole.len());
        let before = if data.is_empty() { total } else { before };
        let expect = json!({
            "execution_id": id, "data": data, "start_line": start, "end_line": end, "next_line_offset": end + 1,
            "total_lines": 250, "start_byte": before, "end_byte": before + data.len(),
            "next_byte_offset": before + data.len(), "total_bytes": total, "has_more": more,
            "status": "completed",
        });
        let got = page(query);
        complaints.extend((got != expect).then(|| format!("{query}: {got}\n  expected {expect}")));
    };
    check("", lines(1, 100), 1, 100, true);
    check("?line_offset=101", lines(101, 200), 101, 200, true);
    check("?line_offset=201", lines(201, 250), 201, 250, false);
    check("?line_offset=250&line_limit=1", lines(250, 250), 250, 250, false);
    check("?line_limit=10000", whole.clone(), 1, 250, false);
    check("?line_offset=251", String::new(), 251, 250, false);
    check("?line_offset=9999999999", String::new(), 251, 250, false);
    check("?byte_offset=0&byte_limit=1048576", whole.clone(), 1, 250, false);
    assert_none(&complaints);
    // Bytes: characters are whole, and pages follow each other.
    for limit in [1, 2, 3, 7, 4096] {
        let (mut all, mut offset) = (String::new(), 0);
        while all.len() < whole.len() {
            let got = page(&format!("?byte_offset={offset}&byte_limit={limit}"));
            let data = text(&got, "data");
            assert!(!data.is_empty() && data.len() <= limit.max(3), "{limit}: {got}");
            all.push_str(data);
            offset = got["next_byte_offset"].as_u64().expect("a number");
            assert_eq!(got["has_more"], all.len() < whole.len());
        }
        assert_eq!(all, whole);
    }
}

#[test]
fn output_can_be_read_while_the_run_goes_on() {
    let server = Server::start(&[]);
    let code =
        "for (let i = 1;; i++) { console.log('tick ' + i); await new Promise((r) => setTimeout(r, 20)) }";
    let id = server.begin(code);
    let (mut next, mut all) = (1, String::new());
    until("five pages are there", || {
        let page =
            server.get(&format!("/api/executions/{id}/output?line_offset={next}&line_limit=3")).expect(200);
        assert_eq!(page["status"], "running");
        all.push_str(text(&page, "data"));
        next = page["next_line_offset"].as_u64().expect("a number");
        (next > 15).then_some(())
    });
    let expect: String = (1..next).map(|i| format!("tick {i}\n")).collect();
    assert_eq!(all, expect);
    let record = server.record(&id);
    assert!(text(&record, "output").starts_with(&expect), "{record}");
    server.post(&format!("/api/executions/{id}/cancel"), &json!({})).expect(200);
    let record = server.end_of(&id);
    assert_eq!(record["status"], "cancelled");
    assert!(text(&record, "output").starts_with(&expect), "{record}");
}

#[test]
fn long_output_is_truncated_in_the_record_only() {
    let server = Server::stateless(&[]);
    let record = server.code("for (let i = 0; i < 100; i++) console.log('x'.repeat(999))");
    assert_eq!(record["output_truncated"], true);
    assert_eq!(text(&record, "output").len(), 64 << 10);
    let id = text(&record, "execution_id");
    let page = server.get(&format!("/api/executions/{id}/output?line_limit=1000")).expect(200);
    assert_eq!((text(&page, "data").len(), &page["has_more"]), (100_000, &json!(false)));
}

#[test]
fn cancels_are_final() {
    let server = Server::start(&["--max-concurrent-executions", "1"]);
    let cancel = |id: &str| server.post(&format!("/api/executions/{id}/cancel"), &json!({}));
    let (running, waiting) = (server.begin_endless(), server.begin("'never'"));
    for id in [&waiting, &running] {
        assert_eq!(cancel(id).expect(200), json!({ "ok": true }));
        let record = server.end_of(id);
        assert_eq!((text(&record, "status"), text(&record, "error")), ("cancelled", "Cancelled by user"));
        assert_eq!((&record["heap"], &record["result"]), (&Value::Null, &Value::Null));
        let late = cancel(id).expect(409);
        assert_eq!(late, json!({ "ok": false, "error": "the execution has already ended" }));
    }
    assert_eq!(server.record(&waiting)["started_at"], Value::Null);
    let done = server.code("1");
    assert_eq!(cancel(text(&done, "execution_id")).expect(409)["ok"], false);
    let error = cancel("01a1fd33-3a2d-7583-9a14-852f5d9a4b07").expect(404);
    assert!(text(&error, "error").contains("there is no execution"), "{error}");
    server.assert_serves();
}

#[test]
fn cancels_race_with_ends() {
    let server = Server::start(&["--max-concurrent-executions", "2"]);
    for n in 0..60 {
        let code = format!("const end = Date.now() + {}; while (Date.now() < end); 'done'", n % 12);
        let answer = server.post("/api/exec", &json!({ "code": code, "session": "race" })).expect(202);
        let id = text(&answer, "execution_id");
        std::thread::sleep(Duration::from_millis(n % 7));
        let cancelled = server.post(&format!("/api/executions/{id}/cancel"), &json!({})).status;
        let record = server.end_of(id);
        let expect = if cancelled == 200 { "cancelled" } else { "completed" };
        assert_eq!(text(&record, "status"), expect, "{cancelled} {record}");
        assert_eq!(record["session_index"].is_u64(), expect == "completed", "{record}");
    }
    // On a busy machine every cancel may have come in time, and nothing be in the session yet.
    let last = server.run(&json!({ "code": "1", "session": "race" }));
    assert_eq!(text(&last, "status"), "completed", "{last}");
    let entries = pages(&server, "/api/sessions/race?limit=10", "entries");
    let indices: Vec<u64> = entries.iter().flatten().filter_map(|entry| entry["index"].as_u64()).collect();
    assert_eq!(indices, (0..indices.len() as u64).collect::<Vec<_>>());
}

#[test]
fn old_executions_are_forgotten() {
    let server = Server::start(&["--retain-executions", "3"]);
    let ids: Vec<String> =
        (0..6).map(|_| text(&server.code("console.log(1)"), "execution_id").to_owned()).collect();
    let list = || server.get("/api/executions").expect(200)["executions"].as_array().map(Vec::len);
    until("three are forgotten", || (list() == Some(3)).then_some(()));
    for (n, id) in ids.iter().enumerate() {
        let expect = if n < 3 { 404 } else { 200 };
        assert_eq!(server.get(&format!("/api/executions/{id}")).status, expect);
        assert_eq!(server.get(&format!("/api/executions/{id}/output")).status, expect);
    }
    assert_eq!(text(&server.run(&run("1")), "status"), "completed");
}
