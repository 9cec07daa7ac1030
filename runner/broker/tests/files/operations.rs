//! What each operation does, and how each fails.

use std::os::unix::{fs::PermissionsExt as _, net::UnixListener};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use stasis_core::host::{FileFacts, FileKind};

use super::*;

/// What most tests start from.
fn scene() -> Scene {
    let scene = Scene::new();
    scene.put("~/in/file", "text");
    scene.put("~/in/folder/a", "a");
    scene.link("~/in/file", "~/in/link");
    scene.link("loop", "~/in/loop");
    scene
}

#[tokio::test]
async fn operations_do_what_node_does() {
    let scene = scene();
    let check = async |call: FileCall, expect: HostResult| {
        let hint = format!("{call:?}");
        assert_eq!(scene.call(call).await, expect, "{hint}");
    };
    check(scene.read("~/in/file"), content("text")).await;
    check(scene.read("~/in/link"), content("text")).await;
    check(scene.read("~/in//./folder/../file"), content("text")).await;

    check(scene.write("~/in/link"), done()).await;
    check(scene.append("~/in/link"), done()).await;
    assert_eq!(scene.content("~/in/file"), "newmore");
    check(scene.append("~/in/made"), done()).await;
    assert_eq!(scene.content("~/in/made"), "more");

    check(scene.copy("~/in/file", "~/in/copy"), done()).await;
    check(scene.copy("~/in/folder/a", "~/in/copy"), done()).await;
    assert_eq!(scene.content("~/in/copy"), "a");

    check(scene.rename("~/in/copy", "~/in/made"), done()).await;
    assert_eq!((scene.content("~/in/made").as_str(), scene.exists("~/in/copy")), ("a", false));
    check(scene.rename("~/in/link", "~/in/renamed"), done()).await;
    check(scene.read("~/in/renamed"), content("newmore")).await;

    check(scene.make_folder("~/in/new", false), done()).await;
    check(scene.make_folder("~/in/new/a/b/", true), done()).await;
    check(scene.make_folder("~/in/new/a/b", true), done()).await;
    check(scene.read_folder("~/in/new/a"), names(&["b"])).await;
    check(scene.read_folder("~/in"), names(&["file", "folder", "loop", "made", "new", "renamed"])).await;

    check(scene.exists_call("~/in/new/a/b"), Ok(HostAnswer::Exists(true))).await;
    check(scene.exists_call("~/in/no/no"), Ok(HostAnswer::Exists(false))).await;
    check(scene.exists_call("~/in/loop"), Ok(HostAnswer::Exists(false))).await;

    check(scene.remove("~/in/renamed", false), done()).await;
    assert!(scene.exists("~/in/file"), "only the link is gone");
    check(scene.remove("~/in/new", true), done()).await;
    check(scene.remove_by_force("~/in/new", true), done()).await;
    check(scene.remove_by_force("~/in/no/no", false), done()).await;
    check(scene.read_folder("~/in"), names(&["file", "folder", "loop", "made"])).await;
}

#[tokio::test]
async fn stat_tells_what_is_there() {
    let scene = scene();
    let facts = async |path: &str| match scene.call(scene.stat(path)).await {
        Ok(HostAnswer::Facts(facts)) => facts,
        other => panic!("{path}: {other:?}"),
    };
    fs::set_permissions(scene.path("~/in/file"), fs::Permissions::from_mode(0o640)).expect("chmod");
    let FileFacts { size, kind, mode, modified, accessed, created } = facts("~/in/link").await;
    assert_eq!((size, kind, mode), (4, FileKind::File, 0o640));
    let expect = fs::metadata(scene.path("~/in/file")).expect("metadata").modified().expect("modified");
    let since = expect.duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_millis();
    assert_eq!(modified, i64::try_from(since).expect("not that far"));
    assert!(accessed > 0 && created.is_none_or(|created| created > 0));
    assert_eq!(facts("~/in").await.kind, FileKind::Folder);
    let _socket = UnixListener::bind(scene.path("~/in/socket")).expect("bind");
    assert_eq!(facts("~/in/socket").await.kind, FileKind::Other);
}

