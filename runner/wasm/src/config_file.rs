//! The file of `--wasm-config`: modules by name.

use std::{
    fmt,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::{MemoryLimit, ModuleName, ModuleSource};

/// The largest configuration file, in bytes.
pub const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// A configuration file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the wasm configuration {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What happened.
        #[source]
        error: io::Error,
    },
    /// It is larger than [`MAX_CONFIG_BYTES`].
    #[error("the wasm configuration {} is larger than {MAX_CONFIG_BYTES} bytes", .0.display())]
    TooLarge(PathBuf),
    /// It is not JSON, or JSON that means something else; a name that is not allowed or there twice.
    #[error("the wasm configuration {} is wrong: {error}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        #[source]
        error: serde_json::Error,
    },
}

/// Reads a file with an object of `"name": "path"` or `"name": {"path": …, "memory_limit_mb": …}`, in the
/// file's order. Paths are absolute or below the working directory.
///
/// # Errors
/// If the file cannot be read, is too large, or does not hold such an object; if a name is not allowed or
/// is there twice.
pub fn read_config(path: &Path) -> Result<Vec<ModuleSource>, ConfigError> {
    let read_error = |error| ConfigError::Read { path: path.to_owned(), error };
    let mut text = Vec::new();
    let file = File::open(path).map_err(read_error)?;
    file.take(MAX_CONFIG_BYTES + 1).read_to_end(&mut text).map_err(read_error)?;
    if text.len() as u64 > MAX_CONFIG_BYTES {
        return Err(ConfigError::TooLarge(path.to_owned()));
    }
    match serde_json::from_slice(&text) {
        Ok(Config(sources)) => Ok(sources),
        Err(error) => Err(ConfigError::Content { path: path.to_owned(), error }),
    }
}

/// The whole file.
struct Config(Vec<ModuleSource>);

/// What stands after a name.
struct Entry(Place);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    path: PathBuf,
    memory_limit_mb: Option<MemoryLimit>,
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ConfigVisitor)
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntryVisitor)
    }
}

/// Reads entry by entry: a map would forget the first of two with the same name.
struct ConfigVisitor;

impl<'de> Visitor<'de> for ConfigVisitor {
    type Value = Config;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of names and paths")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Config, A::Error> {
        let mut sources: Vec<ModuleSource> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let name: ModuleName = name.parse().map_err(de::Error::custom)?;
            if sources.iter().any(|source| source.name == name) {
                return Err(de::Error::custom(format_args!("`{name}` is there twice")));
            }
            let Entry(Place { path, memory_limit_mb }) = map.next_value()?;
            if path.as_os_str().is_empty() {
                return Err(de::Error::custom(format_args!("`{name}` has an empty path")));
            }
            sources.push(ModuleSource { name, path, memory_limit: memory_limit_mb });
        }
        Ok(Config(sources))
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path or an object with `path` and `memory_limit_mb`")
    }

    fn visit_str<E: de::Error>(self, path: &str) -> Result<Entry, E> {
        Ok(Entry(Place { path: path.into(), memory_limit_mb: None }))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Entry, A::Error> {
        Place::deserialize(MapAccessDeserializer::new(map)).map(Entry)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Shows what a file means; its own path is CONFIG.
    fn shown(text: impl AsRef<[u8]>) -> String {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("wasm.json");
        fs::write(&path, text).expect("ours to write");
        match read_config(&path) {
            Err(error) => error.to_string().replace(&path.display().to_string(), "CONFIG"),
            Ok(sources) => {
                let shown = |it: &ModuleSource| {
                    let limit = it.memory_limit.map(|limit| format!(" up to {limit}")).unwrap_or_default();
                    format!("{} @ {}{limit}", it.name, it.path.display())
                };
                sources.iter().map(shown).collect::<Vec<_>>().join(", ")
            }
        }
    }

    #[track_caller]
    fn check(text: &str, expect: &str) {
        assert_eq!(shown(text), expect, "{text}");
    }

    #[track_caller]
    fn check_wrong(text: &str, expect: &str) {
        assert_eq!(shown(text), format!("the wasm configuration CONFIG is wrong: {expect}"), "{text}");
    }

    #[test]
    fn paths_by_name() {
        check("{}", "");
        check(r#"{"math": "./math.wasm", "crypto": "/c.wasm:8"}"#, "math @ ./math.wasm, crypto @ /c.wasm:8");
        check(r#"{"a": {"path": "a.wasm"}}"#, "a @ a.wasm");
        check(r#"{"b": {"memory_limit_mb": 16, "path": "b"}, "a": "a"}"#, "b @ b up to 16 MB, a @ a");
        check(r#"{"a": {"path": "a", "memory_limit_mb": null}}"#, "a @ a");
    }

    #[test]
    fn wrong_files_are_told_with_their_line() {
        check_wrong("", "EOF while parsing a value at line 1 column 0");
        check_wrong("{\n  'a': 1}", "key must be a string at line 2 column 3");
        check_wrong(r#"{"a": "b"} x"#, "trailing characters at line 1 column 12");
        check_wrong(
            r#"["a"]"#,
            "invalid type: sequence, expected an object of names and paths at line 1 column 0",
        );
        let neither = "expected a path or an object with `path` and `memory_limit_mb`";
        check_wrong(r#"{"a": 1}"#, &format!("invalid type: integer `1`, {neither} at line 1 column 7"));
        check_wrong(r#"{"a": ["b"]}"#, &format!("invalid type: sequence, {neither} at line 1 column 7"));
        check_wrong(r#"{"a": {}}"#, "missing field `path` at line 1 column 8");
        check_wrong(
            r#"{"a": {"path": "b", "limit": 1}}"#,
            "unknown field `limit`, expected `path` or `memory_limit_mb` at line 1 column 27",
        );
        check_wrong(
            r#"{"a": {"path": "b", "memory_limit_mb": 0}}"#,
            "the memory limit is 0 MB; it must be between 1 and 4096 MB at line 1 column 41",
        );
        check_wrong(r#"{"a": {"path": "b", "path": "c"}}"#, "duplicate field `path` at line 1 column 26");
        check_wrong(r#"{"a": ""}"#, "`a` has an empty path at line 1 column 9");
    }

    #[test]
    fn names_are_checked_and_there_once() {
        check_wrong("{\"a\": \"b\",\n \"a\": \"c\"}", "`a` is there twice at line 2 column 4");
        check_wrong(r#"{"a": "b", "\u0061": "c"}"#, "`a` is there twice at line 1 column 19");
        check_wrong(
            r#"{"Math": "b"}"#,
            "`Math` is no name for a wasm module: every script has a global of that name already at line 1 column 7",
        );
    }

    #[test]
    fn sizes_and_files() {
        let longest = "{}".to_owned() + &" ".repeat(MAX_CONFIG_BYTES as usize - 2);
        check(&longest, "");
        let too_large = "the wasm configuration CONFIG is larger than 1048576 bytes";
        check(&format!("{longest} "), too_large);
        assert!(shown(b"\xff{}").contains("line 1 column 1"));
        let folder = tempfile::tempdir().expect("a temporary folder");
        for path in [folder.path().to_owned(), folder.path().join("absent")] {
            assert!(matches!(read_config(&path), Err(ConfigError::Read { .. })), "{}", path.display());
        }
    }
}
