//! `stasis policy check`.

use serde_json::{Value, json};
use stasis_policy::{CheckError, Verdict, check};
use tempfile::TempDir;

use crate::support::write;

#[test]
fn one_question_to_one_file() {
    let folder = TempDir::new().unwrap();
    write(
        &folder,
        "fetch.rego",
        "package mcp.fetch\nallow if input.n == 1\nnot_clear := \"yes\"\nallow := false if input.n == 2",
    );
    write(&folder, "fs.rego", "package mcp.fs\nallow := {\"allow\": to_number(input.n) == 1}");
    write(
        &folder,
        "slow.rego",
        "package a\nallow if count([1 | some a in numbers.range(1, 3000); some b in numbers.range(1, 3000); a * b == 0]) == 0",
    );
    let ask = |name: &str, rule: Option<&str>, input: Value| check(&folder.path().join(name), rule, input);
    let expect = |name, rule, input, verdict, asked: &str, value: Option<Value>| {
        let checked = ask(name, rule, input).unwrap();
        assert_eq!((checked.verdict, checked.rule.as_str(), checked.value), (verdict, asked, value));
    };
    let fetch = "data.mcp.fetch.allow";
    expect("fetch.rego", None, json!({"n": 1}), Verdict::Allowed, fetch, Some(json!(true)));
    expect("fetch.rego", None, json!({"n": 2}), Verdict::Denied, fetch, Some(json!(false)));
    expect("fetch.rego", None, json!({"n": 3}), Verdict::Undefined, fetch, None);
    expect(
        "fetch.rego",
        Some("data.mcp.other.allow"),
        json!({}),
        Verdict::Undefined,
        "data.mcp.other.allow",
        None,
    );
    let unclear = "data.mcp.fetch.not_clear";
    expect("fetch.rego", Some(unclear), json!({}), Verdict::Denied, unclear, Some(json!("yes")));
    expect(
        "fs.rego",
        None,
        json!({"n": "1"}),
        Verdict::Allowed,
        "data.mcp.fs.allow",
        Some(json!({"allow": true})),
    );

    let error = |name, rule, input| ask(name, rule, input).unwrap_err();
    let said = error("fs.rego", None, json!({"n": "x"})).to_string();
    assert!(said.contains("fs.rego:2:") && said.contains("could not parse string as number"), "{said}");
    assert!(error("slow.rego", Some("data.a.allow"), json!({})).to_string().contains("longer than 250 ms"));
    assert!(matches!(error("none.rego", None, json!({})), CheckError::Broken(_)));
    assert!(matches!(error("fs.rego", Some("allow"), json!({})), CheckError::Rule(_)));
}
