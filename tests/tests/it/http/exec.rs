//! `POST /api/exec`: how a run is asked for, and what is answered when.

use std::{collections::BTreeSet, time::Instant};

use serde_json::{Value, json};

use super::{
    Server,
    client::{Answer, Request},
    run, text,
};
use crate::support::assert_none;

const FIELDS: [&str; 13] = [
    "completed_at",
    "error",
    "execution_id",
    "heap",
    "heap_error",
    "output",
    "output_truncated",
    "result",
    "session",
    "session_error",
    "session_index",
    "started_at",
    "status",
];

/// Compares some fields of a record.
fn check(what: &str, record: &Value, expect: Value) -> Vec<String> {
    let expect = expect.as_object().expect("fields").clone();
    let wrong = expect.iter().filter(|(name, value)| &&record[name.as_str()] != value);
    wrong.map(|(name, value)| format!("{what}: {name}: {}, expected {value}", record[name])).collect()
}

#[test]
fn a_record_has_every_field() {
    let server = Server::start(&[]);
    let mut complaints = Vec::new();
    for (code, expect) in [
        (
            "1 + 1",
            json!({ "status": "completed", "result": "2", "error": null, "output": "", "session": null }),
        ),
        (
            "console.log('é'); console.warn(1); undefined",
            json!({ "status": "completed", "result": "undefined", "output": "é\n[WARN] 1\n", "heap_error": null }),
        ),
        (
            "throw new Error('no')",
            json!({ "status": "failed", "result": null, "heap": null, "session_index": null }),
        ),
        ("let x: = 1", json!({ "status": "failed", "result": null, "heap": null })),
        ("", json!({ "status": "completed", "result": "undefined" })),
        ("await Promise.resolve('later')", json!({ "status": "completed", "result": "later" })),
        ("const n: number = 1; n as any", json!({ "status": "completed", "result": "1" })),
        ("new Promise(() => {})", json!({ "status": "failed", "heap": null })),
    ] {
        let record = server.code(code);
        let fields: BTreeSet<&str> =
            record.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(fields, BTreeSet::from(FIELDS), "{code}");
        complaints.extend(check(code, &record, expect));
        for time in ["started_at", "completed_at"] {
            assert!(text(&record, time).ends_with('Z'), "{record}");
        }
        assert_eq!(record["error"].is_string(), record["status"] == "failed", "{record}");
        assert_eq!(record["heap"].is_string(), record["status"] == "completed", "{record}");
        let again = server.record(text(&record, "execution_id"));
        complaints.extend((again != record).then(|| format!("{code}: {record} is later {again}")));
    }
    assert_none(&complaints);
}

#[test]
fn a_wait_ends_with_the_run_or_is_over() {
    let server = Server::start(&["--max-concurrent-executions", "4"]);
    let sleep = |milliseconds: u64| format!("await new Promise((r) => setTimeout(r, {milliseconds})); 'ok'");
    let mut complaints = Vec::new();
    let mut check = |query: &str, prefer: Option<&str>, code: &str, expect: (u16, Option<&str>, u64, u64)| {
        let mut request = Request::post(&format!("/api/exec{query}")).json(&run(code));
        if let Some(prefer) = prefer {
            request = request.header("prefer", prefer);
        }
        let begun = Instant::now();
        let answer = server.ask(&request);
        let took = begun.elapsed().as_millis() as u64;
        let (status, applied, least, most) = expect;
        let got = (answer.status, answer.header("preference-applied"));
        if got != (status, applied) || took < least || took > most {
            complaints
                .push(format!("{query} {prefer:?} {code}: {got:?} after {took} ms, expected {expect:?}"));
        }
        complaints.extend(complaint_about_form(&answer));
    };
    // The longest that a quick answer may take while other tests keep the processors busy.
    const QUICK: u64 = 4000;
    check("", None, &sleep(5000), (202, None, 0, QUICK));
    check("?wait=0", None, &sleep(5000), (202, Some("wait=0"), 0, QUICK));
    check("?wait=1", None, &sleep(20_000), (202, Some("wait=1"), 1000, QUICK));
    check("?wait=60", None, &sleep(300), (200, Some("wait=60"), 300, QUICK));
    check("", Some("wait=60"), &sleep(300), (200, Some("wait=60"), 300, QUICK));
    check("", Some("respond-async, wait=1"), &sleep(20_000), (202, Some("wait=1"), 1000, QUICK));
    check("", Some("wait=soon"), "1", (202, None, 0, QUICK));
    check("", Some("wait=99999"), "1", (200, Some("wait=600"), 0, QUICK));
    check("?wait=1", Some("wait=60"), &sleep(20_000), (202, Some("wait=1"), 1000, QUICK));
    assert_none(&complaints);
}

