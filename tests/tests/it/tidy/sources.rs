//! Every source file begins with what it is for, and none is too long to be read at once.

use super::tree::TextFile;

const MAX_LINES: usize = 600;

/// Complains about Rust files without a purpose line, and about long ones.
pub(super) fn complaints(files: &[TextFile]) -> Vec<String> {
    files.iter().filter(|file| file.is_rust()).flat_map(complaints_about).collect()
}

fn complaints_about(file: &TextFile) -> impl Iterator<Item = String> {
    let path = &file.path;
    let purpose = file.text.lines().next().and_then(|line| line.strip_prefix("//!")).map(str::trim);
    let silent = purpose
        .is_none_or(str::is_empty)
        .then(|| format!("{path}: must begin with a line `//!` that says what the file is for"));
    let lines = file.text.lines().count();
    let long = (lines > MAX_LINES).then(|| format!("{path}: {lines} lines, more than {MAX_LINES}: split it"));
    silent.into_iter().chain(long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, text: &str, expect: &[&str]) {
        assert_eq!(complaints(&[TextFile { path: path.into(), text: text.into() }]), expect);
    }

    #[test]
    fn a_purpose_line_comes_first() {
        let silent = "a.rs: must begin with a line `//!` that says what the file is for";
        check("a.rs", "//! Says it.\n", &[]);
        check("a.rs", "//!\n//! Too late.\n", &[silent]);
        check("a.rs", "use std::fs;\n", &[silent]);
        check("a.rs", "", &[silent]);
        check("a.md", "text", &[]);
    }

    #[test]
    fn length_is_bounded() {
        check("a.rs", &"//! x\n".repeat(MAX_LINES), &[]);
        check("a.rs", &"//! x\n".repeat(MAX_LINES + 1), &["a.rs: 601 lines, more than 600: split it"]);
    }
}
