//! What the policy is asked, and what a script is told when it says no.

use serde_json::json;

use super::*;

#[tokio::test]
async fn the_policy_sees_where_paths_lead() {
    let scene = Scene::new();
    scene.put("~/in/file", "text");
    scene.link("~/in", "~/in/folder/up");
    scene.link("~/in/new", "~/in/dangling");
    scene.link("file", "~/in/link");
    let check = async |call: FileCall, expect: Value| {
        let hint = format!("{call:?}");
        // What comes of it is another matter.
        drop(scene.call(call).await);
        let expect: Value = serde_json::from_str(&scene.path(&expect.to_string())).expect("JSON");
        assert_eq!(scene.policy.asked.lock().expect("no panic").pop(), Some(expect), "{hint}");
    };
    check(
        scene.read("~/in/folder/up/./link"),
        json!({"operation": "readFile", "path": "~/in/file", "encoding": "utf8"}),
    )
    .await;
    let path = scene.path("~/in/file");
    check(
        FileCall::ReadFile { path, encoding: FileEncoding::Buffer },
        json!({"operation": "readFile", "path": "~/in/file", "encoding": "buffer"}),
    )
    .await;
    check(scene.write("~/in/dangling"), json!({"operation": "writeFile", "path": "~/in/new"})).await;
    check(scene.append("~/in//new"), json!({"operation": "appendFile", "path": "~/in/new"})).await;
    check(scene.read_folder("~/in/folder/up/"), json!({"operation": "readdir", "path": "~/in"})).await;
    check(scene.stat("~/in/link"), json!({"operation": "stat", "path": "~/in/file"})).await;
    check(scene.exists_call("~/out/../in/x"), json!({"operation": "exists", "path": "~/in/x"})).await;
    check(scene.exists_call("/"), json!({"operation": "exists", "path": "/"})).await;
    check(
        scene.make_folder("~/in/folder/up/a", false),
        json!({"operation": "mkdir", "path": "~/in/a", "recursive": false}),
    )
    .await;
    check(
        scene.make_folder("~/in/folder/up/b/c", true),
        json!({"operation": "mkdir", "path": "~/in/b/c", "recursive": true}),
    )
    .await;
    check(
        scene.rename("~/in/folder/up/link", "~/in/folder/up/x"),
        json!({"operation": "rename", "path": "~/in/link", "destination": "~/in/x"}),
    )
    .await;
    check(
        scene.copy("~/in/x", "~/in/folder/up/y"),
        json!({"operation": "copyFile", "path": "~/in/file", "destination": "~/in/y"}),
    )
    .await;
    check(
        scene.remove("~/in/folder/up", false),
        json!({"operation": "rm", "path": "~/in/folder/up", "recursive": false}),
    )
    .await;
    check(scene.remove("~/in/b", true), json!({"operation": "rm", "path": "~/in/b", "recursive": true}))
        .await;
}

#[tokio::test]
async fn denials_say_what_was_denied_and_not_what_is_there() {
    let scene = Scene::new();
    scene.link("~/out", "~/in/out");
    let check = async |call: FileCall, expect: &str| {
        let error = scene.call(call).await.expect_err(expect);
        assert_eq!(error, HostError::with_code("EACCES", scene.path(expect)));
    };
    check(scene.read("~/out/canary"), "fs.readFile denied by policy: ~/out/canary is not allowed").await;
    check(scene.read("~/out/no"), "fs.readFile denied by policy: ~/out/no is not allowed").await;
    check(scene.read("~/out/no/no"), "fs.readFile denied by policy: ~/out/no/no is not allowed").await;
    check(scene.read("~/out/canary/x"), "fs.readFile denied by policy: ~/out/canary/x is not allowed").await;
    check(scene.exists_call("~/in/out/x"), "fs.exists denied by policy: ~/in/out/x is not allowed").await;
    check(
        scene.rename("~/in/folder", "~/out/x"),
        "fs.rename denied by policy: ~/in/folder -> ~/out/x is not allowed",
    )
    .await;
}

/// Says why it says no.
#[derive(Debug)]
struct Broken;

#[async_trait]
impl Policy for Broken {
    async fn decide(&self, _: &Value) -> Decision {
        Decision::Denied(Denial { reason: Some("data.mcp.fs.allow is undefined".to_owned()) })
    }
}

#[tokio::test]
async fn denials_pass_on_what_is_wrong_with_the_policy() {
    let run = FileBroker::new(Arc::new(Broken), FileOptions::default()).attend();
    let error = run.call(FileCall::Stat { path: "/x".to_owned() }).await.expect_err("denied");
    let expect = "fs.stat denied by policy: /x is not allowed (data.mcp.fs.allow is undefined)";
    assert_eq!(error, HostError::with_code("EACCES", expect));
}
