//! The official inspector's command line.

use serde_json::Value;

use super::{server::Server, tools};
use crate::support::{self, Cli};

/// Lists and calls the tools of a server that is named by these arguments.
fn check(target: &[&str]) {
    let folder = tools::node();
    let program = folder.join("node_modules/@modelcontextprotocol/inspector/cli/build/cli.js");
    let ask = |arguments: &[&str]| {
        let inspector = Cli::new(&[]).program("node".as_ref()).arg(&program).arg("--cli");
        let ended = inspector.args(target).args(arguments).working_folder(folder).finish();
        serde_json::from_str::<Value>(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"))
    };
    let list = ask(&["--method", "tools/list"]);
    assert_eq!(list["tools"][0]["name"], "run_js");
    let call = ask(&["--method", "tools/call", "--tool-name", "run_js", "--tool-arg", "code=[6 * 7].join()"]);
    assert_eq!(call["structuredContent"]["result"], "42", "{call}");
}

#[test]
fn it_lists_and_calls_tools() {
    let server = Server::start();
    check(&[&server.url("/mcp"), "--transport", "http"]);
    check(&[&server.url("/sse"), "--transport", "sse"]);
    check(&[support::binary().to_str().expect("its name is text"), "--stateless"]);
}
