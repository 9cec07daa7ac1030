//! What callers hand in.

/// A text with the name it has in stack traces.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The name shown in errors, such as `cell` or the URL of a module.
    pub name: &'a str,
    /// The text as the caller wrote it. A byte order mark and a `#!` line are accepted.
    pub text: &'a str,
    /// The language of a module. Cells are read as TypeScript, unless their name says JavaScript and they are.
    pub language: Language,
}

impl<'a> Source<'a> {
    /// Makes the source of a cell, which may be JavaScript or TypeScript.
    pub fn cell(name: &'a str, text: &'a str) -> Source<'a> {
        Source { name, text, language: Language::TypeScript }
    }
}

impl Source<'_> {
    /// Whether the name is that of a file of JavaScript.
    pub(crate) fn is_named_javascript(&self) -> bool {
        [".js", ".mjs", ".cjs"].iter().any(|ending| self.name.ends_with(ending))
    }
}

/// The language that a module is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Runs as it is.
    JavaScript,
    /// Its types are erased first.
    TypeScript,
}

/// Drops the byte order mark, which editors hide and columns do not count.
pub(crate) fn without_bom(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}
