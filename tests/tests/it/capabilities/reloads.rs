//! Policies that change while a server runs.

use std::fs;

use super::{Scripts, web};
use crate::http::{server::Server, until};

const ALLOW: &str = "package mcp.fetch\n\ndefault allow := true\n";
const DENY: &str = "package mcp.fetch\n\ndefault allow := false\n";
const BROKEN: &str = "package mcp.fetch\n\nallow if {\n";

#[test]
fn a_changed_policy_is_in_force_soon_and_a_broken_one_never() {
    let web = web::playground();
    let scripts = Scripts::with_fetch(&web);
    let flags: Vec<&str> = scripts.flags.iter().map(String::as_str).collect();
    let server = Server::start(&flags);
    let file = scripts.path("fetch.rego");
    let code = format!("try {{ (await fetch('{}')).status }} catch (e) {{ 'denied' }}", web.url("/text"));
    let says = |what: &str| (server.code(&code)["result"] == what).then_some(());
    until("it is allowed", || says("200"));
    fs::write(&file, DENY).expect("written");
    until("the new policy is in force", || says("denied"));
    fs::write(&file, BROKEN).expect("written");
    until("it says that the policy is broken", || server.log().contains("broken").then_some(()));
    assert!(server.log().contains("fetch.rego:"), "{}", server.log());
    assert_eq!(says("denied"), Some(()), "the last good one stays in force");
    fs::write(&file, ALLOW).expect("written");
    until("the mended policy is in force", || says("200"));
    fs::remove_file(&file).expect("ours");
    until("it says that the policy is gone", || (server.log().matches("broken").count() >= 2).then_some(()));
    assert_eq!(says("200"), Some(()), "the last good one stays in force");
    // As editors and configuration managers do it.
    fs::write(scripts.path("new"), DENY).expect("written");
    fs::rename(scripts.path("new"), &file).expect("renamed");
    until("the replaced policy is in force", || says("denied"));
}
