//! Headers that the operator has set: their servers see them, and nobody else does.

use std::fs;

use super::{Scripts, web};
use crate::{
    http::{
        server::{Server, command},
        until,
    },
    support::{self, Cli},
};

const SECRET: &str = "s3cr3t-of-the-operator";

fn rule(more: &str) -> String {
    format!("host=127.0.0.1,header=Authorization,value=Bearer {SECRET}{more}")
}

#[test]
fn servers_see_them() {
    let web = web::playground();
    let scripts = Scripts::with_fetch(&web).flags(&["--fetch-header", &rule(",methods=GET;POST")]);
    let check = |init: &str, expect: Option<&str>| {
        let answer = scripts.run(&format!("await (await fetch('{{web}}/text', {init})).text()"));
        assert!(answer.error.is_none(), "{answer:?}");
        let asked = web.asked().pop().expect("it was asked");
        assert_eq!(asked.header("authorization"), expect, "{init}");
    };
    let bearer = format!("Bearer {SECRET}");
    check("undefined", Some(&bearer));
    check("{ method: 'POST' }", Some(&bearer));
    check("{ method: 'PUT' }", None);
    check("{ headers: { authorization: 'mine' } }", Some("mine"));
    check("{ headers: { AUTHORIZATION: 'mine' } }", Some("mine"));
}

#[test]
fn a_file_holds_more_of_them() {
    let web = web::playground();
    let scripts = Scripts::with_fetch(&web);
    let file = scripts.path("headers.json");
    let rules = serde_json::json!([
        { "host": "127.0.0.1", "headers": { "X-One": SECRET, "X-Two": "2" } },
        { "host": "*.example.com", "headers": { "X-Three": "3" } },
    ]);
    fs::write(&file, rules.to_string()).expect("written");
    let scripts = scripts.flags(&["--fetch-header-config", &super::text(&file), "--fetch-header", &rule("")]);
    scripts.check(&[("(await fetch('{web}/text')).status", "200")]);
    let asked = web.asked().pop().expect("it was asked");
    let header = |name| asked.header(name);
    assert_eq!((header("x-one"), header("x-two"), header("x-three")), (Some(SECRET), Some("2"), None));
    assert!(header("authorization").is_some_and(|value| value.ends_with(SECRET)));
}

#[test]
fn scripts_do_not_see_them() {
    let web = web::playground();
    let scripts = Scripts::with_fetch(&web).flags(&["--fetch-header", &rule("")]);
    for code in [
        "const q = new Request('{web}/text'); const r = await fetch(q); console.log(q, r, [...q.headers], [...r.headers]); [...q.headers]",
        "await fetch('{web}/nothing')",
        "await fetch('{web}/broken-gzip').then((r) => r.text())",
        "await fetch('{web}/loop/0')",
        "await fetch('{web}/headers/100000')",
        "await fetch('http://127.0.0.1:1/')",
        "try { await fetch('{web}/nothing') } catch (e) { console.log(e, e.stack, e.cause, Object.getOwnPropertyNames(e)) }",
    ] {
        let ended = scripts.cli(code).arg("--json").finish();
        assert!(!ended.stdout.contains(SECRET) && !ended.stderr.contains(SECRET), "{code}: {ended:?}");
    }
    let echoed = web.asked().iter().filter(|asked| asked.header("authorization").is_some()).count();
    assert!(echoed > 20, "they were sent {echoed} times");
}

#[test]
fn other_hosts_do_not_see_them() {
    let web = web::playground();
    let scripts = Scripts::with_fetch(&web).flags(&["--fetch-header", &rule("")]);
    let port = web.address.port();
    scripts.check(&[
        (&format!("(await fetch('http://localhost:{port}/text')).status"), "200"),
        (&format!("(await fetch('{{web}}/redirect/307?http://localhost:{port}/json', {{ method: 'POST', body: 'b' }})).status"), "200"),
        (&format!("(await fetch('http://localhost:{port}/redirect/302?{{web}}/html')).status"), "200"),
    ]);
    let seen = |path: &str| {
        let asked = web.asked().into_iter().rfind(|asked| asked.place() == path).expect("it was asked");
        asked.header("authorization").is_some()
    };
    assert_eq!((seen("/text"), seen("/json"), seen("/html")), (false, false, true));
}

