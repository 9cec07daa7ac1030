//! The flag `--wasm-module`: which file a module is in.

use std::{path::PathBuf, str::FromStr};

use crate::{MemoryLimit, MemoryLimitError, ModuleName, NameError};

/// Where a module is to be read, what it is called, and how far its memories can grow.
///
/// As text it is `NAME=PATH` or `NAME=PATH:LIMIT`. LIMIT is a number of megabytes, with or without `MB`
/// behind it. The path may contain `=` and colons; one that itself ends in a colon and a number has to be
/// named in the file of `--wasm-config`, or with a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleSource {
    /// The global variable for its exports.
    pub name: ModuleName,
    /// The file, absolute or below the working directory.
    pub path: PathBuf,
    /// If there is none, memories grow as far as the module itself and the run's limits allow.
    pub memory_limit: Option<MemoryLimit>,
}

/// A text that names no module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// It has no `=`.
    #[error("`{0}` names no wasm module: expected NAME=PATH or NAME=PATH:LIMIT")]
    NoPath(String),
    /// Nothing stands for the path.
    #[error("the wasm module `{0}` has an empty path: expected NAME=PATH or NAME=PATH:LIMIT")]
    EmptyPath(ModuleName),
    /// The name is not allowed.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The limit is not allowed.
    #[error("wasm module `{name}`: {error}")]
    MemoryLimit {
        /// The module.
        name: ModuleName,
        /// What is wrong with its limit.
        #[source]
        error: MemoryLimitError,
    },
}

impl FromStr for ModuleSource {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let (name, rest) = text.split_once('=').ok_or_else(|| SourceError::NoPath(text.to_owned()))?;
        let name: ModuleName = name.parse()?;
        let (path, limit) = split_limit(rest);
        if path.is_empty() {
            return Err(SourceError::EmptyPath(name));
        }
        let memory_limit = limit.map(str::parse).transpose();
        match memory_limit {
            Ok(memory_limit) => Ok(Self { name, path: path.into(), memory_limit }),
            Err(error) => Err(SourceError::MemoryLimit { name, error }),
        }
    }
}

/// Takes the digits of a limit from the end of a path.
fn split_limit(text: &str) -> (&str, Option<&str>) {
    let Some((path, last)) = text.rsplit_once(':') else {
        return (text, None);
    };
    let unit = last.len().checked_sub(2).and_then(|at| last.split_at_checked(at));
    let digits = unit.filter(|(_, unit)| unit.eq_ignore_ascii_case("MB")).map_or(last, |(digits, _)| digits);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { (path, Some(digits)) } else { (text, None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows what a text means in one line.
    fn shown(text: &str) -> String {
        match text.parse::<ModuleSource>() {
            Err(error) => format!("! {error}"),
            Ok(ModuleSource { name, path, memory_limit: None }) => format!("{name} @ {}", path.display()),
            Ok(ModuleSource { name, path, memory_limit: Some(limit) }) => {
                format!("{name} @ {} up to {limit}", path.display())
            }
        }
    }

    #[test]
    fn texts_of_the_flag() {
        let golden = include_str!("../tests/flags.txt");
        let mut checked = 0;
        for (text, expect) in golden.lines().filter_map(|line| line.split_once(" -> ")) {
            assert_eq!(shown(text), expect, "{text}");
            checked += 1;
        }
        assert!(checked > 20, "the table is read");
    }

    #[test]
    fn a_text_is_never_cut_within_a_character() {
        for text in ["a=b:é", "a=b:1é", "a=b:€B", "a=b:mb", "a=:MB", "a=é:8MB"] {
            let _either = text.parse::<ModuleSource>();
        }
    }
}
