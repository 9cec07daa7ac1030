//! Tags of heaps: set, shown, deleted, and found again.

use serde_json::{Value, json};

use super::{Server, check_error, client::Request, text};
use crate::support::assert_none;

#[test]
fn tags_are_set_shown_and_deleted() {
    let server = Server::start(&[]);
    let record = server.run(&json!({ "code": "1", "tags": { "env": "test", "é ü": "" } }));
    let heap = text(&record, "heap");
    let path = format!("/api/heaps/{heap}/tags");
    let check = |answer: super::Answer, tags: Value| {
        assert_eq!(answer.expect(200), json!({ "heap": heap, "tags": tags }));
    };
    check(server.get(&path), json!({ "env": "test", "é ü": "" }));
    let put = |tags: Value| server.ask(&Request::new("PUT", &path).json(&tags));
    check(put(json!({ "a": "1", "b": "2", "c": "3" })), json!({ "a": "1", "b": "2", "c": "3" }));
    check(server.get(&path), json!({ "a": "1", "b": "2", "c": "3" }));
    check(server.ask(&Request::new("DELETE", &format!("{path}?keys=a,%20c,none"))), json!({ "b": "2" }));
    check(server.ask(&Request::new("DELETE", &path)), json!({}));
    check(server.get(&path), json!({}));
}

#[test]
fn heaps_are_found_by_all_their_tags() {
    let server = Server::start(&[]);
    let mut heaps = Vec::new();
    for n in 0..6 {
        let tags = json!({ "parity": (n % 2).to_string(), "n": n.to_string(), "all": "yes" });
        heaps.push(text(&server.run(&json!({ "code": "1", "tags": tags })), "heap").to_owned());
    }
    let find = |query: &str| -> Vec<usize> {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = server.get(&format!("/api/heaps?{query}{cursor}")).expect(200);
            let list = page["heaps"].as_array().expect("a list");
            for item in list {
                let at = heaps.iter().position(|heap| item["heap"] == **heap).expect("one of ours");
                assert_eq!(item["tags"]["n"], at.to_string());
                found.push(at);
            }
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        found.sort_unstable();
        found
    };
    assert_eq!(find("parity=1"), [1, 3, 5]);
    assert_eq!(find("parity=1&n=3"), [3]);
    assert_eq!(find("parity=0&n=3"), [0; 0]);
    assert_eq!(find("all=yes&limit=1"), [0, 1, 2, 3, 4, 5]);
    assert_eq!(find("all=yes&limit=4"), [0, 1, 2, 3, 4, 5]);
    assert_eq!(find("all=no"), [0; 0]);
    let path = format!("/api/heaps/{}/tags", heaps[3]);
    server.ask(&Request::new("PUT", &path).json(&json!({ "n": "3", "parity": "2" }))).expect(200);
    assert_eq!(find("parity=1"), [1, 5]);
    assert_eq!(find("parity=2"), [3]);
}

#[test]
fn bad_tags_are_refused() {
    let server = Server::start(&[]);
    let good = text(&server.code("1"), "heap").to_owned();
    let heap = good.clone();
    let nobody = "ab".repeat(32);
    let many: serde_json::Map<String, Value> = (0..33).map(|n| (n.to_string(), "v".into())).collect();
    let mut complaints = Vec::new();
    for (heap, tags, status, part) in [
        (&heap, json!(many), 400, "33"),
        (&heap, json!({ "": "v" }), 400, ""),
        (&heap, json!({ "n".repeat(129): "v" }), 400, "129"),
        (&heap, json!({ "n": "v".repeat(1025) }), 400, "1025"),
        (&heap, json!({ "n": 1 }), 400, "bad JSON"),
        (&heap, json!(["n"]), 400, "bad JSON"),
        (&heap, Value::Null, 400, "bad JSON"),
        (&nobody, json!({ "n": "v" }), 404, "there is no heap"),
        (&"x".to_owned(), json!({ "n": "v" }), 400, "64 lower-case hexadecimal digits"),
        (&heap.to_uppercase(), json!({ "n": "v" }), 400, "64 lower-case hexadecimal digits"),
    ] {
        let answer = server.ask(&Request::new("PUT", &format!("/api/heaps/{heap}/tags")).json(&tags));
        complaints.extend(check_error(&format!("PUT {heap} {tags}"), &answer, status, part));
        if part != "bad JSON" && heap == &good {
            let answer = server.post("/api/exec", &json!({ "code": "1", "tags": tags }));
            complaints.extend(check_error(&format!("run with {tags}"), &answer, 400, part));
        }
    }
    assert_none(&complaints);
    assert_eq!(server.get(&format!("/api/heaps/{heap}/tags")).expect(200)["tags"], json!({}));
}