#[test]
fn policies_do_not_see_them() {
    let web = web::playground();
    let policy = "package mcp.fetch\n\ndefault allow := false\n\nallow if not input.headers.authorization\n";
    let scripts = Scripts::new()
        .allow("fetch", policy)
        .flags(&["--fetch-allow-private", "--fetch-header", &rule("")])
        .web(&web);
    scripts.check(&[
        ("(await fetch('{web}/text')).status", "200"),
        (
            "await fetch('{web}/text', { headers: { authorization: 'mine' } })",
            "!TypeError: fetch denied by policy",
        ),
    ]);
    assert!(web.asked().iter().all(|asked| asked.header("authorization").is_some()));
}

#[test]
fn logs_and_printed_settings_do_not_have_them() {
    let web = web::playground();
    let scripts = Scripts::with_fetch(&web);
    let file = scripts.path("headers.json");
    let rules = serde_json::json!([{ "host": "127.0.0.1", "headers": { "X-One": SECRET } }]);
    fs::write(&file, rules.to_string()).expect("written");
    let (file, rule) = (super::text(&file), rule(""));
    let flags = ["--fetch-header", &rule, "--fetch-header-config", &file, "--log", "trace"];
    let flags: Vec<&str> = scripts.flags.iter().map(String::as_str).chain(flags).collect();
    let server = Server::start(&flags);
    for path in ["/text", "/nothing", "/loop/0", "/redirect/302?/text"] {
        server.code(&format!("await (await fetch('{}')).text()", web.url(path)));
    }
    until("it logs everything", || server.log().contains("TRACE").then_some(()));
    assert!(!server.log().contains(SECRET), "{}", server.log());
    let output = command(scripts.folder.path()).args(&flags).arg("--print-config").output().expect("started");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains("fetch-header") && !printed.contains(SECRET), "{printed}");
}

#[test]
fn what_is_wrong_with_them_is_said_without_them() {
    let web = web::playground();
    let file = |text: &str| {
        let scripts = Scripts::with_fetch(&web);
        fs::write(scripts.path("h.json"), text).expect("written");
        let flag = super::text(&scripts.path("h.json"));
        scripts.flags(&["--fetch-header-config", &flag])
    };
    let flag = |rule: &str| Scripts::with_fetch(&web).flags(&["--fetch-header", rule]);
    let mut complaints = Vec::new();
    let mut check = |scripts: Scripts, part: &str| {
        let ended = scripts.cli("1").finish();
        let right = ended.code == Some(2) && ended.stderr.contains(part) && !ended.stderr.contains(SECRET);
        complaints.extend((!right).then(|| format!("{part}: {ended:?}")));
    };
    check(flag(&format!("host=a.example,value={SECRET}")), "header= is missing");
    check(flag(&format!("header=X,value={SECRET}")), "host= is missing");
    check(flag(&format!("host=https://a,header=X,value={SECRET}")), "is not a host");
    check(flag(&format!("host=a.example,header=X,value={SECRET}\nx")), "line breaks");
    check(flag(&format!("host=a.example,header=Host,value={SECRET}")), "cannot be set");
    check(file(&format!("[{{\"host\":\"a.example\",\"headers\":{{\"X\":\"{SECRET}\"}}}}")), "h.json, line 1");
    check(file(&format!("[{{\"host\":\"a.example\",\"headers\":\"{SECRET}\"}}]")), "h.json, line 1");
    check(Scripts::new().flags(&["--fetch-header-config", "absent.json"]), "absent.json");
    check(Scripts::new().flags(&["--fetch-header", &rule("")]), "need a fetch policy");
    support::assert_none(&complaints);
    let files = Scripts::with_files().flags(&["--fetch-header", &rule("")]);
    let ended: support::Ended = Cli::finish(&files.cli("1"));
    assert!(ended.code == Some(2) && ended.stderr.contains("need a fetch policy"), "{ended:?}");
}
