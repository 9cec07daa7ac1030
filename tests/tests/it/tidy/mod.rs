//! The rules that this repository keeps, as tests: one file per rule.
//!
//! Each rule is a function from what is in the tree to a list of complaints, so that its own tests can
//! show that it would notice a breach.

mod code;
mod edges;
mod machine_paths;
mod manifests;
mod readme;
mod sources;
mod tree;
mod unsafety;
mod workspace;

use std::path::Path;

use workspace::Workspace;

/// The directory of the workspace's `Cargo.toml`.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate is a directory of the workspace")
}

#[track_caller]
fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{} complaint(s):\n  {}\n", complaints.len(), complaints.join("\n  "));
}

#[test]
fn crates_depend_only_on_what_they_may_know() {
    assert_none(&edges::complaints(&Workspace::load(root())));
}

#[test]
fn versions_are_in_one_place_and_lists_are_sorted() {
    assert_none(&manifests::complaints(&Workspace::load(root())));
}

#[test]
fn the_readmes_code_map_names_every_crate() {
    assert_none(&readme::complaints(root(), &Workspace::load(root())));
}

#[test]
fn no_file_names_a_machines_paths_or_registries() {
    assert_none(&machine_paths::complaints(&tree::text_files(root())));
}

#[test]
fn sources_say_what_they_are_for_and_are_short() {
    assert_none(&sources::complaints(&tree::text_files(root())));
}

#[test]
fn unsafe_code_stays_where_it_is_allowed() {
    assert_none(&unsafety::complaints(&tree::text_files(root())));
}
