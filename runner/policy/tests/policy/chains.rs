//! Decisions of several policies together.

use serde_json::{Value, json};
use stasis_policy::Decision;
use tempfile::TempDir;

use crate::support::{denied, no, start, url, write};

/// The policies that the chains below are made of.
const POLICIES: &[(&str, &str)] = &[
    ("yes.rego", "package mcp.fetch\nallow := true"),
    ("no.rego", "package mcp.fetch\nallow := false"),
    ("nothing.rego", "package mcp.fetch"),
    ("other.rego", "package mcp.other"),
];

#[tokio::test]
async fn all_or_any() {
    let folder = TempDir::new().unwrap();
    for (name, text) in POLICIES {
        write(&folder, name, text);
    }
    let check = async |mode: Option<&str>, names: &[&str], expect: Decision| {
        let policies: Vec<Value> =
            names.iter().map(|name| json!({"url": url(&folder, &format!("{name}.rego"))})).collect();
        let mut section = json!({"policies": policies});
        if let Some(mode) = mode {
            section["mode"] = json!(mode);
        }
        let policy = start(&json!({"fetch": section})).fetch().unwrap();
        assert_eq!(policy.decide(&json!({})).await, expect, "{mode:?} {names:?}");
    };
    let (all, any) = (Some("all"), Some("any"));
    let empty = || denied("the fetch section lists no policies, which denies everything");
    let nothing = "data.mcp.fetch.allow is undefined in nothing.rego";
    check(None, &[], empty()).await;
    check(any, &[], empty()).await;
    check(None, &["yes", "yes"], Decision::Allowed).await;
    check(None, &["yes", "no"], no()).await;
    check(all, &["no", "nothing"], no()).await;
    check(all, &["yes", "nothing", "no"], denied(nothing)).await;
    check(any, &["no", "nothing", "yes"], Decision::Allowed).await;
    check(any, &["no", "no"], no()).await;
    check(any, &["no", "nothing", "nothing"], denied(nothing)).await;
    let both = format!("{nothing}; data.mcp.fetch.allow is undefined in other.rego");
    check(any, &["nothing", "no", "other"], denied(&both)).await;
}
