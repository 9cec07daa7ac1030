//! What is not acceptable: its status, and an error in our form that says what is wrong.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::{Server, check_error, client::Request, text};
use crate::support::assert_none;

/// An id that nobody has.
const NOBODY: &str = "01a1fd33-3a2d-7583-9a14-852f5d9a4b07";

fn check_all(server: &Server, cases: &[(Request, u16, &str)]) {
    let complaints: Vec<String> = cases
        .iter()
        .filter_map(|(request, status, part)| {
            let what = String::from_utf8_lossy(&request.bytes("h")).chars().take(150).collect::<String>();
            check_error(&what, &server.ask(request), *status, part)
        })
        .collect();
    assert_none(&complaints);
    server.assert_serves();
}

fn exec(body: &Value) -> Request {
    Request::post("/api/exec").json(body)
}

fn raw_json(body: &str) -> Request {
    Request::post("/api/exec").header("content-type", "application/json").body(body)
}

#[test]
fn runs_that_are_not_acceptable() {
    let server = Server::start(&["--heap-memory-max", "16", "--execution-timeout", "20"]);
    let id = "ab".repeat(32);
    let code = |more: Value| {
        let mut body = json!({ "code": "1" });
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        exec(&body)
    };
    check_all(
        &server,
        &[
            (exec(&json!({})), 400, "missing field `code`"),
            (exec(&json!([])), 400, "bad JSON"),
            (exec(&json!("1")), 400, "bad JSON"),
            (exec(&json!({ "code": 1 })), 400, "bad JSON"),
            (exec(&json!({ "code": null })), 400, "bad JSON"),
            (code(json!({ "wait": 1 })), 400, "unknown field `wait`"),
            (code(json!({ "Session": "s" })), 400, "unknown field `Session`"),
            (code(json!({ "heap": id })), 404, "there is no heap"),
            (code(json!({ "heap": "x" })), 400, "64 lower-case hexadecimal digits"),
            (code(json!({ "heap": "" })), 400, "64 lower-case hexadecimal digits"),
            (code(json!({ "heap": format!("../{}", &id[3..]) })), 400, "64 lower-case hexadecimal digits"),
            (code(json!({ "heap": id.to_uppercase() })), 400, "64 lower-case hexadecimal digits"),
            (code(json!({ "session": "" })), 400, "1 to 256 bytes"),
            (code(json!({ "session": "s".repeat(257) })), 400, "1 to 256 bytes"),
            (code(json!({ "session": "a\u{0}b" })), 400, "no control characters"),
            (code(json!({ "session": "a\nb" })), 400, "no control characters"),
            (code(json!({ "tags": { "k": 1 } })), 400, "bad JSON"),
            (
                code(json!({ "heap_memory_max_mb": 17 })),
                400,
                "heap_memory_max_mb is from 1 to 16 on this server, not 17",
            ),
            (code(json!({ "heap_memory_max_mb": 0 })), 400, "heap_memory_max_mb is from 1 to 16"),
            (code(json!({ "heap_memory_max_mb": -1 })), 400, "bad JSON"),
            (code(json!({ "heap_memory_max_mb": 1.5 })), 400, "bad JSON"),
            (code(json!({ "heap_memory_max_mb": "8" })), 400, "bad JSON"),
            (
                code(json!({ "execution_timeout_secs": 21 })),
                400,
                "execution_timeout_secs is from 1 to 20 on this server, not 21",
            ),
            (code(json!({ "execution_timeout_secs": 0 })), 400, "execution_timeout_secs is from 1 to 20"),
            (
                code(json!({ "execution_timeout_secs": u64::MAX })),
                400,
                "execution_timeout_secs is from 1 to 20",
            ),
            (raw_json(r#"{"code":"1","execution_timeout_secs":1e400}"#), 400, "bad JSON"),
            (
                raw_json(r#"{"code":"1","execution_timeout_secs":99999999999999999999999999}"#),
                400,
                "bad JSON",
            ),
            (raw_json(r#"{"code":"1","code":"2"}"#), 400, "duplicate field `code`"),
            (raw_json(r#"{"code":"1","session":"a","session":"b"}"#), 400, "duplicate field `session`"),
            (raw_json(r#"{"code":"1"} x"#), 400, "trailing characters"),
            (raw_json(r#"{"code":"1""#), 400, "line 1 column"),
            (raw_json(""), 400, "bad JSON"),
            (raw_json("\u{feff}{\"code\":\"1\"}"), 400, "bad JSON"),
            (raw_json(r#"{"code":"\ud800"}"#), 400, "bad JSON"),
            (raw_json(&"[".repeat(100_000)), 400, "bad JSON"),
            (
                Request::post("/api/exec")
                    .header("content-type", "application/json")
                    .body(*b"{\"code\":\"\xff\"}"),
                400,
                "bad JSON",
            ),
            (Request::post("/api/exec").header("content-type", "text/plain").body(*b"'\xff'"), 400, "UTF-8"),
            (
                Request::post("/api/exec")
                    .header("content-type", "multipart/form-data; boundary=x")
                    .body("--x--"),
                415,
                "application/json",
            ),
            (Request::post("/api/exec?wait=-1").code("1"), 400, "wait is from 0 to 600 seconds"),
            (Request::post("/api/exec?wait=601").code("1"), 400, "wait is from 0 to 600 seconds"),
            (Request::post("/api/exec?wait=1.5").code("1"), 400, "wait is from 0 to 600 seconds"),
            (Request::post("/api/exec?wait=").code("1"), 400, "wait is from 0 to 600 seconds"),
            (Request::post("/api/exec?wait=1&wait=2").code("1"), 400, "duplicate field"),
            (Request::post("/api/exec?unknown=1").code("1"), 400, "unknown field `unknown`"),
            (Request::post("/api/exec?execution_timeout_secs=x").code("1"), 400, "invalid digit"),
            (
                Request::post("/api/exec?session=s").json(&json!({ "code": "1" })),
                400,
                "belongs into the body",
            ),
            (Request::post("/api/exec?session=%00").code("1"), 400, "no control characters"),
            (Request::post("/api/exec").code(&"x".repeat((4 << 20) + 1)), 400, "code is longer than 4.0 MiB"),
            (Request::post("/api/exec").code(&"x".repeat((8 << 20) + 1)), 413, "too large"),
        ],
    );
    let list = server.get("/api/executions?limit=1000").expect(200);
    // Only the run that showed that it still serves.
    assert_eq!(list["executions"].as_array().map(Vec::len), Some(1), "{list}");
}

#[test]
fn questions_that_are_not_acceptable() {
    let server = Server::start(&[]);
    server.run(&json!({ "code": "console.log(1)", "session": "s" }));
    let list = server.get("/api/executions").expect(200);
    let id = text(&list["executions"][0], "execution_id").to_owned();
    let execution = |rest: &str| Request::get(&format!("/api/executions/{id}{rest}"));
    let get = Request::get;
    check_all(
        &server,
        &[
            (get("/api/executions?limit=0"), 400, "limit is from 1 to 1000, not 0"),
            (get("/api/executions?limit=1001"), 400, "limit is from 1 to 1000"),
            (get("/api/executions?limit=-1"), 400, "invalid digit"),
            (get("/api/executions?limit=1.0"), 400, "invalid digit"),
            (get("/api/executions?limit=99999999999999999999999"), 400, "number too large"),
            (get("/api/executions?cursor=garbage"), 400, ""),
            (get("/api/executions?cursor="), 400, ""),
            (get("/api/executions?cursor=%00%ff"), 400, ""),
            (get("/api/executions?page=2"), 400, "unknown field `page`"),
            (get("/api/executions/x"), 404, "there is no execution"),
            (get("/api/executions/..%2f..%2fetc%2fpasswd"), 404, "there is no execution"),
            (get("/api/executions/%2e%2e"), 404, ""),
            (get(&format!("/api/executions/{NOBODY}")), 404, "there is no execution"),
            (get(&format!("/api/executions/{NOBODY}/output")), 404, "there is no execution"),
            (get(&format!("/api/executions/{}", id.to_uppercase())), 404, "there is no execution"),
            (get(&format!("/api/executions/{}", id.replace('-', ""))), 404, "there is no execution"),
            (execution("?wait=soon"), 400, "wait is from 0 to 600 seconds"),
            (execution("?waits=1"), 400, "unknown field `waits`"),
            (execution("/"), 404, "no such route"),
            (execution("/output?line_limit=0"), 400, "line_limit is from 1 to 10000, not 0"),
            (execution("/output?line_limit=10001"), 400, "line_limit is from 1 to 10000"),
            (execution("/output?line_offset=0"), 400, "line_offset counts from 1"),
            (execution("/output?line_offset=-1"), 400, "invalid digit"),
            (execution("/output?line_offset=1.5"), 400, "invalid digit"),
            (execution("/output?byte_offset=0&byte_limit=0"), 400, "byte_limit is from 1 to 1048576, not 0"),
            (execution("/output?byte_offset=0&byte_limit=1048577"), 400, "byte_limit is from 1 to 1048576"),
            (execution("/output?byte_offset=99999999999999999999"), 400, "number too large"),
            (execution("/output?byte_offset=1&byte_offset=2"), 400, "duplicate field"),
            (execution("/nothing"), 404, "no such route"),
            (get("/api/sessions/nobody"), 404, "there is no session nobody"),
            (get("/api/sessions/s?fields=index,secret"), 400, "there is no field \"secret\""),
            (get("/api/sessions/s?fields="), 400, "there is no field"),
            (get("/api/sessions/s?cursor=x"), 400, "cursor"),
            (get("/api/sessions/s?cursor=-1"), 400, "cursor"),
            (get("/api/sessions/s?limit=0"), 400, "limit is from 1 to 1000"),
            (get("/api/sessions/s%00"), 400, "no control characters"),
            (get(&format!("/api/sessions/{}", "s".repeat(257))), 400, "1 to 256 bytes"),
            (get("/api/sessions?cursor=%00"), 400, "no control characters"),
            (get("/api/sessions/"), 404, ""),
            (get("/api/heaps?limit=x"), 400, "limit is a number"),
            (get("/api/heaps?cursor=x&a=b"), 400, "64 lower-case hexadecimal digits"),
            (get("/api/heaps/x/tags"), 400, "64 lower-case hexadecimal digits"),
            (get("/api/heaps/..%2f..%2fkey/tags"), 400, "64 lower-case hexadecimal digits"),
            (get(&format!("/api/heaps/{}/tags", "ab".repeat(32))), 404, "there is no heap"),
            (
                Request::new("DELETE", &format!("/api/heaps/{}/tags", "ab".repeat(32))),
                404,
                "there is no heap",
            ),
            (
                Request::new("DELETE", &format!("/api/heaps/{}/tags?key=a", "ab".repeat(32))),
                400,
                "unknown field `key`",
            ),
            (
                Request::new("PUT", &format!("/api/heaps/{}/tags", "ab".repeat(32))).body("a=b"),
                415,
                "has to be JSON",
            ),
            (get("/nothing"), 404, "no such route"),
            (get("/api/"), 404, "no such route"),
            (get("//api/exec"), 404, "no such route"),
            (get("/api/exec"), 405, "no such method"),
            (Request::post("/api/executions"), 405, "no such method"),
            (Request::new("DELETE", &format!("/api/executions/{NOBODY}")), 405, "no such method"),
            (Request::new("PATCH", "/health"), 405, "no such method"),
            (Request::new("BREW", "/health"), 405, "no such method"),
            (get(&format!("/api/executions/{NOBODY}/cancel")), 405, "no such method"),
            (Request::post(&format!("/api/executions/{NOBODY}/cancel")), 404, "there is no execution"),
            (Request::post("/api/executions/x/cancel"), 404, "there is no execution"),
        ],
    );
}

#[test]
fn a_stateless_server_has_no_state() {
    let server = Server::stateless(&[]);
    let id = "ab".repeat(32);
    let cases = [
        (exec(&json!({ "code": "1", "heap": id })), 400, "stateless"),
        (exec(&json!({ "code": "1", "session": "s" })), 400, "stateless"),
        (exec(&json!({ "code": "1", "tags": {} })), 400, "stateless"),
        (Request::get("/api/sessions"), 400, "stateless"),
        (Request::get("/api/sessions/s"), 400, "stateless"),
        (Request::get("/api/heaps"), 400, "stateless"),
        (Request::get(&format!("/api/heaps/{id}/tags")), 400, "stateless"),
    ];
    check_all(&server, &cases);
    let record = server.code("globalThis.n = 1");
    assert_eq!((&record["heap"], &record["heap_error"]), (&Value::Null, &Value::Null));
    assert_eq!(text(&server.code("typeof n"), "result"), "undefined");
}

#[test]
fn heaps_that_cannot_be_used_are_422() {
    let folder = crate::support::folder();
    let server = Server::at(folder.path(), &[]);
    let heap = text(&server.code("let n = 1"), "heap").to_owned();
    server.assert_serves();
    drop(server);
    damage(folder.path(), &heap);
    let server = Server::at(folder.path(), &[]);
    let answer = server.post("/api/exec?wait=60", &json!({ "code": "n", "heap": heap }));
    let record = answer.expect(422);
    assert_eq!((text(&record, "status"), &record["result"]), ("failed", &Value::Null), "{record}");
    assert!(!text(&record, "error").is_empty(), "{record}");
    server.assert_serves();
}

/// Changes a byte in the middle of a heap, of which no copy is left that is ready to be mapped.
fn damage(folder: &Path, heap: &str) {
    let heaps = folder.join("stasis/heaps");
    fs::remove_dir_all(heaps.join(".state/images")).expect("it is ours");
    let path = heaps.join(format!("{heap}.heap"));
    let mut bytes = fs::read(&path).expect("a heap");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::remove_file(&path).expect("it is ours");
    fs::write(&path, bytes).expect("written");
}

#[test]
fn paths_that_are_no_text_are_errors_in_our_form() {
    let server = Server::start(&[]);
    check_all(
        &server,
        &[
            (Request::get("/api/executions/%ff"), 400, "UTF-8"),
            (Request::get("/api/sessions/%ff"), 400, "UTF-8"),
            (Request::get("/api/heaps/%ff/tags"), 400, "UTF-8"),
        ],
    );
}

#[test]
fn unknown_parameters_of_output_are_refused() {
    let server = Server::stateless(&[]);
    let id = text(&server.code("1"), "execution_id").to_owned();
    let request = Request::get(&format!("/api/executions/{id}/output?lines=3"));
    check_all(&server, &[(request, 400, "unknown field `lines`")]);
}
