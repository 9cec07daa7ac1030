//! What a run may not do too much of.

use super::*;

fn code(result: HostResult) -> Option<String> {
    result.expect_err("a limit").code
}

#[tokio::test]
async fn files_are_bounded() {
    let scene = Scene::with_limits(FileLimits { file_bytes: 4, ..FileLimits::default() });
    scene.put("~/in/small", "1234");
    scene.put("~/in/large", "12345");
    assert_eq!(scene.call(scene.read("~/in/small")).await, content("1234"));
    let error = scene.call(scene.read("~/in/large")).await.expect_err("too large");
    let expect = "EFBIG: file too large, readFile '~/in/large' (at most 4 bytes are read, written or copied at \
                  once)";
    assert_eq!(error, HostError::with_code("EFBIG", scene.path(expect)));
    let error = code(scene.call(scene.copy("~/in/large", "~/in/copy")).await);
    assert_eq!((error.as_deref(), scene.exists("~/in/copy")), (Some("EFBIG"), false));
    let call = FileCall::WriteFile { path: scene.path("~/in/small"), content: Bytes::from_static(b"12345") };
    assert_eq!(code(scene.call(call).await).as_deref(), Some("EFBIG"));
    assert_eq!(scene.content("~/in/small"), "1234", "it is as it was");
}

#[tokio::test]
async fn runs_are_bounded() {
    let scene = Scene::with_limits(FileLimits { operations: 3, total_bytes: 9, ..FileLimits::default() });
    scene.put("~/in/file", "1234");
    for _ in 0..2 {
        assert_eq!(scene.call(scene.read("~/in/file")).await, content("1234"));
    }
    assert_eq!(code(scene.call(scene.read("~/in/file")).await).as_deref(), Some("EDQUOT"));
    let error = scene.call(scene.exists_call("~/in/file")).await.expect_err("too many");
    assert!(error.message.ends_with("(a run has at most 3 file operations)"), "{error}");
}

#[tokio::test]
async fn folders_are_bounded() {
    let scene = Scene::with_limits(FileLimits { entries: 2, depth: 2, ..FileLimits::default() });
    for name in ["a", "b"] {
        scene.put(&format!("~/in/folder/{name}"), "");
    }
    assert_eq!(scene.call(scene.read_folder("~/in/folder")).await, names(&["a", "b"]));
    scene.put("~/in/folder/c", "");
    assert_eq!(code(scene.call(scene.read_folder("~/in/folder")).await).as_deref(), Some("EFBIG"));
    assert_eq!(code(scene.call(scene.remove("~/in/folder", true)).await).as_deref(), Some("EFBIG"));
    fs::create_dir_all(scene.path("~/in/1/2/3")).expect("create");
    assert_eq!(code(scene.call(scene.remove("~/in/1", true)).await).as_deref(), Some("ENAMETOOLONG"));
    assert_eq!(scene.call(scene.remove("~/in/1/2", true)).await, done());
}

#[tokio::test]
async fn many_calls_at_once_wait_for_each_other() {
    let scene = Scene::with_limits(FileLimits { concurrent: 2, ..FileLimits::default() });
    let calls = (0..200).map(|number| scene.call(scene.write(&format!("~/in/folder/{number}"))));
    let results = futures::future::join_all(calls).await;
    assert!(results.into_iter().all(|result| result == done()));
    assert_eq!(fs::read_dir(scene.path("~/in/folder")).expect("read").count(), 200);
}