#[tokio::test]
async fn errors_are_those_of_node() {
    let scene = scene();
    let check = async |call: FileCall, expect: &str| {
        let hint = format!("{call:?}");
        let error = scene.call(call).await.expect_err(&hint);
        assert_eq!(error.message, scene.path(expect));
        assert_eq!(error.code.as_deref(), expect.split(':').next());
    };
    check(scene.read("~/in/no"), "ENOENT: no such file or directory, open '~/in/no'").await;
    check(scene.read("~/in/no/no"), "ENOENT: no such file or directory, open '~/in/no/no'").await;
    check(scene.read("~/in/folder"), "EISDIR: illegal operation on a directory, open '~/in/folder'").await;
    check(scene.read("~/in/file/"), "ENOTDIR: not a directory, open '~/in/file/'").await;
    check(scene.read("~/in/file/x"), "ENOTDIR: not a directory, open '~/in/file/x'").await;
    check(scene.read("~/in/loop"), "ELOOP: too many symbolic links encountered, open '~/in/loop'").await;
    check(scene.write("~/in/no/x"), "ENOENT: no such file or directory, open '~/in/no/x'").await;
    check(scene.write("~/in/folder"), "EISDIR: illegal operation on a directory, open '~/in/folder'").await;
    check(scene.write("~/in/new/"), "EISDIR: illegal operation on a directory, open '~/in/new/'").await;
    check(scene.append("~/in/folder"), "EISDIR: illegal operation on a directory, open '~/in/folder'").await;
    check(scene.append("~/in/file/x"), "ENOTDIR: not a directory, open '~/in/file/x'").await;
    check(scene.read_folder("~/in/no"), "ENOENT: no such file or directory, scandir '~/in/no'").await;
    check(scene.read_folder("~/in/file"), "ENOTDIR: not a directory, scandir '~/in/file'").await;
    check(scene.stat("~/in/no"), "ENOENT: no such file or directory, stat '~/in/no'").await;
    check(scene.stat("~/in/loop"), "ELOOP: too many symbolic links encountered, stat '~/in/loop'").await;
    check(scene.make_folder("~/in/file", false), "EEXIST: file already exists, mkdir '~/in/file'").await;
    check(scene.make_folder("~/in/folder", false), "EEXIST: file already exists, mkdir '~/in/folder'").await;
    check(scene.make_folder("~/in/link", false), "EEXIST: file already exists, mkdir '~/in/link'").await;
    check(scene.make_folder("~/in/file", true), "EEXIST: file already exists, mkdir '~/in/file'").await;
    check(scene.make_folder("~/in/file/x", true), "ENOTDIR: not a directory, mkdir '~/in/file/x'").await;
    check(scene.make_folder("~/in/no/x", false), "ENOENT: no such file or directory, mkdir '~/in/no/x'")
        .await;
    check(scene.remove("~/in/no", false), "ENOENT: no such file or directory, rm '~/in/no'").await;
    check(scene.remove("~/in/no", true), "ENOENT: no such file or directory, rm '~/in/no'").await;
    check(scene.remove("~/in/folder", false), "EISDIR: illegal operation on a directory, rm '~/in/folder'")
        .await;
    check(scene.remove("~/in/link/", true), "ENOTDIR: not a directory, rm '~/in/link/'").await;
    check(
        scene.rename("~/in/no", "~/in/x"),
        "ENOENT: no such file or directory, rename '~/in/no' -> '~/in/x'",
    )
    .await;
    check(
        scene.rename("~/in/file", "~/in/folder"),
        "EISDIR: illegal operation on a directory, rename '~/in/file' -> '~/in/folder'",
    )
    .await;
    check(
        scene.rename("~/in/folder", "~/in/file"),
        "ENOTDIR: not a directory, rename '~/in/folder' -> '~/in/file'",
    )
    .await;
    check(
        scene.rename("~/in/folder", "~/in/folder/x"),
        "EINVAL: invalid argument, rename '~/in/folder' -> '~/in/folder/x'",
    )
    .await;
    scene.call(scene.make_folder("~/in/empty", false)).await.expect("make a folder");
    check(
        scene.rename("~/in/empty", "~/in/folder"),
        "ENOTEMPTY: directory not empty, rename '~/in/empty' -> '~/in/folder'",
    )
    .await;
    check(
        scene.copy("~/in/no", "~/in/x"),
        "ENOENT: no such file or directory, copyfile '~/in/no' -> '~/in/x'",
    )
    .await;
    check(
        scene.copy("~/in/folder", "~/in/x"),
        "EISDIR: illegal operation on a directory, copyfile '~/in/folder' -> '~/in/x'",
    )
    .await;
    assert!(!scene.exists("~/in/x"), "nothing was made");
    check(
        scene.copy("~/in/file", "~/in/folder"),
        "EISDIR: illegal operation on a directory, copyfile '~/in/file' -> '~/in/folder'",
    )
    .await;
    let long = format!("~/in/{}", "n".repeat(300));
    check(scene.write(&long), &format!("ENAMETOOLONG: name too long, open '{long}'")).await;
}

#[tokio::test]
async fn a_copy_onto_itself_loses_nothing() {
    let scene = scene();
    fs::hard_link(scene.path("~/in/file"), scene.path("~/in/hard")).expect("link");
    for to in ["~/in/file", "~/in/link", "~/in/hard"] {
        let error = scene.call(scene.copy("~/in/file", to)).await.expect_err(to);
        assert_eq!(error.code.as_deref(), Some("EINVAL"));
        assert!(error.message.ends_with("(source and destination are the same file)"), "{error}");
        assert_eq!(scene.content("~/in/file"), "text");
    }
}

#[tokio::test]
async fn what_is_no_file_is_not_opened() {
    let scene = scene();
    let _socket = UnixListener::bind(scene.path("~/in/socket")).expect("bind");
    mknodat(CWD, scene.path("~/in/pipe"), FileType::Fifo, Mode::RWXU, 0).expect("mknod");
    for path in ["~/in/socket", "~/in/pipe"] {
        for call in [
            scene.read(path),
            scene.write(path),
            scene.append(path),
            scene.copy(path, "~/in/x"),
            scene.copy("~/in/file", path),
        ] {
            let hint = format!("{call:?}");
            let error = scene.call(call).await.expect_err(&hint);
            assert_eq!(error.code.as_deref(), Some("EACCES"), "{hint}");
            let reason = "(only regular files are opened, not devices, pipes and sockets)";
            assert!(error.message.ends_with(reason), "{error}");
        }
    }
    assert_eq!(scene.call(scene.remove("~/in/pipe", false)).await, done(), "it can be removed");
}

#[tokio::test]
async fn names_that_are_not_unicode_are_seen() {
    use std::os::unix::ffi::OsStrExt as _;
    let scene = scene();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
    fs::write(Path::new(&scene.path("~/in/folder")).join(name), "").expect("write");
    assert_eq!(scene.call(scene.read_folder("~/in/folder")).await, names(&["a", "caf\u{fffd}"]));
}
