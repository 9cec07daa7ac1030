//! The record of decisions.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    events::{record, recorded, wait_for},
    support::{start, url, write},
};

/// Occurs wherever a question could carry a secret.
const SECRET: &str = "4e1f-secret";

#[tokio::test]
async fn each_decision_is_recorded_without_secrets() {
    record();
    let folder = TempDir::new().unwrap();
    write(
        &folder,
        "p.rego",
        "package p\nyes := true\nno := false\nfails if to_number(input.headers.authorization) == 1\nlog if { print(input) }",
    );
    let section = |rule: &str| json!({"policies": [{"url": url(&folder, "p.rego"), "rule": rule}]});
    let ask = async |rule: &str, input: &Value| {
        let rule = format!("data.p.{rule}");
        let policies =
            start(&json!({"fetch": section(&rule), "filesystem": section(&rule), "modules": section(&rule)}));
        for policy in [policies.fetch(), policies.filesystem(), policies.modules()] {
            policy.unwrap().decide(input).await;
        }
    };
    let request = json!({
        "operation": "fetch",
        "method": "POST",
        "url": format!("https://user:{SECRET}@api-of-record.example:8443/a/b?key={SECRET}#{SECRET}"),
        "url_parsed": {"host": "api-of-record.example", "query": format!("key={SECRET}")},
        "headers": {"authorization": SECRET, "cookie": SECRET},
        "body": SECRET,
    });
    for rule in ["yes", "no", "fails", "missing", "log"] {
        ask(rule, &request).await;
    }
    ask("yes", &json!({"url": format!("data:text/javascript,{SECRET}")})).await;
    let rename = json!({"operation": "rename", "path": "/of-record/a\nb", "destination": "/of-record/c", "data": SECRET});
    ask("yes", &rename).await;

    let check = |words: &[&str], parts: &[&str]| {
        let event = wait_for(&[&["policy decision"], words].concat());
        assert!(event.starts_with("INFO stasis::policy"), "{event}");
        for part in parts {
            assert!(event.contains(part), "{part} is not in {event}");
        }
    };
    let address = "url=\"https://api-of-record.example:8443/a/b\"";
    check(
        &[address, "decision=\"allowed\"", "section=\"fetch\""],
        &["operation=\"fetch\"", "method=\"POST\"", "policy=\"data.p.yes\"", "duration_us="],
    );
    check(&[address, "decision=\"denied\"", "section=\"modules\"", "policy=\"data.p.no\""], &[]);
    check(&[address, "policy=\"data.p.missing\""], &["reason=\"data.p.missing is undefined in p.rego\""]);
    check(&[address, "policy=\"data.p.fails\""], &["could not be evaluated: see p.rego, line 4"]);
    check(
        &["path=\"/of-record/a\\nb\"", "section=\"filesystem\""],
        &["operation=\"rename\"", "destination=\"/of-record/c\""],
    );
    for event in recorded() {
        assert!(!event.contains(SECRET), "{event}");
        assert!(!event.contains("user:"), "{event}");
    }
}
