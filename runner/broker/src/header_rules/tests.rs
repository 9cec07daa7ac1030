//! What the seeds show, and what goes wrong.

use std::{fs, path::Path};

use super::*;

const SECRET: &str = "s3cr3t-t0ken";

fn sent(rules: &HeaderRules, host: &str, method: &str, script: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut headers = HeaderMap::new();
    for (name, value) in script {
        let name: HeaderName = name.parse().expect("a name");
        headers.insert(name, HeaderValue::from_str(value).expect("a value"));
    }
    rules.inject(host, &method.parse().expect("a method"), &mut headers);
    let text = |value: &HeaderValue| String::from_utf8(value.as_bytes().to_vec()).expect("text");
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

fn flag(text: &str) -> HeaderRules {
    HeaderRules::parse_flag(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn check_flag(text: &str, header: &str, value: &str) {
    let rules = flag(text);
    assert_eq!(
        sent(&rules, "api.example.com", "POST", &[]),
        [(header.to_owned(), value.to_owned())],
        "{text}"
    );
}

#[test]
fn flags() {
    let host = "host=api.example.com";
    check_flag(
        &format!("{host},header=Authorization,value=Bearer ghp_xxxx"),
        "authorization",
        "Bearer ghp_xxxx",
    );
    check_flag(&format!("{host},header=X-API-Key,value=a,b=c,"), "x-api-key", "a,b=c,");
    check_flag(&format!("{host},header=X,value=v,methods=GET;post"), "x", "v");
    check_flag(&format!("{host},methods=POST,header=X,value=v"), "x", "v");
    check_flag(&format!("header=X,{host},value=value=,value=1"), "x", "value=,value=1");
    check_flag(&format!("{host},header=X,value=a,methods=no method"), "x", "a,methods=no method");
    check_flag(&format!("{host}, header=X, value=v"), "x", "v");
    check_flag("host=*.example.com,header=X,value=v", "x", "v");
    assert_eq!(
        sent(&flag("host=api.example.com,header=X,value=v,methods=GET"), "api.example.com", "POST", &[]),
        []
    );
    assert_eq!(sent(&flag("host=api.example.com,header=X,value=v"), "other.example", "POST", &[]), []);
}

#[test]
fn what_the_script_set_wins_and_then_the_first_rule() {
    let mut rules = flag("host=a.example,header=Authorization,value=first");
    rules.merge(flag("host=*.example,header=authorization,value=second"));
    rules.merge(flag("host=*.example,header=X-More,value=more"));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        sent(&rules, "a.example", "GET", &[]),
        [pair("authorization", "first"), pair("x-more", "more")]
    );
    assert_eq!(
        sent(&rules, "a.example", "GET", &[("Authorization", "mine")]),
        [pair("authorization", "mine"), pair("x-more", "more")]
    );
}

#[test]
fn flags_that_are_none() {
    for (text, expect) in [
        ("", "value= is missing"),
        ("host=a.example,header=X", "value= is missing"),
        ("header=X,value=s3cr3t-t0ken", "host= is missing"),
        ("host=a.example,value=s3cr3t-t0ken,header=X", "header= is missing"),
        ("host=a.example,host=b.example,header=X,value=s3cr3t-t0ken", "host= is there twice"),
        ("host=a.example,name=X,value=s3cr3t-t0ken", "part 2"),
        ("s3cr3t-t0ken,value=x", "part 1"),
        ("host=a.example:80,header=X,value=s3cr3t-t0ken", "without a port"),
        ("host=*,header=X,value=s3cr3t-t0ken", "not a host"),
        ("host=a.example,header=X Y,value=s3cr3t-t0ken", "not the name of a header"),
        ("host=a.example,header=Host,value=s3cr3t-t0ken", "cannot be set"),
        ("host=a.example,header=X,value=s3cr3t-t0ken\r\nY: z", "line breaks"),
        ("host=a.example,methods=G T,header=X,value=s3cr3t-t0ken", "not an HTTP method"),
    ] {
        let error = HeaderRules::parse_flag(text).expect_err(text);
        check_message(&error, expect);
    }
}

fn check_message(error: &HeaderRuleError, expect: &str) {
    let message = error.to_string();
    assert!(message.contains(expect), "{message:?} lacks {expect:?}");
    assert!(!format!("{message} {error:?}").contains(SECRET), "{message}");
}

fn from_text(folder: &Path, text: &str) -> Result<HeaderRules, HeaderRuleError> {
    let path = folder.join("headers.json");
    fs::write(&path, text).expect("write");
    HeaderRules::from_file(&path)
}

#[test]
fn files() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = from_text(
        folder.path(),
        r#"[{"host": "api.github.com", "methods": ["GET", "POST"],
             "headers": {"Authorization": "Bearer ghp_xxxx", "X-GitHub-Api-Version": "2022-11-28"}},
            {"host": "*.example.com", "headers": {"X-API-Key": "secret123"}}]"#,
    )
    .expect("rules");
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        sent(&rules, "api.github.com", "GET", &[]),
        [pair("authorization", "Bearer ghp_xxxx"), pair("x-github-api-version", "2022-11-28")]
    );
    assert_eq!(sent(&rules, "api.github.com", "DELETE", &[]), []);
    assert_eq!(sent(&rules, "example.com", "DELETE", &[]), [pair("x-api-key", "secret123")]);
    assert!(from_text(folder.path(), "[]").expect("no rules").is_empty());
}

#[test]
fn files_that_are_none() {
    let folder = tempfile::tempdir().expect("a folder");
    for (text, expect) in [
        ("", "line 1, column 0: this is not JSON"),
        ("[\n{]", "line 2, column 2: this is not JSON"),
        ("[] []", "line 1, column 4: this is not JSON"),
        ("\"s3cr3t-t0ken\"", "line 1"),
        ("[\n\"s3cr3t-t0ken\"]", "line 2"),
        ("[{\"host\": \"a.example\",\n\"headers\": \"s3cr3t-t0ken\"}]", "line 2, column 25: expected a list"),
        ("[{\"host\": \"a.example\"}]", "expected a list"),
        ("[{\"host\": \"a.example\", \"header\": {}, \"headers\": {}}]", "expected a list"),
        ("[\n{\"host\": \"a:1\",\n\"headers\": {}}]", "line 3, column 15: \"a:1\" is not a host"),
        ("[{\"host\": \"a\", \"headers\": {\"X Y\": \"s3cr3t-t0ken\"}}]", "not the name of a header"),
        ("[{\"host\": \"a\", \"headers\": {\"X\": \"s3cr3t-t0ken\\n\"}}]", "line breaks"),
        ("[{\"host\": \"a\", \"methods\": [], \"headers\": {}}]", "the list of methods is empty"),
    ] {
        let error = from_text(folder.path(), text).map(|_| ()).expect_err(text);
        check_message(&error, expect);
        check_message(&error, "headers.json");
    }
    let error = HeaderRules::from_file(&folder.path().join("none.json")).expect_err("no file");
    check_message(&error, "none.json");
}

#[test]
fn nothing_shows_a_secret() {
    let rules = flag(&format!("host=a.example,header=X,value={SECRET}"));
    assert!(!format!("{rules:?} {rules:#?}").contains(SECRET));
    let mut headers = HeaderMap::new();
    rules.inject("a.example", &Method::GET, &mut headers);
    assert!(!format!("{headers:?}").contains(SECRET));
}
