//! The command itself: exit statuses, standard input, and the JSON answer.

use std::fs;

use serde_json::Value;

use crate::support::{self, Cli};

#[test]
fn exit_statuses_are_the_scripts_fate() {
    let store = support::folder();
    let check = |code: &str, flags: &[&str], expect: i32| {
        for json in [&[][..], &["--json"]] {
            let ended = Cli::script(code, store.path()).args(flags).args(json).finish();
            assert_eq!(ended.code, Some(expect), "{code}: {ended:?}");
        }
    };
    check("5", &[], 0);
    check("throw 1", &[], 1);
    check("let x = ;", &[], 1);
    check("await new Promise(() => {})", &[], 1);
    check("1", &["--execution-timeout", "0"], 2);
    check("for (;;);", &["--execution-timeout", "1"], 3);
    check("const a = []; for (;;) a.push([])", &[], 3);
    check("5", &["--heap", &"0".repeat(64)], 4);
}

#[test]
fn the_json_answer_has_all_fields() {
    let store = support::folder();
    let check = |code: &str, flags: &[&str], expect: &[(&str, Value)]| {
        let ended = Cli::script(code, store.path()).args(flags).arg("--json").finish();
        let answer: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
        let mut fields: Vec<&str> =
            answer.as_object().expect("an object").keys().map(String::as_str).collect();
        fields.sort_unstable();
        let mut expected = ["status", "result", "error", "output", "heap", "heap_error", "timings_ms"];
        expected.sort_unstable();
        assert_eq!(fields, expected, "{code}");
        assert_eq!(ended.stdout.lines().count(), 1, "one line");
        assert_eq!(ended.stderr, "", "{code}");
        for (field, value) in expect {
            assert_eq!(answer[field], *value, "{code}: {field}");
        }
        for stage in ["start", "run", "freeze", "store"] {
            assert!(answer["timings_ms"][stage].is_f64(), "{code}: {stage}");
        }
        answer
    };
    let text = |text: &str| Value::from(text);
    let answer = check(
        "console.log('out'); 'é'",
        &[],
        &[
            ("status", text("completed")),
            ("result", text("é")),
            ("error", Value::Null),
            ("output", text("out\n")),
            ("heap_error", Value::Null),
        ],
    );
    let heap = answer["heap"].as_str().expect("a heap");
    assert!(heap.len() == 64 && heap.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
    check(
        "throw new Error('x')",
        &[],
        &[
            ("status", text("failed")),
            ("result", Value::Null),
            ("heap", Value::Null),
            ("error", text("Error: x\n    at stdin:1:7")),
        ],
    );
    check(
        "for (;;);",
        &["--execution-timeout", "1"],
        &[
            ("status", text("timed_out")),
            (
                "error",
                text(
                    "Execution timed out: script exceeded the time limit. Try increasing execution_timeout_secs.",
                ),
            ),
        ],
    );
    check(
        "const a = []; for (;;) a.push([])",
        &[],
        &[
            ("status", text("failed")),
            ("error", text("Out of memory: V8 heap limit exceeded. Try increasing heap_memory_max_mb.")),
        ],
    );
    check("1", &["--stateless"], &[("heap", Value::Null), ("heap_error", Value::Null)]);
}

#[test]
fn scripts_come_from_anywhere() {
    let (store, files) = (support::folder(), support::folder());
    fs::write(files.path().join("-"), "'a file called -'").expect("write");
    fs::write(files.path().join("no extension"), "let x: number = 1; 'no extension'").expect("write");
    fs::write(files.path().join("é ?#%.js"), "'odd name'").expect("write");
    fs::write(files.path().join("crlf.js"), "1;\r\n'crlf'\r\n").expect("write");
    fs::write(files.path().join("bom.js"), "\u{feff}'bom'").expect("write");
    fs::write(files.path().join("hashbang.js"), "#!/usr/bin/env stasis\n'hashbang'").expect("write");
    let check = |name: &str, expect: &str| {
        let answer = Cli::new(&["run", name]).store(store.path()).working_folder(files.path()).answer();
        assert_eq!(answer.result.as_deref(), Some(expect), "{name}: {answer:?}");
    };
    check("./-", "a file called -");
    check("no extension", "no extension");
    check("é ?#%.js", "odd name");
    check("crlf.js", "crlf");
    check("bom.js", "bom");
    check("hashbang.js", "hashbang");
}

/// A limit belongs to its run, whatever the heap's earlier runs had.
#[test]
fn limits_are_per_run() {
    let store = support::folder();
    let fill = "var kept = Array.from({ length: 1 << 20 }, (_, i) => ({ i })); kept.length";
    let small = Cli::script(fill, store.path()).answer();
    assert!(small.error.is_some_and(|error| error.starts_with("Out of memory")));
    let (result, heap) = Cli::script(fill, store.path()).args(&["--heap-memory-max", "256"]).saved();
    assert_eq!(result, "1048576");
    let resumed =
        Cli::script("kept.length", store.path()).heap(&heap).args(&["--heap-memory-max", "256"]).answer();
    assert_eq!(resumed.result.as_deref(), Some("1048576"), "{resumed:?}");
    let tight = Cli::script("for (;;) kept = kept.concat(kept)", store.path())
        .heap(&heap)
        .args(&["--heap-memory-max", "300"])
        .answer();
    assert!(tight.error.is_some_and(|error| error.starts_with("Out of memory")));
}
