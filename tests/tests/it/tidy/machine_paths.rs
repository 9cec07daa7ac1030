//! No file depends on how one machine is laid out, or on where one network keeps its packages.

use super::tree::TextFile;

/// Directories of one machine. In two pieces, so that this file does not name them itself.
const DIRECTORIES: [&str; 2] = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];

/// What users' directories begin with; a name and a slash follow.
const HOMES: &str = concat!("/ho", "me/");

/// Parts of the addresses of package registries.
const REGISTRIES: [&str; 8] = [
    concat!("crates", ".io-index"),
    concat!("deb.debian", ".org"),
    concat!("index.crates", ".io"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("registry.npmjs", ".org"),
    concat!("security.debian", ".org"),
    concat!("static.crates", ".io"),
];

/// Complains about each line that names one.
pub(super) fn complaints(files: &[TextFile]) -> Vec<String> {
    let lines = files.iter().flat_map(|file| (1..).zip(file.text.lines()).map(move |line| (file, line)));
    lines
        .filter(|(file, (_, line))| !is_lockfile_source(file, line))
        .filter_map(|(file, (number, line))| {
            named_in(line).map(|found| format!("{}:{number}: names `{found}`", file.path))
        })
        .collect()
}

/// Cargo itself writes the registry's address into its lockfile.
fn is_lockfile_source(file: &TextFile, line: &str) -> bool {
    file.path.ends_with("Cargo.lock") && line.starts_with("source = \"registry+")
}

fn named_in(line: &str) -> Option<&str> {
    let directory = DIRECTORIES.iter().find(|needle| starts_a_path(line, needle, |_| true));
    let registry = || REGISTRIES.iter().find(|needle| line.contains(**needle));
    let home = || starts_a_path(line, HOMES, is_user_directory).then_some(&HOMES);
    directory.or_else(registry).or_else(home).copied()
}

/// Whether `needle` is in the line as the beginning of an absolute path, and not as a part of a longer one.
fn starts_a_path(line: &str, needle: &str, goes_on: fn(&str) -> bool) -> bool {
    line.match_indices(needle).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let is_inside = before.is_some_and(|c| c.is_alphanumeric() || "_-.~*})>".contains(c));
        !is_inside && goes_on(&line[at + needle.len()..])
    })
}

fn is_user_directory(after: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    after.trim_start_matches(is_name).starts_with('/') && after.starts_with(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, text: &str, expect: &[&str]) {
        let file = TextFile { path: path.into(), text: text.into() };
        assert_eq!(complaints(&[file]), expect, "{text}");
    }

    #[test]
    fn paths_of_a_machine() {
        let [work, root] = DIRECTORIES;
        check("a", &format!("one\nsee {work}main"), &[&format!("a:2: names `{work}`")]);
        check("a", &format!("\"file://{root}x\""), &[&format!("a:1: names `{root}`")]);
        check("a", &format!("{HOMES}ann/x"), &[&format!("a:1: names `{HOMES}`")]);
        check("a", &format!("target{work}x ..{work}x ${{out}}{root}x {HOMES} {HOMES}<name>/"), &[]);
    }

    #[test]
    fn registries() {
        for registry in REGISTRIES {
            check("a.md", &format!("https://{registry}/x"), &[&format!("a.md:1: names `{registry}`")]);
        }
        let locked = format!("source = \"registry+https://github.com/rust-lang/{}\"", REGISTRIES[0]);
        check("Cargo.lock", &locked, &[]);
        check("other.lock", &locked, &[&format!("other.lock:1: names `{}`", REGISTRIES[0])]);
    }
}
