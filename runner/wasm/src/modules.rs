//! All modules of an installation.

use std::path::{Path, PathBuf};

use crate::{ConfigError, ModuleError, ModuleName, ModuleSource, WasmModule, read_config};

/// The most modules that a base image may have.
pub const MAX_MODULES: usize = 64;

/// The modules that every run finds, each under a name of its own, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WasmModules(Vec<WasmModule>);

/// Modules that cannot be used together, or one that cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The configuration file is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There are more than [`MAX_MODULES`].
    #[error("there are {0} wasm modules, more than {MAX_MODULES}")]
    TooMany(usize),
    /// The command line names a module twice.
    #[error("--wasm-module names `{0}` twice")]
    TwiceInFlags(ModuleName),
    /// The command line and the file name the same module.
    #[error("`{name}` is named by --wasm-module and again in {}", config.display())]
    InFlagsAndConfig {
        /// The module.
        name: ModuleName,
        /// The configuration file.
        config: PathBuf,
    },
    /// A module is wrong.
    #[error("wasm module `{name}`: {error}")]
    Module {
        /// Which.
        name: ModuleName,
        /// What is wrong.
        #[source]
        error: ModuleError,
    },
}

impl WasmModules {
    /// Reads and checks the modules that the command line names, and those of a configuration file.
    ///
    /// # Errors
    /// If the file or a module is wrong, if a name is there twice, or if there are too many.
    pub fn load(flags: Vec<ModuleSource>, config: Option<&Path>) -> Result<Self, LoadError> {
        let mut sources = flags;
        for (at, source) in sources.iter().enumerate() {
            if is_in(&sources[..at], source) {
                return Err(LoadError::TwiceInFlags(source.name.clone()));
            }
        }
        if let Some(config) = config {
            let more = read_config(config)?;
            if let Some(ModuleSource { name, .. }) = more.iter().find(|source| is_in(&sources, source)) {
                return Err(LoadError::InFlagsAndConfig { name: name.clone(), config: config.to_owned() });
            }
            sources.extend(more);
        }
        if sources.len() > MAX_MODULES {
            return Err(LoadError::TooMany(sources.len()));
        }
        sources.sort_by(|a, b| a.name.cmp(&b.name));
        let modules: Result<_, _> = sources.into_iter().map(load).collect();
        modules.map(Self)
    }

    /// The modules, sorted by name.
    pub fn iter(&self) -> std::slice::Iter<'_, WasmModule> {
        self.0.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl<'a> IntoIterator for &'a WasmModules {
    type Item = &'a WasmModule;
    type IntoIter = std::slice::Iter<'a, WasmModule>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

fn is_in(sources: &[ModuleSource], source: &ModuleSource) -> bool {
    sources.iter().any(|other| other.name == source.name)
}

fn load(source: ModuleSource) -> Result<WasmModule, LoadError> {
    let name = source.name.clone();
    WasmModule::load(source).map_err(|error| LoadError::Module { name, error })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A folder with modules `one.wasm`, `two.wasm`, and what a test adds.
    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            let folder = Self(tempfile::tempdir().expect("a temporary folder"));
            for (name, text) in
                [("one", "(module (memory 1))"), ("two", "(module (import \"a\" \"b\" (func)))")]
            {
                folder.add(&format!("{name}.wasm"), &wat::parse_str(text).expect("a module"));
            }
            folder
        }

        fn add(&self, name: &str, content: &[u8]) -> PathBuf {
            let path = self.0.path().join(name);
            fs::write(&path, content).expect("ours to write");
            path
        }

        /// Loads `NAME=FILE` in this folder, and a configuration in which `DIR` is the folder.
        fn load(&self, flags: &[&str], config: Option<&str>) -> Result<WasmModules, String> {
            let place = self.0.path().display().to_string();
            let flag = |flag: &&str| flag.replacen('=', &format!("={place}/"), 1).parse().expect("a source");
            let config = config.map(|text| self.add("c.json", text.replace("DIR", &place).as_bytes()));
            WasmModules::load(flags.iter().map(flag).collect(), config.as_deref())
                .map_err(|error| error.to_string().replace(&place, "DIR"))
        }

        #[track_caller]
        fn check(&self, flags: &[&str], config: Option<&str>, expect: &str) {
            let got = match self.load(flags, config) {
                Ok(modules) => modules.iter().map(|it| it.name().as_str()).collect::<Vec<_>>().join(" "),
                Err(error) => format!("! {error}"),
            };
            assert_eq!(got, expect, "{flags:?} {config:?}");
        }
    }

    #[test]
    fn flags_and_file_are_merged() {
        let folder = Folder::new();
        folder.check(&[], None, "");
        folder.check(&["b=one.wasm", "a=one.wasm"], Some(r#"{"ab": "DIR/two.wasm"}"#), "a ab b");
        folder.check(&[], Some(r#"{"a": {"path": "DIR/one.wasm", "memory_limit_mb": 1}}"#), "a");
    }

    #[test]
    fn a_name_is_there_once() {
        let folder = Folder::new();
        folder.check(&["a=one.wasm", "b=one.wasm", "a=two.wasm"], None, "! --wasm-module names `a` twice");
        folder.check(
            &["a=one.wasm"],
            Some(r#"{"b": "DIR/one.wasm", "a": "DIR/one.wasm"}"#),
            "! `a` is named by --wasm-module and again in DIR/c.json",
        );
        folder.check(
            &[],
            Some("{\"a\": \"DIR/one.wasm\",\n\"a\": \"DIR/one.wasm\"}"),
            "! the wasm configuration DIR/c.json is wrong: `a` is there twice at line 2 column 3",
        );
    }

    #[test]
    fn whose_fault_it_is() {
        let folder = Folder::new();
        folder.check(
            &["a=one.wasm", "b=none.wasm"],
            None,
            "! wasm module `b`: cannot read DIR/none.wasm: No such file or directory (os error 2)",
        );
    }

    #[test]
    fn their_number_is_bounded() {
        let folder = Folder::new();
        let flags: Vec<String> = (0..=MAX_MODULES).map(|number| format!("m{number}=one.wasm")).collect();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        assert_eq!(folder.load(&flags[1..], None).map(|modules| modules.len()), Ok(64));
        folder.check(&flags, None, "! there are 65 wasm modules, more than 64");
    }
}
