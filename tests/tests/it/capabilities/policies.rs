//! Policies: what is wrong with them, how they are chained, and servers that decide.

use std::{fs, io};

use serde_json::json;

use super::{
    ALLOW_ALL, Scripts, text, web,
    web::{Exchange, Web},
};
use crate::{
    http::{
        configuration::wait,
        server::{Server, command},
        until,
    },
    support::{self, Cli, known_bug},
};

const ALLOW: &str = "package mcp.fetch\n\ndefault allow := true\n";
const DENY: &str = "package mcp.fetch\n\ndefault allow := false\n";

#[test]
fn what_is_wrong_is_said_before_anything_is_bound() {
    let folder = support::folder();
    let path = |name: &str| text(&folder.path().join(name));
    let mut complaints = Vec::new();
    let mut check = |files: &[(&str, &str)], policies: &str, parts: &[&str]| {
        for (name, content) in files {
            fs::write(folder.path().join(name), content).expect("written");
        }
        let policies = policies.replace("{folder}", &text(folder.path()));
        let run =
            Cli::script("1", &folder.path().join("heaps")).args(&["--policies-json", &policies]).finish();
        let data = folder.path().join("data");
        let flags = ["--http-port", "0", "--policies-json", &policies];
        let served = wait(command(&data).args(flags).spawn().expect("started"));
        let said = String::from_utf8_lossy(&served.stderr).into_owned();
        let opened = data.exists() || folder.path().join("heaps").exists();
        for (code, said) in [(run.code, &run.stderr), (served.status.code(), &said)] {
            let first = !said.contains("listening");
            let right = code == Some(2) && first && parts.iter().all(|part| said.contains(part)) && !opened;
            complaints.extend((!right).then(|| format!("{policies}: {code:?} opened: {opened} {said}")));
        }
    };
    check(&[("p.json", "{\n  \"fetch\": {,}\n}")], "{folder}/p.json", &[&path("p.json"), ":2:13"]);
    check(&[("p.json", "")], "{folder}/p.json", &[&path("p.json"), "EOF"]);
    check(&[("p.json", "[]")], "{folder}/p.json", &[&path("p.json"), ":1:"]);
    check(&[("p.json", "[]")], "{folder}/p.json", &["an object with the sections"]);
    check(&[], "{folder}/absent.json", &["absent.json"]);
    check(&[], "{\"fetch\": 1}", &["--policies-json:1:"]);
    check(&[], "{\"network\": {\"policies\": []}}", &["unknown field `network`"]);
    check(&[], "{\"fetch\": {\"mode\": \"some\", \"policies\": []}}", &["some", "all", "any"]);
    check(&[], "{\"fetch\": {\"policies\": [{\"url\": \"ftp://x\"}]}}", &["http://, https:// or file://"]);
    check(&[], "{\"fetch\": {\"policies\": [{\"url\": \"file:///absent.rego\"}]}}", &["/absent.rego"]);
    check(
        &[],
        "{\"fetch\": {\"policies\": [{\"url\": \"file://x.rego\", \"policy_path\": \"a\"}]}}",
        &["policy_path"],
    );
    let rego = "{\"fetch\": {\"policies\": [{\"url\": \"file://{folder}/f.rego\"}]}}";
    check(
        &[("f.rego", "package mcp.fetch\n\nallow if {\n\tinput.method ==\n}\n")],
        rego,
        &[&path("f.rego"), "f.rego:5:1: "],
    );
    check(&[("f.rego", "allow := true")], rego, &["f.rego:1:"]);
    support::assert_none(&complaints);
}

#[test]
fn nothing_but_the_error_is_said() {
    known_bug("regorus itself writes to standard error when a broken file is tried as Rego v0", || {
        let scripts =
            Scripts::new().allow("fetch", "package mcp.fetch\n\nallow if {\n\tinput.method ==\n}\n");
        let ended = scripts.cli("1").finish();
        assert!(ended.stderr.starts_with("error: "), "{ended:?}");
    });
}

#[test]
fn a_policy_without_its_rule_is_told_to_the_operator() {
    let web = web::playground();
    let scripts = Scripts::with_fetch(&web).allow("fetch", "package other\n\nallow := true\n");
    let flags: Vec<&str> = scripts.flags.iter().map(String::as_str).collect();
    let server = Server::start(&flags);
    until("it says so", || server.log().contains("data.mcp.fetch.allow").then_some(()));
    scripts.check(&[("await fetch('{web}/text')", "!TypeError: fetch denied by policy: GET http://")]);
}

