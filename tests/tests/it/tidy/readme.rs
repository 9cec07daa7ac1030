//! The README's code map names every crate, and nothing that does not exist.
//!
//! The code map is the section under the heading "Code map"; in it, what stands in code spans and code
//! blocks counts.

use std::{fs, path::Path};

use super::workspace::Workspace;

/// Complains about crates that the code map lacks, and about paths and crates that are not there.
pub(super) fn complaints(root: &Path, workspace: &Workspace) -> Vec<String> {
    let readme = fs::read_to_string(root.join("README.md")).unwrap_or_default();
    complaints_about(&readme, workspace, &|path| root.join(path).exists())
}

fn complaints_about(readme: &str, workspace: &Workspace, exists: &dyn Fn(&str) -> bool) -> Vec<String> {
    let Some(map) = code_map(readme) else {
        return vec!["README.md: no section `Code map`".to_owned()];
    };
    let words = words_in_code(&map);
    let missing = workspace.members.iter().filter(|member| !words.contains(&member.path.as_str()));
    let missing = missing.map(|member| format!("README.md: the code map lacks `{}`", member.path));
    let stale = words.iter().filter(|word| is_ours(word, workspace) && !is_there(word, workspace, exists));
    let stale = stale.map(|word| format!("README.md: the code map names `{word}`, which does not exist"));
    missing.chain(stale).collect()
}

/// Whether a word means a path below a directory of ours, or a crate of ours.
fn is_ours(word: &str, workspace: &Workspace) -> bool {
    let below = word.split_once('/').map(|(top, _)| top);
    let is_top =
        |top: &str| workspace.members.iter().any(|member| member.path.split('/').next() == Some(top));
    word.starts_with("stasis-") || below.is_some_and(is_top)
}

fn is_there(word: &str, workspace: &Workspace, exists: &dyn Fn(&str) -> bool) -> bool {
    workspace.members.iter().any(|member| member.name == word) || exists(word)
}

/// The text between the heading "Code map" and the next heading.
fn code_map(readme: &str) -> Option<String> {
    let mut in_block = false;
    let mut map: Option<String> = None;
    for line in readme.lines() {
        in_block ^= line.trim_start().starts_with("```");
        if line.starts_with('#') && !in_block {
            if map.is_some() {
                break;
            }
            let title = line.trim_start_matches('#').trim();
            map = title.eq_ignore_ascii_case("code map").then(String::new);
        } else if let Some(map) = &mut map {
            map.push_str(line);
            map.push('\n');
        }
    }
    map
}

fn words_in_code(markdown: &str) -> Vec<&str> {
    let mut in_block = false;
    let mut words = Vec::new();
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if in_block {
            words.extend(words_of(line));
        } else {
            // Between backticks is every second piece.
            words.extend(line.split('`').skip(1).step_by(2).flat_map(words_of));
        }
    }
    words
}

fn words_of(code: &str) -> impl Iterator<Item = &str> {
    let words = code.split(|c: char| !(c.is_alphanumeric() || "_-./".contains(c)));
    words.map(|word| word.trim_end_matches(['/', '.'])).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(readme: &str, expect: &[&str]) {
        let core = ("runner/core", "[package]\nname = \"stasis-core\"");
        let bench = ("bench", "[package]\nname = \"stasis-bench\"");
        let workspace = Workspace::of("[workspace.dependencies]", &[core, bench]);
        let exists = |path: &str| matches!(path, "runner/core" | "runner/core/src" | "bench");
        assert_eq!(complaints_about(readme, &workspace, &exists), expect, "{readme}");
    }

    #[test]
    fn a_complete_map_in_spans_or_blocks() {
        check(
            "# S\n## Code map\n* `runner/core/`: `stasis-core`, see `runner/core/src`\n* `bench`\n# Next",
            &[],
        );
        check("## Code map\n```text\n# a tree\nrunner/core   the domain\nbench\n```\n", &[]);
    }

    #[test]
    fn what_is_missing_or_stale() {
        let (no_core, no_bench) = ("the code map lacks `runner/core`", "the code map lacks `bench`");
        let [no_core, no_bench] = [no_core, no_bench].map(|text| format!("README.md: {text}"));
        check("nothing", &["README.md: no section `Code map`"]);
        check("## Code map\nbench\n## Other\n`bench` `runner/core`", &[&no_core, &no_bench]);
        let stale = "the code map names `runner/gone`, which does not exist";
        check("## Code map\n`runner/core` `bench` `runner/gone`", &[&format!("README.md: {stale}")]);
        let stale = "the code map names `stasis-gone`, which does not exist";
        check("## Code map\n`runner/core` `bench` `stasis-gone`", &[&format!("README.md: {stale}")]);
    }
}
