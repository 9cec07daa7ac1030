//! Which configurations are accepted, and what is said about the others.

use std::fs;

use serde_json::json;
use stasis_policy::{Policies, PolicyFlags, PolicySettings, SettingsError};
use tempfile::TempDir;

use crate::support::{url, write};

/// A configuration with one entry for `fetch`.
fn entry(fields: &str) -> String {
    format!(r#"{{"fetch": {{"policies": [{{{fields}}}]}}}}"#)
}

#[test]
fn accepted() {
    for text in [
        "{}",
        " \n {}",
        r#"{"fetch": {"policies": []}, "filesystem": {"mode": "any", "policies": []}, "modules": {"mode": "all", "policies": []}}"#,
        &entry(r#""url": "http://localhost:8181""#),
        &entry(r#""url": "https://user:password@opa.example/prefix/", "policy_path": "/a/b/allow""#),
        &entry(r#""url": "file:///etc/p.rego", "rule": "data.a.b_1""#),
        &entry(r#""url": "file://./p%20q""#),
    ] {
        let settings = PolicySettings::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(!format!("{settings:?}").contains("password"));
    }
    assert!(PolicySettings::parse("{}").unwrap().is_empty());
    assert!(!PolicySettings::parse(r#"{"modules": {"policies": []}}"#).unwrap().is_empty());
}

#[test]
fn refused() {
    let check = |text: &str, expect: &str| {
        let error = PolicySettings::parse(text).unwrap_err().to_string();
        assert!(error.starts_with("--policies-json:") && error.contains(expect), "{text}: {error}");
        assert!(!error.contains("password"), "{error}");
    };
    check("{", ":1:1: EOF while parsing an object");
    check("{\n  \"fetch\": {\n    \"policies\": [,]\n", ":3:18: expected value");
    check(
        "{\n \"fetsh\": {}}",
        ":2:8: unknown field `fetsh`, expected one of `fetch`, `filesystem`, `modules`",
    );
    check(r#"{"fetch": {}}"#, "missing field `policies`");
    check(r#"{"fetch": {"policies": []}, "fetch": {"policies": []}}"#, "duplicate field `fetch`");
    check(
        r#"{"fetch": {"mode": "some", "policies": []}}"#,
        "unknown variant `some`, expected `all` or `any`",
    );
    check(r#"{"fetch": {"policies": [], "more": 1}}"#, "unknown field `more`");
    check(&entry(""), "missing field `url`");
    check(&entry(r#""url": "http://h", "path": "x""#), "unknown field `path`");
    check(&entry(r#""url": "fetch.rego""#), "the url is not one: relative URL without a base");
    check(&entry(r#""url": "ftp://user:password@host""#), "http://, https:// or file://, not with ftp://");
    check(&entry(r#""url": "http://host/?password""#), "no query and no fragment");
    check(&entry(r#""url": "file://""#), "names no file");
    check(&entry(r#""url": "file:///a%00""#), "names no file");
    check(&entry(r#""url": "file:///a#b""#), "%23");
    check(&entry(r#""url": "http://h", "rule": "data.a.b""#), "rule belongs to a file:// policy");
    check(&entry(r#""url": "file:///a", "policy_path": "a/b""#), "policy_path belongs to");
    for path in ["", "/", "a//b", "a/../b", "./a"] {
        check(
            &entry(&format!(r#""url": "http://h", "policy_path": "{path}""#)),
            "below /v1/data/ such as mcp/fetch",
        );
    }
    for rule in ["", "data", "data.a", "mcp.fetch.allow", "data.a.", "data.a.1b", "data.a.b[0]", "data.a.b c"]
    {
        check(&entry(&format!(r#""url": "file:///a", "rule": "{rule}""#)), "such as data.mcp.fetch.allow");
    }
}

#[test]
fn a_file_is_named_in_errors() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("policies.json");
    let text = path.to_str().unwrap();
    assert!(matches!(PolicySettings::parse(text), Err(SettingsError::Unreadable { .. })));
    fs::write(&path, "{\n  \"fetch\": 1\n}").unwrap();
    let error = PolicySettings::parse(text).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{text}:2:12: invalid type: integer `1`, expected an object with mode and policies")
    );
    fs::write(&path, r#"{"fetch": {"policies": []}}"#).unwrap();
    assert!(!PolicySettings::parse(text).unwrap().is_empty());
    fs::write(&path, " ".repeat((1 << 20) + 1)).unwrap();
    assert!(matches!(PolicySettings::parse(text), Err(SettingsError::TooLarge { .. })));
}

#[test]
fn flags() {
    let flags = |policies_json, opa_url, opa_fetch_policy| {
        let settings = PolicySettings::from_flags(PolicyFlags { policies_json, opa_url, opa_fetch_policy })?;
        let policies = Policies::start(&settings).unwrap();
        let section = |there: bool, name: &'static str| there.then_some(name);
        Ok::<_, SettingsError>(
            [
                section(policies.fetch().is_some(), "fetch"),
                section(policies.filesystem().is_some(), "filesystem"),
                section(policies.modules().is_some(), "modules"),
            ]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>(),
        )
    };
    let (fetch, modules) = (r#"{"fetch": {"policies": []}}"#, r#"{"modules": {"policies": []}}"#);
    assert!(flags(None, None, None).unwrap().is_empty());
    assert_eq!(flags(None, Some("http://h:8181"), None).unwrap(), ["fetch"]);
    assert_eq!(flags(Some(modules), Some("http://h:8181"), Some("a/b")).unwrap(), ["fetch", "modules"]);
    assert!(matches!(flags(Some(fetch), Some("http://h:8181"), None), Err(SettingsError::TwoFetchPolicies)));
    assert!(matches!(flags(Some(fetch), None, Some("a/b")), Err(SettingsError::NoServer)));
    assert!(matches!(flags(None, Some("h:8181"), None), Err(SettingsError::Opa(_))));
    assert!(matches!(flags(None, Some("http://h:8181"), Some("..")), Err(SettingsError::Opa(_))));
}

#[test]
fn broken_policies_stop_the_start() {
    let check = |name: &str, files: &[(&str, &str)], expect: &str| {
        let folder = TempDir::new().unwrap();
        for (name, text) in files {
            write(&folder, name, text);
        }
        let settings = json!({"modules": {"policies": [{"url": url(&folder, name)}]}}).to_string();
        let error = Policies::start(&PolicySettings::parse(&settings).unwrap()).unwrap_err().to_string();
        let at = folder.path().join(name);
        let expect = expect.replace("AT", at.to_str().unwrap());
        assert!(error.starts_with(&format!("the modules policy is broken: {expect}")), "{error}");
    };
    check("p.rego", &[], "AT: cannot be read");
    check("p.txt", &[("p.txt", "package x")], "AT: a policy is a .rego file");
    check("p", &[("p/data.json", "{}")], "AT: there is no .rego file");
    check(
        "p.rego",
        &[("p.rego", "package a.b\n\nallow if {\n  input.x == \n}\n")],
        "AT:5:1: expecting expression",
    );
    check(
        "p.rego",
        &[("p.rego", "package a.b\nallow if { y == 1 }")],
        "AT:2:12: use of undefined variable `y`",
    );
    check("p.rego", &[("p.rego", "")], "AT:1:1: expecting `package`");
    check("p", &[("p/a.rego", "package a"), ("p/q/b.rego", "package b\nallow if")], "AT/q/b.rego:2:");
    check(
        "p",
        &[("p/a.rego", "package a"), ("p/data.json", "{\n \"x\": }")],
        "AT/data.json:2:7: expected value",
    );
    check("p", &[("p/a.rego", "package a"), ("p/data.json", "[]")], "AT/data.json: data must be object");
    check(
        "p",
        &[("p/a.rego", "package a"), ("p/1.json", r#"{"x": 1}"#), ("p/2.json", r#"{"x": 2}"#)],
        "AT/2.json: ",
    );
}
