//! Files as scripts reach them: over a real folder, with a policy that allows what is below it, beside another
//! one with something in it that must stay as it is.

mod bypass;
mod limits;
mod operations;
mod policy;
mod races;

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;
use stasis_broker::{FileBroker, FileLimits, FileOptions, FileRun};
use stasis_core::host::{FileCall, FileEncoding, HostAnswer, HostError, HostResult};
use stasis_policy::{Decision, Denial, Policy};
use tempfile::TempDir;

/// What no script may read or change.
const CANARY: &str = "the canary is alive";

/// Allows what is below one folder, and remembers what it was asked.
#[derive(Debug)]
struct Below {
    folder: String,
    asked: Mutex<Vec<Value>>,
}

#[async_trait]
impl Policy for Below {
    async fn decide(&self, input: &Value) -> Decision {
        self.asked.lock().expect("no panic").push(input.clone());
        let paths = [input.get("path"), input.get("destination")];
        let is_below = |path: &Value| {
            let rest = path.as_str().and_then(|path| path.strip_prefix(&self.folder));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        match paths.into_iter().flatten().all(is_below) {
            true => Decision::Allowed,
            false => Decision::Denied(Denial::default()),
        }
    }
}

/// A folder `in` that is allowed and a folder `out` that is not.
struct Scene {
    policy: Arc<Below>,
    run: FileRun,
    root: String,
    _folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        Self::with_limits(FileLimits::default())
    }

    fn with_limits(limits: FileLimits) -> Self {
        let folder = tempfile::tempdir().expect("tempdir");
        let root = folder.path().canonicalize().expect("canonicalize");
        let root = root.to_str().expect("UTF-8").to_owned();
        for path in ["in/folder", "out/folder", "off"] {
            fs::create_dir_all(format!("{root}/{path}")).expect("create");
        }
        for path in ["out/canary", "out/folder/canary", "off/canary"] {
            fs::write(format!("{root}/{path}"), CANARY).expect("write");
        }
        let policy = Arc::new(Below { folder: format!("{root}/in"), asked: Mutex::default() });
        let off_limits = vec![Path::new(&root).join("off")];
        let broker =
            FileBroker::new(Arc::clone(&policy) as Arc<dyn Policy>, FileOptions { limits, off_limits });
        Self { policy, run: broker.attend(), root, _folder: folder }
    }

    /// `~` is the root of the scene.
    fn path(&self, path: &str) -> String {
        path.replace('~', &self.root)
    }

    async fn call(&self, call: FileCall) -> HostResult {
        self.run.call(call).await
    }

    fn put(&self, path: &str, content: &str) {
        fs::write(self.path(path), content).expect("write");
    }

    fn content(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).expect("read")
    }

    fn link(&self, target: &str, path: &str) {
        std::os::unix::fs::symlink(self.path(target), self.path(path)).expect("symlink");
    }

    fn exists(&self, path: &str) -> bool {
        fs::symlink_metadata(self.path(path)).is_ok()
    }

    fn read(&self, path: &str) -> FileCall {
        FileCall::ReadFile { path: self.path(path), encoding: FileEncoding::Utf8 }
    }

    fn write(&self, path: &str) -> FileCall {
        FileCall::WriteFile { path: self.path(path), content: Bytes::from_static(b"new") }
    }

    fn append(&self, path: &str) -> FileCall {
        FileCall::AppendFile { path: self.path(path), content: Bytes::from_static(b"more") }
    }

    fn read_folder(&self, path: &str) -> FileCall {
        FileCall::ReadFolder { path: self.path(path) }
    }

    fn stat(&self, path: &str) -> FileCall {
        FileCall::Stat { path: self.path(path) }
    }

    fn exists_call(&self, path: &str) -> FileCall {
        FileCall::Exists { path: self.path(path) }
    }

    fn make_folder(&self, path: &str, recursive: bool) -> FileCall {
        FileCall::MakeFolder { path: self.path(path), recursive }
    }

    fn remove(&self, path: &str, recursive: bool) -> FileCall {
        FileCall::Remove { path: self.path(path), recursive, force: false }
    }

    fn remove_by_force(&self, path: &str, recursive: bool) -> FileCall {
        FileCall::Remove { path: self.path(path), recursive, force: true }
    }

    fn rename(&self, path: &str, destination: &str) -> FileCall {
        FileCall::Rename { path: self.path(path), destination: self.path(destination) }
    }

    fn copy(&self, path: &str, destination: &str) -> FileCall {
        FileCall::CopyFile { path: self.path(path), destination: self.path(destination) }
    }

    /// Nothing outside has been touched.
    fn check_outside(&self, hint: &str) {
        for path in ["~/out/canary", "~/out/folder/canary", "~/off/canary"] {
            assert_eq!(self.content(path), CANARY, "{hint}: {path}");
        }
        for (path, expect) in
            [("~/out", &["canary", "folder"][..]), ("~/out/folder", &["canary"]), ("~/off", &["canary"])]
        {
            let mut names: Vec<_> = fs::read_dir(self.path(path))
                .expect("read the folder")
                .map(|entry| entry.expect("entry").file_name().into_string().expect("UTF-8"))
                .collect();
            names.sort();
            assert_eq!(names, expect, "{hint}: {path}");
        }
    }
}

fn content(text: &str) -> HostResult {
    Ok(HostAnswer::Content(Bytes::copy_from_slice(text.as_bytes())))
}

fn names(names: &[&str]) -> HostResult {
    Ok(HostAnswer::Names(names.iter().map(|name| (*name).to_owned()).collect()))
}

fn done() -> HostResult {
    Ok(HostAnswer::Done)
}
