//! The text files of the repository: what git would track.

use std::{fs, path::Path};

/// A file, as far as the rules look at it.
pub(super) struct TextFile {
    /// Relative to the root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

impl TextFile {
    pub(super) fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == "rs")
    }
}

/// All files that are UTF-8 and not ignored, sorted by path. Links are not followed.
pub(super) fn text_files(root: &Path) -> Vec<TextFile> {
    let mut ignored = ignored_names(&fs::read_to_string(root.join(".gitignore")).unwrap_or_default());
    ignored.extend([".git".into(), "target".into()]);
    let mut files = Vec::new();
    collect(root, "", &ignored, &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn collect(directory: &Path, prefix: &str, ignored: &[String], files: &mut Vec<TextFile>) {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    for entry in entries {
        let entry = entry.expect("a directory can be listed to its end");
        let name = entry.file_name().into_string().expect("file names are UTF-8");
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().expect("an entry has a type");
        if ignored.contains(&name) || ignored.contains(&path) {
            continue;
        }
        if kind.is_dir() {
            collect(&entry.path(), &format!("{path}/"), ignored, files);
        } else if kind.is_file()
            && let Ok(text) = fs::read_to_string(entry.path())
        {
            files.push(TextFile { path, text });
        }
    }
}

/// The entries of a `.gitignore` that are plain names; patterns are not understood.
fn ignored_names(gitignore: &str) -> Vec<String> {
    let lines = gitignore.lines().map(str::trim);
    let plain = lines.filter(|line| !line.is_empty() && !line.contains(['#', '*', '!', '?', '[']));
    plain.map(|line| line.trim_matches('/').to_owned()).collect()
}

#[test]
fn plain_lines_of_a_gitignore_are_names() {
    assert_eq!(ignored_names("/target\n# note\n*.log\nout/data/\n"), ["target", "out/data"]);
}

#[test]
fn this_file_is_found_and_what_is_built_is_not() {
    let files = text_files(super::root());
    assert!(files.iter().any(|file| file.path == "tests/tests/it/tidy/tree.rs"));
    assert!(!files.iter().any(|file| file.path.starts_with("target/")));
}
