//! The official SDKs.

use serde_json::{Value, json};

use super::{
    server::{self, Server},
    tools,
};
use crate::support::{self, Cli};

/// What every client has to report, whatever the transport.
fn check(program: &Cli) {
    let ended = program.finish();
    let report = ended.stdout.lines().last().and_then(|line| serde_json::from_str::<Value>(line).ok());
    let Some(mut report) = report else { panic!("no report: {ended:?}") };
    assert_eq!(report["tools"].as_array().map(Vec::len), Some(11), "{report}");
    for ours in ["tools", "revision"] {
        report.as_object_mut().expect("it is one").remove(ours);
    }
    let expect = json!({
        "server": "stasis",
        "prompts": 3,
        "templates": 2,
        "call": ["completed", "42", "hello\n"],
        "resource": "hello\n",
        "error": [true, "failed", "TypeError: no"],
        "bad_argument": true,
        "unknown_tool": -32602,
        "progress": ["late", true],
        "withdrawn": true,
        "cancelled": "cancelled",
        "resumed": "2",
        "history": [[0, false], [1, true]],
        "branches": ["11", "21", true],
    });
    assert_eq!(report, expect, "{}", ended.stderr);
}

fn typescript(arguments: &[&str]) {
    let folder = tools::node();
    let script = folder.join("client.mjs");
    check(&Cli::new(&[]).program("node".as_ref()).arg(script).args(arguments).working_folder(folder));
}

fn python(revision: &str, arguments: &[&str]) {
    check(
        &Cli::new(&[]).program(tools::python()).arg(tools::ours("client.py")).arg(revision).args(arguments),
    );
}

/// Runs something with the command line of a server that speaks over standard input and output.
fn with_command_line(run: impl Fn(&[&str])) {
    let folder = support::folder();
    let flags = server::flags(folder.path());
    let mut arguments = vec!["stdio", support::binary().to_str().expect("its name is text")];
    arguments.extend(flags.iter().map(String::as_str));
    run(&arguments);
}

#[test]
fn typescript_over_stdio() {
    with_command_line(typescript);
}

#[test]
fn typescript_over_streamable_http() {
    typescript(&["http", &Server::start().url("/mcp")]);
}

#[test]
fn typescript_over_sse() {
    typescript(&["sse", &Server::start().url("/sse")]);
}

#[test]
fn python_over_stdio() {
    with_command_line(|arguments| python("legacy", arguments));
    with_command_line(|arguments| python("auto", arguments));
}

#[test]
fn python_over_streamable_http() {
    let server = Server::start();
    python("legacy", &["http", &server.url("/mcp")]);
    python("auto", &["http", &server.url("/mcp")]);
}

#[test]
fn python_over_sse() {
    let server = Server::start();
    python("legacy", &["sse", &server.url("/sse")]);
    python("auto", &["sse", &server.url("/sse")]);
}
