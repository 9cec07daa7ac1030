//! The workspace's manifests, as far as the rules look at them.

use std::{fs, path::Path};

use toml::{Table, Value};

/// The root manifest and those of all members.
pub(super) struct Workspace {
    /// Text of the root manifest.
    pub(super) manifest: String,
    pub(super) members: Vec<Member>,
}

/// One crate of ours.
pub(super) struct Member {
    /// Directory, relative to the root.
    pub(super) path: String,
    /// Package name.
    pub(super) name: String,
    /// Text of its manifest.
    pub(super) manifest: String,
    pub(super) dependencies: Vec<Dependency>,
}

/// A line in one of a crate's lists of dependencies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dependency {
    /// What the crate calls it.
    pub(super) key: String,
    /// The package that is meant.
    pub(super) package: String,
    pub(super) kind: Kind,
    /// Whether it is a crate of this workspace.
    pub(super) is_ours: bool,
    /// Whether the root manifest says which version.
    pub(super) is_inherited: bool,
}

/// Which list a dependency stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Dev,
    Build,
}

const LISTS: [(&str, Kind); 3] =
    [("dependencies", Kind::Normal), ("dev-dependencies", Kind::Dev), ("build-dependencies", Kind::Build)];

impl Workspace {
    /// Reads the manifests below `root`.
    pub(super) fn load(root: &Path) -> Self {
        let manifest = read(&root.join("Cargo.toml"));
        let table = parse(&manifest);
        let workspace = table["workspace"].as_table().expect("the root manifest is a workspace's");
        let shared = workspace["dependencies"].as_table().expect("the workspace lists dependencies");
        let members = workspace["members"].as_array().expect("the workspace lists members").iter();
        let members = members.map(|path| {
            let path = path.as_str().expect("a member is a path");
            Member::from_manifest(path, read(&root.join(path).join("Cargo.toml")), shared)
        });
        Self { members: members.collect(), manifest }
    }

    /// A workspace made of `(path, manifest)` pairs, for the rules' own tests.
    #[cfg(test)]
    pub(super) fn of(manifest: &str, members: &[(&str, &str)]) -> Self {
        let table = parse(manifest);
        let shared = table["workspace"]["dependencies"].as_table().unwrap();
        let members = members.iter().map(|(path, text)| Member::from_manifest(path, (*text).into(), shared));
        Self { members: members.collect(), manifest: manifest.into() }
    }
}

impl Member {
    fn from_manifest(path: &str, manifest: String, shared: &Table) -> Self {
        let table = parse(&manifest);
        let name = table["package"]["name"].as_str().expect("a package has a name").to_owned();
        let targets = table.get("target").and_then(Value::as_table);
        let targets = targets.into_iter().flat_map(|targets| targets.values().filter_map(Value::as_table));
        let dependencies = std::iter::once(&table)
            .chain(targets)
            .flat_map(|table| LISTS.map(|(list, kind)| (table.get(list).and_then(Value::as_table), kind)))
            .filter_map(|(list, kind)| list.map(|list| (list, kind)))
            .flat_map(|(list, kind)| {
                list.iter().map(move |(key, spec)| Dependency::new(key, spec, kind, shared))
            })
            .collect();
        Self { path: path.to_owned(), name, manifest, dependencies }
    }
}

impl Dependency {
    fn new(key: &str, spec: &Value, kind: Kind, shared: &Table) -> Self {
        let is_inherited = spec.get("workspace").and_then(Value::as_bool).unwrap_or_default();
        let spec = if is_inherited { shared.get(key).unwrap_or(spec) } else { spec };
        let package = spec.get("package").and_then(Value::as_str).unwrap_or(key).to_owned();
        Self { key: key.to_owned(), package, kind, is_ours: spec.get("path").is_some(), is_inherited }
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn parse(manifest: &str) -> Table {
    manifest.parse().unwrap_or_else(|error| panic!("not a manifest: {error}\n{manifest}"))
}

#[test]
fn dependencies_are_read_from_every_list() {
    let root = r#"
        [workspace.dependencies]
        ours = { path = "ours" }
        renamed = { package = "real", version = "1" }
    "#;
    let member = r#"
        [package]
        name = "member"
        [dependencies]
        ours.workspace = true
        [build-dependencies]
        renamed = { workspace = true }
        [target.'cfg(unix)'.dev-dependencies]
        own = "1"
    "#;
    let workspace = Workspace::of(root, &[("path", member)]);
    let dependency = |key: &str, package: &str, kind, is_ours, is_inherited| Dependency {
        key: key.into(),
        package: package.into(),
        kind,
        is_ours,
        is_inherited,
    };
    let expect = [
        dependency("ours", "ours", Kind::Normal, true, true),
        dependency("renamed", "real", Kind::Build, false, true),
        dependency("own", "own", Kind::Dev, false, false),
    ];
    assert_eq!(workspace.members[0].dependencies, expect);
}
