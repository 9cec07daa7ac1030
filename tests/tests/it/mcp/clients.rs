//! The official SDKs.

use serde_json::{Value, json};

use super::{
    server::{self, Server},
    tools,
};
use crate::support::{self, Cli};

/// What a client knows of tasks of revision 2025-11-25.
#[derive(Debug, Clone, Copy)]
enum Tasks {
    /// It makes calls tasks, and asks until they have ended.
    Followed,
    /// What can be asked of them.
    Known,
    /// Nothing.
    None,
}

impl Tasks {
    /// What it has to report of them.
    fn expect(self) -> Value {
        let mut expect = json!({
            "task": ["completed", "42", true],
            "failed_task": ["failed", "TypeError: no", true, "failed"],
            "cancelled_task": ["working", "cancelled", "cancelled"],
            "cancelled_twice": -32602,
            "tasks": [["cancelled", 0], ["failed", 1], ["completed", 2]],
        });
        match self {
            Self::Followed => {
                let ways = ["taskCreated taskStatus result", "taskCreated taskStatus error"];
                expect["followed"] = json!(ways);
                expect
            }
            Self::Known => expect,
            Self::None => json!({}),
        }
    }
}

/// What every client has to report, whatever the transport.
fn check(program: &Cli, tasks: Tasks) {
    let ended = program.finish();
    let report = ended.stdout.lines().last().and_then(|line| serde_json::from_str::<Value>(line).ok());
    let Some(mut report) = report else { panic!("no report: {ended:?}") };
    assert_eq!(report["tools"].as_array().map(Vec::len), Some(11), "{report}");
    for ours in ["tools", "revision"] {
        report.as_object_mut().expect("it is one").remove(ours);
    }
    let mut expect = json!({
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
        "silent": true,
        "log": [["warning", "[WARN] w"], ["error", "[ERROR] e"]],
        "bad_level": -32602,
        "flood": [1001, ["info", "999"], "warning", "2000 lines are left out here"],
        "long_line": [256 << 10, "2 lines are left out here"],
    });
    let of_tasks = tasks.expect().as_object().cloned().unwrap_or_default();
    expect.as_object_mut().expect("it is one").extend(of_tasks);
    assert_eq!(report, expect, "{}", ended.stderr);
}

fn typescript(arguments: &[&str]) {
    let folder = tools::node();
    let script = folder.join("client.mjs");
    let program = Cli::new(&[]).program("node".as_ref()).arg(script);
    check(&program.args(arguments).working_folder(folder), Tasks::Followed);
}

fn python(revision: &str, arguments: &[&str]) {
    let program = Cli::new(&[]).program(tools::python()).arg(tools::ours("client.py"));
    let tasks = if revision == "legacy" { Tasks::Known } else { Tasks::None };
    check(&program.arg(revision).args(arguments), tasks);
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
