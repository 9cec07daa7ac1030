//! The flags from a file and from variables, and what clients are told of them.

use std::fs;

use serde_json::json;

use super::{Scripts, text, web};
use crate::http::{
    client::Request,
    server::{Server, command},
};

#[test]
fn a_file_can_say_it() {
    let web = web::playground();
    let scripts = Scripts::with_fetch(&web);
    let wasm = scripts.path("adder.wasm");
    fs::write(&wasm, web::adder()).expect("written");
    let settings = format!(
        "policies-json = '{}'\nfetch-allow-private = true\nallow-external-modules = true\nmodule-base-url = '{}'\n\
         fetch-header = ['host=127.0.0.1,header=X-One,value=1,2,methods=GET;POST', 'host=127.0.0.1,header=X-Two,value=2']\n\
         wasm-module = ['adder={}']\n",
        text(&scripts.path("policies.json")),
        web.url(""),
        text(&wasm),
    );
    let file = scripts.path("c.toml");
    fs::write(&file, settings).expect("written");
    let server = Server::start(&["--config", &text(&file)]);
    let record = server.code(&format!("(await fetch('{}')).status + adder.add(1, 2)", web.url("/text")));
    assert_eq!(record["result"], "203", "{record}");
    let asked = web.asked().pop().expect("it was asked");
    assert_eq!((asked.header("x-one"), asked.header("x-two")), (Some("1,2"), Some("2")));
    let output = command(scripts.folder.path())
        .args(["--config", &text(&file), "--print-config"])
        .output()
        .expect("started");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!printed.contains("X-One") && printed.contains("allow-external-modules = true"), "{printed}");
}

#[test]
fn variables_can_say_it() {
    let web = web::playground();
    let scripts = Scripts::with_fetch(&web);
    let file = text(&scripts.path("policies.json"));
    let rules = "host=127.0.0.1,header=X-One,value=1,2\nhost=127.0.0.1,header=X-Two,value=2,methods=GET";
    let output = command(scripts.folder.path())
        .env("STASIS_POLICIES_JSON", &file)
        .env("STASIS_FETCH_HEADER", rules)
        .env("STASIS_FETCH_ALLOW_PRIVATE", "true")
        .env("STASIS_ALLOW_EXTERNAL_MODULES", "true")
        .env("STASIS_MODULE_BASE_URL", "http://127.0.0.1:9/base")
        .arg("--print-config")
        .output()
        .expect("started");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in [
        "# fetch-header is not shown: it holds secrets (STASIS_FETCH_HEADER)",
        "fetch-allow-private = true # STASIS_FETCH_ALLOW_PRIVATE",
        "module-base-url = \"http://127.0.0.1:9/base\" # STASIS_MODULE_BASE_URL",
        "allow-external-modules = true",
        &file,
    ] {
        assert!(
            printed.contains(part),
            "{part} is not in\n{printed}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let variables = [
        ("STASIS_POLICIES_JSON", file.as_str()),
        ("STASIS_FETCH_HEADER", rules),
        ("STASIS_FETCH_ALLOW_PRIVATE", "true"),
    ];
    let server = Server::with_variables(scripts.folder.path(), &[], &variables);
    let record = server.code(&format!("(await fetch('{}')).status", web.url("/text")));
    assert_eq!(record["result"], "200", "{record}");
    let asked = web.asked().pop().expect("it was asked");
    assert_eq!((asked.header("x-one"), asked.header("x-two")), (Some("1,2"), Some("2")));
}

#[test]
fn clients_are_told_what_scripts_can_reach() {
    let description = |flags: &[String]| {
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let server = Server::stateless(&flags);
        let ask = |method: &str, params: serde_json::Value, session: Option<&str>| {
            let mut request = Request::post("/mcp").header("accept", "application/json, text/event-stream");
            if let Some(session) = session {
                request = request.header("mcp-session-id", session);
            }
            server
                .ask(&request.json(&json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })))
        };
        let info = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "raw", "version": "1" } });
        let initialized = ask("initialize", info, None);
        let session = initialized.header("mcp-session-id").map(str::to_owned);
        let listed = ask("tools/list", json!({}), session.as_deref());
        let body = String::from_utf8_lossy(&listed.body).into_owned();
        let message = body
            .lines()
            .find_map(|line| line.strip_prefix("data: ").filter(|data| data.starts_with('{')))
            .unwrap_or(&body)
            .to_owned();
        let message: serde_json::Value =
            serde_json::from_str(&message).unwrap_or_else(|_| panic!("no message: {body}"));
        let tools = message["result"]["tools"].as_array().cloned().unwrap_or_default();
        let tool = tools
            .into_iter()
            .find(|tool| tool["name"] == "run_js")
            .unwrap_or_else(|| panic!("no run_js: {body}"));
        tool["description"].as_str().unwrap_or_default().to_owned()
    };
    let web = web::playground();
    let nothing = description(&[]);
    assert!(nothing.contains("no network, no files and no imports"), "{nothing}");
    let fetch = description(&Scripts::with_fetch(&web).flags);
    assert!(fetch.contains("Scripts can use fetch") && !fetch.contains("fs.readFile"), "{fetch}");
    let files = Scripts::with_files();
    let files_told = description(&files.flags);
    assert!(files_told.contains("fs.readFile"), "{files_told}");
    let modules = description(&Scripts::with_modules(&web).flags);
    assert!(modules.contains("npm:"), "{modules}");
}
