//! The description of the API: kept in a file so that changes are seen, and true.

use std::{collections::BTreeSet, env, fs, path::PathBuf};

use serde_json::{Value, json};

use super::{Server, client::Request, schema, text};
use crate::support::assert_none;

fn golden() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/openapi.json")
}

#[test]
fn the_description_is_the_one_that_was_published() {
    let server = Server::stateless(&[]);
    let description = server.get("/openapi.json").expect(200);
    if env::var_os("STASIS_UPDATE_GOLDEN").is_some() {
        let text = serde_json::to_string_pretty(&description).expect("JSON") + "\n";
        fs::create_dir_all(golden().parent().expect("a folder")).expect("a folder");
        fs::write(golden(), text).expect("written");
    }
    let published = fs::read_to_string(golden()).expect("a golden file");
    // The order of fields depends on what else is built.
    let published: Value = serde_json::from_str(&published).expect("JSON");
    for part in ["openapi", "info", "paths", "components"] {
        let (now, then) = (&description[part], &published[part]);
        assert_eq!(now, then, "STASIS_UPDATE_GOLDEN=1 accepts what has changed in {part}");
    }
}

/// A server with something of everything, and how each route is asked about it: every status that can be
/// had without breaking anything.
fn questions(server: &Server) -> Vec<(&'static str, Request, u16)> {
    let record = server.run(&json!({ "code": "console.log(1); 1", "session": "s", "tags": { "a": "b" } }));
    let id = text(&record, "execution_id").to_owned();
    let heap = text(&record, "heap").to_owned();
    let nobody = ("01a1fd33-3a2d-7583-9a14-852f5d9a4b07", "ab".repeat(32));
    let running = server.begin_endless();
    let exec = |query: &str| Request::post(&format!("/api/exec{query}"));
    let execution = |id: &str, rest: &str| Request::get(&format!("/api/executions/{id}{rest}"));
    let cancel = |id: &str| Request::post(&format!("/api/executions/{id}/cancel"));
    let tags = |method: &str, heap: &str| Request::new(method, &format!("/api/heaps/{heap}/tags"));
    let (list, one, output) = ("/api/executions", "/api/executions/{id}", "/api/executions/{id}/output");
    let (stop, of_heap) = ("/api/executions/{id}/cancel", "/api/heaps/{heap}/tags");
    vec![
        ("/api/exec", exec("").code("1"), 202),
        ("/api/exec", exec("?wait=60").code("1"), 200),
        ("/api/exec", exec("?wait=60").code("throw 1"), 200),
        ("/api/exec", exec("?wait=x").code("1"), 400),
        ("/api/exec", exec("").json(&json!({ "code": "1", "heap": nobody.1 })), 404),
        ("/api/exec", exec("").code(&"x".repeat(9 << 20)), 413),
        ("/api/exec", exec("").header("content-type", "multipart/form-data").body(""), 415),
        (list, Request::get("/api/executions"), 200),
        (list, Request::get("/api/executions?limit=1"), 200),
        (list, Request::get("/api/executions?limit=0"), 400),
        (one, execution(&id, ""), 200),
        (one, execution(&running, ""), 200),
        (one, execution(nobody.0, ""), 404),
        (output, execution(&id, "/output"), 200),
        (output, execution(&running, "/output?byte_offset=0"), 200),
        (output, execution(&id, "/output?line_limit=0"), 400),
        (output, execution(nobody.0, "/output"), 404),
        (stop, cancel(&running), 200),
        (stop, cancel(&id), 409),
        (stop, cancel(nobody.0), 404),
        ("/api/sessions", Request::get("/api/sessions"), 200),
        ("/api/sessions", Request::get("/api/sessions?limit=0"), 400),
        ("/api/sessions/{session}", Request::get("/api/sessions/s"), 200),
        ("/api/sessions/{session}", Request::get("/api/sessions/s?fields=input_heap"), 200),
        ("/api/sessions/{session}", Request::get("/api/sessions/s?fields=x"), 400),
        ("/api/sessions/{session}", Request::get("/api/sessions/t"), 404),
        ("/api/heaps", Request::get("/api/heaps?a=b"), 200),
        ("/api/heaps", Request::get("/api/heaps?limit=x"), 400),
        (of_heap, tags("GET", &heap), 200),
        (of_heap, tags("GET", "x"), 400),
        (of_heap, tags("GET", &nobody.1), 404),
        (of_heap, tags("PUT", &heap).json(&json!({ "c": "d" })), 200),
        (of_heap, tags("PUT", &heap).json(&json!({ "c": 1 })), 400),
        (of_heap, tags("PUT", &nobody.1).json(&json!({ "c": "d" })), 404),
        (of_heap, tags("DELETE", &heap), 200),
        (of_heap, tags("DELETE", "x"), 400),
        (of_heap, tags("DELETE", &nobody.1), 404),
        ("/health", Request::get("/health"), 200),
        ("/ready", Request::get("/ready"), 200),
        ("/metrics", Request::get("/metrics"), 200),
        ("/openapi.json", Request::get("/openapi.json"), 200),
    ]
}

