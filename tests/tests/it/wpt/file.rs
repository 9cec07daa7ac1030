//! A file of tests, with what it says that it needs.

use std::{
    collections::BTreeMap,
    fs,
    path::{Component, Path, PathBuf},
};

use serde::Serialize;

/// How long a file may take, in milliseconds, before those of its tests that have ended are counted.
const PATIENCE_MILLISECONDS: u32 = 20_000;

/// What `tests/wpt/run.js` calls `WPT`.
#[derive(Serialize)]
pub(super) struct Input<'a> {
    testharness: &'a str,
    address: String,
    variant: &'a str,
    source: &'a str,
    /// Texts by the addresses that the tests fetch them from.
    data: &'a BTreeMap<String, String>,
    milliseconds: u32,
}

/// A file whose name ends in `.any.js`: it runs wherever there is a global object.
#[derive(Debug)]
pub(super) struct File {
    /// Relative to the root, with `/`.
    pub(super) path: String,
    /// What may stand behind its address, to run a part of it; one empty text, if there are no parts.
    pub(super) variants: Vec<String>,
    /// The scripts that it includes, and its own text.
    source: String,
    data: BTreeMap<String, String>,
}

impl File {
    /// Reads a file, unless it is for pages only.
    pub(super) fn load(root: &Path, path: &str) -> Option<Self> {
        let text = fs::read_to_string(root.join(path)).ok()?;
        let metadata = |key| metadata(&text, key);
        let mut globals = metadata("global").flat_map(|list| list.split(',')).map(str::trim).peekable();
        if globals.peek().is_some() && globals.all(|global| global == "window") {
            return None;
        }
        let included: Vec<String> = metadata("script")
            .map(|script| fs::read_to_string(resolve(root, path, script)).unwrap_or_default())
            .collect();
        let source = included.join("\n") + "\n" + &text;
        let mut variants: Vec<String> = metadata("variant").map(str::to_owned).collect();
        if variants.is_empty() {
            variants.push(String::new());
        }
        let named = source.split(['"', '\'', '`']).filter(|word| word.ends_with(".json"));
        let read = |name: &str| Some((name.to_owned(), fs::read_to_string(resolve(root, path, name)).ok()?));
        let data = named.filter_map(read).collect();
        Some(Self { path: path.to_owned(), variants, source, data })
    }

    /// What has to be run.
    pub(super) fn input<'a>(&'a self, testharness: &'a str, variant: &'a str) -> Input<'a> {
        Input {
            testharness,
            address: format!(
                "https://web-platform.test/{}{variant}",
                self.path.replace(".js", ".worker.html")
            ),
            variant,
            source: &self.source,
            data: &self.data,
            milliseconds: PATIENCE_MILLISECONDS,
        }
    }
}

/// What `// META: key=value` says, as often as it is there.
fn metadata<'a>(text: &'a str, key: &str) -> impl Iterator<Item = &'a str> {
    text.lines().filter_map(move |line| line.strip_prefix("// META: ")?.strip_prefix(key)?.strip_prefix('='))
}

/// Where a file is that another one names.
fn resolve(root: &Path, from: &str, name: &str) -> PathBuf {
    let named = match name.strip_prefix('/') {
        Some(absolute) => PathBuf::from(absolute),
        None => Path::new(from).parent().unwrap_or(Path::new("")).join(name),
    };
    let mut path = PathBuf::new();
    for component in named.components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::ParentDir => {
                path.pop();
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    root.join(path)
}

/// All such files below some folders, sorted, without those whose names begin in certain ways.
pub(super) fn find(root: &Path, folders: &[&str], skipped: &[&str]) -> Vec<File> {
    let mut paths: Vec<String> = Vec::new();
    for folder in folders {
        collect(&root.join(folder), folder, &mut paths);
    }
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    paths.retain(|path| !skipped.iter().any(|skipped| name(path).starts_with(skipped)));
    paths.sort();
    paths.iter().filter_map(|path| File::load(root, path)).collect()
}

fn collect(folder: &Path, prefix: &str, paths: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}/{name}");
        if entry.path().is_dir() {
            collect(&entry.path(), &path, paths);
        } else if name.ends_with(".any.js") {
            paths.push(path);
        }
    }
}

#[test]
fn metadata_and_paths() {
    let text = "// META: script=/common/a.js\n// META: script=b.js\n// META: title=x\ncode";
    assert_eq!(metadata(text, "script").collect::<Vec<_>>(), ["/common/a.js", "b.js"]);
    let check = |name: &str, expect: &str| {
        assert_eq!(resolve(Path::new("root"), "url/deep/x.any.js", name), Path::new(expect), "{name}");
    };
    check("/common/a.js", "root/common/a.js");
    check("b.js", "root/url/deep/b.js");
    check("../resources/c.json", "root/url/resources/c.json");
    check("../../../../d.js", "root/d.js");
}