#[test]
fn flags_that_do_not_go_together_are_refused() {
    let mut complaints = Vec::new();
    let mut check = |scripts: Scripts, parts: &[&str]| {
        let ended = scripts.cli("1").finish();
        let right = ended.code == Some(2) && parts.iter().all(|part| ended.stderr.contains(part));
        complaints.extend((!right).then(|| format!("{:?}: {ended:?}", scripts.flags)));
    };
    let opa = &["--opa-url", "http://127.0.0.1:1"];
    check(Scripts::new().allow("fetch", ALLOW_ALL).flags(opa), &["--opa-url", "fetch section"]);
    check(
        Scripts::new().flags(&["--opa-fetch-policy", "mcp/fetch"]),
        &["--opa-fetch-policy needs --opa-url"],
    );
    check(Scripts::new().flags(&["--opa-url", "ftp://x"]), &["--opa-url", "http://"]);
    check(Scripts::new().flags(&["--opa-url", "nonsense"]), &["--opa-url"]);
    check(Scripts::new().flags(opa).flags(&["--opa-fetch-policy", "../x"]), &["--opa-fetch-policy"]);
    check(
        Scripts::new().flags(&["--module-base-url", "file:///x", "--allow-external-modules"]),
        &["module base URL"],
    );
    support::assert_none(&complaints);
    // Its fetch policy is elsewhere: both have their place.
    Scripts::with_files().flags(opa).check(&[("[typeof fetch, typeof fs]", r#"["function","object"]"#)]);
}

#[test]
fn chains_need_all_or_any() {
    let web = web::playground();
    let scripts = Scripts::with_fetch(&web);
    fs::write(scripts.path("allow.rego"), ALLOW).expect("written");
    fs::write(scripts.path("deny.rego"), DENY).expect("written");
    fs::write(scripts.path("none.rego"), "package mcp.fetch\n\nallow if input.method == \"NO\"\n")
        .expect("written");
    let mut complaints = Vec::new();
    let mut check = |chain: serde_json::Value, allowed: bool| {
        let chain = json!({ "fetch": chain }).to_string().replace("{folder}", &text(scripts.folder.path()));
        fs::write(scripts.path("policies.json"), &chain).expect("written");
        let expect = if allowed { "200" } else { "!TypeError: fetch denied by policy: GET http://" };
        complaints
            .extend(scripts.complaint("(await fetch('{web}/text')).status", expect).map(|why| chain + &why));
    };
    let policy = |name: &str| json!({ "url": format!("file://{{folder}}/{name}.rego") });
    for (mode, names, allowed) in [
        ("all", &["allow", "allow"][..], true),
        ("all", &["allow", "deny"], false),
        ("all", &["none", "allow"], false),
        ("any", &["deny", "allow"], true),
        ("any", &["none", "allow"], true),
        ("any", &["deny", "none"], false),
        ("all", &[], false),
        ("any", &[], false),
    ] {
        let policies: Vec<_> = names.iter().map(|name| policy(name)).collect();
        check(json!({ "mode": mode, "policies": policies }), allowed);
    }
    check(json!({ "policies": [policy("allow"), policy("deny")] }), false);
    support::assert_none(&complaints);
}

#[test]
fn an_undefined_rule_is_named() {
    let web = web::playground();
    let policy = "package mcp.fetch\n\nallow if input.method == \"NO\"\n";
    let scripts = Scripts::new().allow("fetch", policy).flags(&["--fetch-allow-private"]).web(&web);
    let error = scripts.run("await fetch('{web}/text')").error.unwrap_or_default();
    let first = error.lines().next().unwrap_or_default();
    let denied = format!("fetch denied by policy: GET {} is not allowed", web.url("/text"));
    assert!(first.contains(&denied) && first.contains("data.mcp.fetch.allow"), "{first}");
}

#[test]
fn policies_of_the_older_syntax_work() {
    let web = web::playground();
    let policy = "package mcp.fetch\n\ndefault allow = false\n\nallow {\n\tinput.method == \"GET\"\n\tinput.url_parsed.host == \"127.0.0.1\"\n\tstartswith(input.url_parsed.path, \"/te\")\n}\n";
    let scripts = Scripts::new().allow("fetch", policy).flags(&["--fetch-allow-private"]).web(&web);
    scripts.check(&[
        ("(await fetch('{web}/text')).status", "200"),
        ("await fetch('{web}/json')", "!TypeError: fetch denied by policy"),
    ]);
}

#[test]
fn the_documented_file_policy_works() {
    let scripts = Scripts::new();
    let policy = format!(
        "package mcp.fs\n\ndefault allow = false\n\n# Allow reading\nallow if {{\n\tinput.operation == \"readFile\"\n\tstartswith(input.path, \"{0}/\")\n}}\n\n\
         allow if {{\n\tinput.operation == \"writeFile\"\n\tstartswith(input.path, \"{0}/\")\n}}\n\nallow if {{\n\tinput.operation in [\"readdir\", \"stat\", \"exists\"]\n\tstartswith(input.path, \"{0}/\")\n}}\n",
        scripts.files()
    );
    scripts.allow("filesystem", &policy).check(&[
        ("await fs.writeFile('{folder}/a', 'x'); [await fs.readFile('{folder}/a'), (await fs.stat('{folder}/a')).size, await fs.exists('{folder}/a')]", r#"["x",1,true]"#),
        ("await fs.rm('{folder}/a')", "!Error: fs.rm denied by policy"),
        ("await fs.readFile('/etc/passwd')", "!Error: fs.readFile denied by policy"),
    ]);
}

/// A policy server: allows what it is asked about with GET, and says strange things on some paths.
fn opa() -> Web {
    Web::start(|exchange: &mut Exchange| -> io::Result<()> {
        let body: serde_json::Value = serde_json::from_slice(&exchange.body()?).unwrap_or_default();
        let get = body["input"]["method"] == "GET" && body["input"]["operation"] == "fetch";
        match exchange.asked.path.as_str() {
            "/v1/data/mcp/fetch" => {
                exchange.say("application/json", json!({ "result": { "allow": get } }).to_string())
            }
            "/v1/data/mine/own" => exchange.say("application/json", json!({ "result": get }).to_string()),
            "/v1/data/fails" => exchange.answer("500 Failed", &[], b"no"),
            "/v1/data/nonsense" => exchange.say("application/json", "nonsense"),
            "/v1/data/cut" => Ok(()),
            _ => exchange.say("application/json", "{}"),
        }
    })
}

#[test]
fn a_policy_server_decides() {
    let (web, opa) = (web::playground(), opa());
    let base = opa.url("");
    let scripts = |flags: &[&str]| {
        Scripts::new().flags(&["--opa-url", &base, "--fetch-allow-private"]).flags(flags).web(&web)
    };
    let denied = "!TypeError: fetch denied by policy: POST http://";
    let cases = &[
        ("(await fetch('{web}/text')).status", "200"),
        ("await fetch('{web}/text', { method: 'POST' })", denied),
    ];
    scripts(&[]).check(cases);
    scripts(&["--opa-fetch-policy", "mine/own"]).check(cases);
    for document in ["fails", "nonsense", "cut", "undefined/there"] {
        let refused = &[("await fetch('{web}/text')", "!TypeError: fetch denied by policy: GET http://")];
        scripts(&["--opa-fetch-policy", document]).check(refused);
    }
    let gone = Scripts::new().flags(&["--opa-url", "http://127.0.0.1:1", "--fetch-allow-private"]).web(&web);
    gone.check(&[("await fetch('{web}/text')", "!TypeError: fetch denied by policy: GET http://")]);
    assert!(opa.asked().iter().all(|asked| asked.method == "POST"), "{:?}", opa.asked());
    assert_eq!(web.asked().len(), 2);
}

#[test]
fn a_server_and_a_file_can_be_chained() {
    let (web, opa) = (web::playground(), opa());
    let scripts = Scripts::with_fetch(&web);
    let file = format!("file://{}", text(&scripts.path("fetch.rego")));
    let settings = json!({ "fetch": { "mode": "all", "policies": [{ "url": file }, { "url": opa.url(""), "policy_path": "mine/own" }] } });
    fs::write(scripts.path("policies.json"), settings.to_string()).expect("written");
    scripts.check(&[
        ("(await fetch('{web}/text')).status", "200"),
        ("await fetch('{web}/text', { method: 'POST' })", "!TypeError: fetch denied by policy"),
    ]);
}

#[test]
fn one_question_is_answered_by_hand() {
    let folder = support::folder();
    let file = folder.path().join("p.rego");
    let check = |rego: &str, more: &[&str], code: i32, parts: &[&str]| {
        fs::write(&file, rego).expect("written");
        let ended = Cli::new(&["policy", "check"]).arg(&file).args(more).finish();
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(
            ended.code == Some(code) && parts.iter().all(|part| said.contains(part)),
            "{rego}: {ended:?}"
        );
    };
    let get = "package mcp.fetch\n\ndefault allow := false\n\nallow if input.method == \"GET\"\n";
    check(get, &["--input", r#"{"method":"GET"}"#], 0, &["allowed", "data.mcp.fetch.allow"]);
    check(get, &["--input", r#"{"method":"PUT"}"#], 1, &["denied"]);
    check(get, &["--input", r#"{"method":"GET"}"#, "--json"], 0, &[r#""verdict":"allowed""#]);
    check(get, &["--input", "{"], 2, &["not JSON"]);
    check(get, &["--input", "{}", "--rule", "data.mcp.fetch.other"], 1, &["undefined"]);
    check("package mcp.fetch\n\nallow if input.method == \"GET\"\n", &["--input", "{}"], 1, &["undefined"]);
    check("package mcp.fetch\n\nallow if {\n", &["--input", "{}"], 2, &["p.rego:"]);
    check("package own\n\nyes := true\n", &["--input", "{}", "--rule", "data.own.yes"], 0, &["allowed"]);
    let absent = Cli::new(&["policy", "check", "absent.rego", "--input", "{}"]).finish();
    assert!(absent.code == Some(2) && absent.stderr.contains("absent.rego"), "{absent:?}");
}

#[test]
fn decisions_are_logged() {
    let web = web::playground();
    let scripts = Scripts::with_fetch(&web).allow("fetch", DENY);
    let flags: Vec<&str> = scripts.flags.iter().map(String::as_str).chain(["--log", "debug"]).collect();
    let server = Server::start(&flags);
    server.code(&format!("await fetch('{}')", web.url("/text?token=of-the-script")));
    until("the denial is logged", || server.log().contains("deni").then_some(()));
}
