//! Unsafe code stays in the few places that are read with that in mind.

use super::{code, tree::TextFile};

/// Beginnings of the paths that may hold unsafe code.
const ALLOWED: &[&str] = &[
    // Freeze and thaw: memory maps, registers, raw system calls.
    "runner/image/",
    // System calls that lock the worker in.
    "runner/worker/src/process/sandbox",
    // V8 calls back with a bare pointer when its heap is full.
    "runner/worker/src/engine/memory.rs",
    // Allocators are unsafe to implement.
    "runner/worker/src/process/allocator.rs",
    "runner/worker/src/process/buffers.rs",
    // A worker forks, freezes, thaws and ends.
    "runner/worker/src/process/lifecycle.rs",
];

/// Complains about each line elsewhere that says `unsafe`.
pub(super) fn complaints(files: &[TextFile]) -> Vec<String> {
    let files = files.iter().filter(|file| file.is_rust());
    let elsewhere = files.filter(|file| !ALLOWED.iter().any(|beginning| file.path.starts_with(beginning)));
    elsewhere.flat_map(complaints_about).collect()
}

fn complaints_about(file: &TextFile) -> Vec<String> {
    let code = code::without_comments_and_literals(&file.text);
    let lines = (1..).zip(code.lines()).filter(|(_, line)| says_unsafe(line));
    lines.map(|(number, _)| format!("{}:{number}: unsafe code is not allowed here", file.path)).collect()
}

fn says_unsafe(line: &str) -> bool {
    line.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == "unsafe")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, text: &str, expect: &[&str]) {
        assert_eq!(complaints(&[TextFile { path: path.into(), text: text.into() }]), expect, "{text}");
    }

    #[test]
    fn only_code_counts_and_only_elsewhere() {
        let expect = "runner/core/src/a.rs:2: unsafe code is not allowed here";
        check("runner/core/src/a.rs", "fn f() {\n    unsafe { g() }\n}", &[expect]);
        check("runner/core/src/a.rs", "// x\nunsafe impl Send for A {}", &[expect]);
        check("runner/core/src/a.rs", "#![forbid(unsafe_code)] // unsafe\nlet a = \"unsafe\";", &[]);
        check("runner/image/src/a.rs", "unsafe { g() }", &[]);
        check("docs/a.md", "unsafe { g() }", &[]);
    }
}