fn complaint_about_form(answer: &Answer) -> Option<String> {
    let body = answer.json();
    let id = text(&body, "execution_id");
    let right = match answer.status {
        202 => {
            body == json!({ "execution_id": id })
                && answer.header("location") == Some(&format!("/api/executions/{id}"))
        }
        _ => body["result"].is_string() && answer.header("location").is_none(),
    };
    (!right).then(|| format!("{} {:?} {body}", answer.status, answer.headers))
}

#[test]
fn an_accepted_run_is_there_at_once() {
    let server = Server::start(&[]);
    for _ in 0..50 {
        let answer = server.post("/api/exec", &run("1"));
        let record = server.get(answer.header("location").expect("a location")).expect(200);
        assert!(["running", "completed"].contains(&text(&record, "status")), "{record}");
    }
}

#[test]
fn raw_code_is_uploaded_as_it_is() {
    let server = Server::start(&[]);
    let code = "/* é \" \\ */ 'a' + `\n`";
    for kind in [
        None,
        Some("text/plain"),
        Some("application/javascript"),
        Some("text/typescript; charset=utf-8"),
        Some("application/octet-stream"),
        Some("application/x-www-form-urlencoded"),
    ] {
        let mut request = Request::post("/api/exec?wait=60&session=raw&execution_timeout_secs=9").body(code);
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        assert_eq!(text(&server.ask(&request).expect(200), "result"), "a\n", "{kind:?}");
    }
    let entries = server.get("/api/sessions/raw").expect(200);
    assert_eq!(text(&entries["entries"][0], "code"), code);
    assert_eq!(entries["entries"].as_array().map(Vec::len), Some(6));
    let heap = text(&entries["entries"][0], "output_heap");
    let branch = Request::post(&format!("/api/exec?wait=60&heap={heap}&heap_memory_max_mb=7")).code("1");
    server.ask(&branch).expect(200);
}

#[test]
fn json_has_many_names() {
    let server = Server::stateless(&[]);
    for kind in ["application/json", "Application/JSON; charset=utf-8", "application/vnd.stasis+json"] {
        let body = r#"{"code":"'json'"}"#;
        let request = Request::post("/api/exec?wait=60").header("content-type", kind).body(body);
        assert_eq!(text(&server.ask(&request).expect(200), "result"), "json", "{kind}");
    }
}

#[test]
fn json_suffixes_are_not_case_sensitive() {
    let server = Server::stateless(&[]);
    let request = Request::post("/api/exec?wait=60").header("content-type", "application/x+JSON");
    let answer = server.ask(&request.body(r#"{"code":"'json'"}"#));
    assert_eq!(text(&answer.expect(200), "result"), "json");
}

#[test]
fn a_script_that_fails_is_answered_with_its_record() {
    let server = Server::start(&["--execution-timeout", "1"]);
    let check = |code: &str, status: &str, error: &str| {
        let record = server.code(code);
        assert_eq!(
            (text(&record, "status"), text(&record, "error").contains(error)),
            (status, true),
            "{record}"
        );
    };
    check(super::ENDLESS, "timed_out", "Execution timed out: script exceeded the time limit. Try");
    check(
        "const a = []; for (;;) a.push([1, 2, 3]);",
        "failed",
        "Out of memory: V8 heap limit exceeded. Try",
    );
    check("throw new TypeError('mine')", "failed", "TypeError: mine");
    check("(function f() { f() })()", "failed", "RangeError");
}

#[test]
fn clients_that_leave_do_not_end_their_runs() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let code = "await new Promise((r) => setTimeout(r, 300)); 'left'";
    let request = Request::post("/api/exec?wait=60").json(&json!({ "code": code, "session": "left" }));
    client.write(&request.bytes("localhost")).expect("written");
    let started = || server.get("/api/executions").expect(200)["executions"][0]["started_at"].is_string();
    super::until("it is started", || started().then_some(()));
    drop(client);
    super::until("it is logged", || (server.get("/api/sessions/left").status == 200).then_some(()));
}
