//! Versions stand in the root manifest only, and lists of dependencies are sorted.

use super::workspace::{Member, Workspace};

/// Complains about versions elsewhere and about lists out of order.
pub(super) fn complaints(workspace: &Workspace) -> Vec<String> {
    let mut complaints = out_of_order("Cargo.toml", &workspace.manifest);
    for member in &workspace.members {
        complaints.extend(versions_elsewhere(member));
        complaints.extend(out_of_order(&format!("{}/Cargo.toml", member.path), &member.manifest));
    }
    complaints
}

fn versions_elsewhere(member: &Member) -> impl Iterator<Item = String> {
    let own = member.dependencies.iter().filter(|dependency| !dependency.is_inherited);
    own.map(|dependency| {
        let (path, key) = (&member.path, &dependency.key);
        format!(
            "{path}/Cargo.toml: `{key}` must be `{key}.workspace = true`, its version in the root manifest"
        )
    })
}

/// Complains about each dependency that should stand before the one above it. A blank line begins a new
/// group, sorted by itself.
fn out_of_order(path: &str, manifest: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut in_list = false;
    let mut above = "";
    for line in manifest.lines() {
        if let Some(section) = line.strip_prefix('[') {
            in_list = section.trim_end().ends_with("dependencies]");
            above = "";
        } else if line.trim().is_empty() {
            above = "";
        } else if let Some(key) = key_of(line).filter(|_| in_list) {
            if key < above {
                complaints.push(format!("{path}: `{key}` must stand before `{above}`"));
            }
            above = key;
        }
    }
    complaints
}

/// What an entry is called; `None` for comments and for lines that continue an entry.
fn key_of(line: &str) -> Option<&str> {
    let end = line.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))?;
    (end > 0).then(|| &line[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(manifest: &str, expect: &[&str]) {
        assert_eq!(out_of_order("m", manifest), expect, "{manifest}");
    }

    #[test]
    fn lists_are_sorted_group_by_group() {
        check("[dependencies]\na.workspace = true\nb = { features = [\n  \"a\",\n] }\nc = \"1\"", &[]);
        check("[workspace.dependencies]\nb = \"1\"\n# about c\nc = \"1\"\n\na = \"1\"", &[]);
        check("[features]\nb = []\na = []\n[dependencies]\nc = \"1\"", &[]);
        check("[dependencies]\nb = \"1\"\n# why\na = \"1\"", &["m: `a` must stand before `b`"]);
        check("[target.'cfg(unix)'.dev-dependencies]\nb.x = 1\na.x = 1", &["m: `a` must stand before `b`"]);
    }

    #[test]
    fn versions_are_the_roots() {
        let root = "[workspace.dependencies]\na = \"1\"";
        let member = "[package]\nname = \"n\"\n[dependencies]\na.workspace = true\nb = \"1\"";
        let expect = "p/Cargo.toml: `b` must be `b.workspace = true`, its version in the root manifest";
        assert_eq!(complaints(&Workspace::of(root, &[("p", member)])), [expect]);
    }
}
