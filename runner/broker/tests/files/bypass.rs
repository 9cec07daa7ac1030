//! Attempts to get out of the allowed folder. None may reach what is outside, and none may go unnoticed.

use std::os::unix::ffi::OsStringExt as _;

use super::*;

/// What stops an attempt.
#[derive(Debug, Clone, Copy)]
enum Stopped {
    /// The policy: it was asked about the true path.
    Denied,
    /// It is off limits whatever the policy says.
    Forbidden,
    /// There is no such thing, or it makes no sense.
    Failed(&'static str),
}
use Stopped::{Denied, Failed, Forbidden};

fn scene() -> Scene {
    let scene = Scene::new();
    scene.put("~/in/file", "text");
    for (target, path) in [
        ("~/out", "~/in/to_out"),
        ("../out", "~/in/relative"),
        ("~/out/canary", "~/in/to_canary"),
        ("~/in/to_out", "~/in/to_link"),
        ("~/out/new", "~/in/dangling"),
        ("~/out/no/such", "~/in/dangling_folder"),
        ("loop_b", "~/in/loop_a"),
        ("loop_a", "~/in/loop_b"),
        ("/proc/self/root", "~/in/proc_root"),
        ("/proc/self/cwd", "~/in/proc_cwd"),
        ("/", "~/in/root"),
        ("/dev/zero", "~/in/zero"),
        ("~/off", "~/in/to_off"),
        ("..", "~/in/folder/up"),
        ("folder/up/../out", "~/in/winding"),
    ] {
        scene.link(target, path);
    }
    let target = std::ffi::OsString::from_vec(b"/\xff\xfe".to_vec());
    std::os::unix::fs::symlink(target, scene.path("~/in/not_unicode")).expect("symlink");
    scene
}

#[tokio::test]
async fn nothing_gets_out() {
    let scene = scene();
    let check = async |call: FileCall, expect: Stopped| {
        let hint = format!("{call:?}");
        let error = match scene.call(call).await {
            Err(error) => error,
            Ok(answer) => panic!("{hint} got through: {answer:?}"),
        };
        let HostError { code, message } = &error;
        match expect {
            Denied => assert!(message.contains("denied by policy"), "{hint}: {error}"),
            Forbidden => assert!(message.contains("off limits"), "{hint}: {error}"),
            Failed(code) => assert!(message.starts_with(code), "{hint}: {error}"),
        }
        let expect = if let Failed(code) = expect { code } else { "EACCES" };
        assert_eq!(code.as_deref(), Some(expect), "{hint}");
        assert!(!message.contains(CANARY), "{hint}: {error}");
        scene.check_outside(&hint);
    };

    // Ways of writing a path.
    check(scene.read("~/out/canary"), Denied).await;
    check(scene.read("~/in/../out/canary"), Denied).await;
    check(scene.read("~/in/folder/../../out/canary"), Denied).await;
    check(scene.read("~/in/no/../../out/canary"), Denied).await;
    check(scene.read("~/in//..//out//canary"), Denied).await;
    check(scene.read("~/in/./../out/./canary"), Denied).await;
    check(scene.read("~/in/%2e%2e/out/canary"), Failed("ENOENT")).await;
    check(scene.read("~/in/..%2fout/canary"), Failed("ENOENT")).await;
    check(scene.read("~/in/..\\out\\canary"), Failed("ENOENT")).await;
    check(scene.read("~/in/\u{ff0e}\u{ff0e}/out/canary"), Failed("ENOENT")).await;
    check(scene.read("~/in/..\u{2215}out/canary"), Failed("ENOENT")).await;
    check(scene.read("~/in/.. /out/canary"), Failed("ENOENT")).await;
    check(scene.read("~/IN/../out/canary"), Denied).await;
    check(scene.read("~/In/file"), Denied).await;
    check(scene.read("~/inside"), Denied).await;
    check(scene.read("~/in/../../../../../../../../etc/passwd"), Denied).await;
    check(scene.read("~/in/file\0/../../out/canary"), Failed("EINVAL")).await;
    check(scene.read("~/out/canary\0~/in/file"), Failed("EINVAL")).await;
    check(scene.read("out/canary"), Failed("EINVAL")).await;
    check(scene.read("./in/file"), Failed("EINVAL")).await;
    check(scene.read("file://~/out/canary"), Failed("EINVAL")).await;
    check(scene.read(""), Failed("EINVAL")).await;
    check(scene.read(&format!("~/in/{}", "../".repeat(2000))), Failed("ENAMETOOLONG")).await;
    check(scene.read(&format!("~/in{}/out/canary", "/..".repeat(100))), Denied).await;

    // Links.
    check(scene.read("~/in/to_canary"), Denied).await;
    check(scene.read("~/in/to_canary/"), Denied).await;
    check(scene.read("~/in/to_out/canary"), Denied).await;
    check(scene.read("~/in/relative/canary"), Denied).await;
    check(scene.read("~/in/to_link/canary"), Denied).await;
    check(scene.read("~/in/to_link/folder/canary"), Denied).await;
    check(scene.read("~/in/root/etc/passwd"), Denied).await;
    check(scene.read("~/in/winding/canary"), Denied).await;
    check(scene.read("~/in/folder/up/to_out/canary"), Denied).await;
    check(scene.read("~/in/loop_a"), Failed("ELOOP")).await;
    check(scene.read("~/in/loop_a/../../out/canary"), Denied).await;
    check(scene.read("~/in/not_unicode"), Failed("EINVAL")).await;
    check(scene.write("~/in/dangling"), Denied).await;
    check(scene.append("~/in/dangling"), Denied).await;
    check(scene.write("~/in/to_canary"), Denied).await;
    check(scene.write("~/in/to_out/new"), Denied).await;
    check(scene.append("~/in/to_canary"), Denied).await;
    check(scene.append("~/in/relative/canary"), Denied).await;
    check(scene.stat("~/in/to_canary"), Denied).await;
    check(scene.stat("~/in/to_out/"), Denied).await;
    check(scene.exists_call("~/in/to_canary"), Denied).await;
    check(scene.exists_call("~/in/to_out/no"), Denied).await;
    check(scene.read_folder("~/in/to_out"), Denied).await;
    check(scene.read_folder("~/in/folder/../to_out/folder"), Denied).await;
    check(scene.make_folder("~/in/to_out/new", false), Denied).await;
    check(scene.make_folder("~/in/to_out/new/new", true), Denied).await;
    check(scene.make_folder("~/in/dangling", true), Denied).await;
    check(scene.make_folder("~/in/dangling", false), Failed("EEXIST")).await;
    check(scene.make_folder("~/in/dangling_folder/x", true), Denied).await;
    check(scene.remove("~/in/to_out/canary", false), Denied).await;
    check(scene.remove("~/in/to_out/folder", true), Denied).await;
    check(scene.remove("~/in/to_out/", true), Failed("ENOTDIR")).await;
    check(scene.remove("~/in/../out", true), Denied).await;
    check(scene.remove_by_force("~/in/to_out/no", true), Denied).await;

    // Two paths.
    check(scene.rename("~/in/file", "~/out/canary"), Denied).await;
    check(scene.rename("~/in/file", "~/in/to_out/canary"), Denied).await;
    check(scene.rename("~/out/canary", "~/in/canary"), Denied).await;
    check(scene.rename("~/in/to_out/folder", "~/in/stolen"), Denied).await;
    check(scene.rename("~/in", "~/elsewhere"), Denied).await;
    check(scene.rename("~/in/file", "~/in/../new"), Denied).await;
    check(scene.copy("~/out/canary", "~/in/stolen"), Denied).await;
    check(scene.copy("~/in/to_canary", "~/in/stolen"), Denied).await;
    check(scene.copy("~/in/file", "~/out/canary"), Denied).await;
    check(scene.copy("~/in/file", "~/in/to_canary"), Denied).await;
    check(scene.copy("~/in/file", "~/in/dangling"), Denied).await;
    check(scene.copy("~/in/file", "~/in/to_out/new"), Denied).await;

    // Places of the kernel and of the server.
    check(scene.read("/proc/self/environ"), Forbidden).await;
    check(scene.read("/proc/self/root~/out/canary"), Forbidden).await;
    check(scene.read("/proc/self/fd/0"), Forbidden).await;
    check(scene.read("/proc/../proc/self/maps"), Forbidden).await;
    check(scene.read("/in/../proc/self/mem"), Forbidden).await;
    check(scene.read_folder("/proc/self/fd"), Forbidden).await;
    check(scene.read("~/in/proc_root~/out/canary"), Forbidden).await;
    check(scene.read("~/in/proc_cwd/Cargo.toml"), Forbidden).await;
    check(scene.read("~/in/root/proc/self/environ"), Forbidden).await;
    check(scene.read("/dev/stdin"), Forbidden).await;
    check(scene.read("/dev/fd/0"), Forbidden).await;
    check(scene.read("~/in/zero"), Forbidden).await;
    check(scene.write("/dev/null"), Forbidden).await;
    check(scene.write("/sys/kernel/mm/ksm/run"), Forbidden).await;
    check(scene.stat("/proc"), Forbidden).await;
    check(scene.copy("/proc/self/environ", "~/in/stolen"), Forbidden).await;
    check(scene.read("~/off/canary"), Forbidden).await;
    check(scene.read("~/in/to_off/canary"), Forbidden).await;
    check(scene.rename("~", "~2"), Forbidden).await;
    check(scene.remove("~", true), Forbidden).await;
    check(scene.remove("/", true), Forbidden).await;

    for name in ["stolen", "canary"] {
        assert!(!scene.exists(&format!("~/in/{name}")), "{name}");
    }
    assert_eq!(scene.content("~/in/file"), "text");
}

#[tokio::test]
async fn a_link_is_removed_and_not_its_target() {
    let scene = scene();
    scene.link("~/out", "~/in/folder/to_out");
    fs::create_dir_all(scene.path("~/in/folder/a/b")).expect("create");
    scene.link("~/out/folder", "~/in/folder/a/b/to_folder");
    scene.link("~/out/canary", "~/in/folder/a/b/to_canary");
    assert_eq!(scene.call(scene.remove("~/in/to_out", true)).await, done());
    assert_eq!(scene.call(scene.remove("~/in/to_canary", false)).await, done());
    assert_eq!(scene.call(scene.remove("~/in/folder", true)).await, done());
    assert!(!scene.exists("~/in/to_out") && !scene.exists("~/in/to_canary") && !scene.exists("~/in/folder"));
    scene.check_outside("after removal");
}

/// Allows everything.
#[derive(Debug)]
struct Everything;

#[async_trait]
impl Policy for Everything {
    async fn decide(&self, _: &Value) -> Decision {
        Decision::Allowed
    }
}

#[tokio::test]
async fn the_root_can_be_looked_at_but_not_removed() {
    let run = FileBroker::new(Arc::new(Everything), FileOptions::default()).attend();
    let path = || "/".to_owned();
    assert!(run.call(FileCall::ReadFolder { path: path() }).await.is_ok());
    assert!(run.call(FileCall::Stat { path: path() }).await.is_ok());
    for (call, code) in [
        (FileCall::Remove { path: path(), recursive: true, force: true }, "EPERM"),
        (FileCall::Rename { path: path(), destination: "/x".to_owned() }, "EBUSY"),
        (FileCall::MakeFolder { path: path(), recursive: false }, "EEXIST"),
        (FileCall::WriteFile { path: path(), content: Bytes::new() }, "EISDIR"),
    ] {
        let hint = format!("{call:?}");
        let error = run.call(call).await.expect_err(&hint);
        assert_eq!(error.code.as_deref(), Some(code), "{hint}");
    }
}