#[test]
fn every_route_answers_as_described() {
    let server = Server::start(&[]);
    let root: Value =
        serde_json::from_str(&fs::read_to_string(golden()).expect("a golden file")).expect("JSON");
    let (mut complaints, mut asked) = (Vec::new(), BTreeSet::new());
    for (path, request, status) in questions(&server) {
        let method = request.method().to_lowercase();
        let what = format!("{method} {path} {status}");
        asked.insert(format!("{method} {path}"));
        let answer = server.ask(&request);
        if answer.status != status {
            complaints.push(format!("{what}: {} {}", answer.status, answer.beginning()));
        }
        let described = &root["paths"][path][&method]["responses"][status.to_string()];
        match described["content"]["application/json"].get("schema") {
            Some(schema) => complaints.extend(schema::complaints(&root, schema, &answer.json(), &what)),
            None if described.is_object() => {}
            None => complaints.push(format!("{what}: is not described")),
        }
    }
    for (path, methods) in root["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            let operation = format!("{method} {path}");
            complaints.extend((!asked.contains(&operation)).then(|| format!("{operation}: nobody asked")));
        }
    }
    let undescribed =
        complaints.extract_if(.., |complaint| complaint.ends_with("cancel 409.ok is not described"));
    let undescribed: Vec<String> = undescribed.collect();
    assert_none(&complaints);
    assert_none(&undescribed);
}

#[test]
fn metrics_are_in_prometheus_form() {
    let server = Server::start(&[]);
    server.code("1");
    server.code("throw 1");
    let answer = server.get("/metrics");
    assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("text/plain; version=0.0.4")));
    let metrics = String::from_utf8(answer.body).expect("UTF-8");
    for line in metrics.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let value = line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok());
        assert!(line.starts_with("stasis_") && value.is_some(), "{line}");
    }
    for part in [
        "stasis_runs_total{status=\"completed\"} 1\n",
        "stasis_runs_total{status=\"failed\"} 1\n",
        "stasis_runs_running 0\n",
        "stasis_runs_waiting 0\n",
        "stasis_run_duration_seconds_bucket{",
        "stasis_run_phase_seconds_bucket{phase=\"freeze\"",
        "stasis_run_phase_seconds_bucket{phase=\"store\"",
        "stasis_run_phase_seconds_bucket{phase=\"run\"",
        "stasis_run_phase_seconds_bucket{phase=\"start\"",
        "stasis_run_phase_seconds_bucket{phase=\"queue\"",
        "stasis_pool_spare_workers ",
        "stasis_pool_hot_heaps ",
        "stasis_pool_warm_heaps ",
    ] {
        assert!(metrics.contains(part), "{part} is not in\n{metrics}");
    }
}

#[test]
fn operators_see_that_it_works() {
    let server = Server::start(&[]);
    assert_eq!(server.get("/health").expect(200)["status"], "ok");
    assert_eq!(server.get("/ready").expect(200), json!({ "status": "ready" }));
    let description = server.get("/openapi.json").expect(200);
    assert_eq!(text(&description, "openapi"), "3.1.0");
}
