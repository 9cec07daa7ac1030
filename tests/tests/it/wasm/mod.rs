//! WebAssembly modules that every run finds: contract, section 6.

mod features;
mod flags;
mod globals;
mod limits;
mod sqlite;

use std::{fs, path::PathBuf};

use crate::support::{self, Answer, Cli};

/// Exit status of `stasis` when a flag is wrong.
const USAGE: i32 = 2;

/// A folder with modules, which are also the heaps' folder, and the flags that name them.
struct Modules {
    folder: tempfile::TempDir,
    flags: Vec<String>,
}

impl Modules {
    fn new() -> Self {
        Self { folder: support::folder(), flags: Vec::new() }
    }

    /// Names a module, given as text; LIMIT with its colon.
    fn with(mut self, name: &str, text: &str, limit: &str) -> Self {
        let path = self.file(&format!("{name}.wasm"), wat::parse_str(text).expect("a module"));
        self.flags.extend(["--wasm-module".to_owned(), format!("{name}={}{limit}", path.display())]);
        self
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).expect("ours to write");
        path
    }

    fn cli(&self, code: &str) -> Cli {
        Cli::script(code, self.folder.path()).args(&self.flags)
    }

    fn stateless(&self, code: &str) -> Answer {
        self.cli(code).arg("--stateless").answer()
    }

    #[track_caller]
    fn check(&self, code: &str, expect: &str) {
        let answer = self.stateless(code);
        assert_eq!(answer.result.as_deref(), Some(expect), "{code}: {answer:?}");
    }

    /// It must not start, and say this.
    #[track_caller]
    fn check_refused(&self, flags: &[&str], part: &str) {
        let ended = self.cli("1").args(flags).finish();
        assert_eq!(ended.code, Some(USAGE), "{flags:?}: {ended:?}");
        assert!(ended.stderr.contains(part), "{flags:?}: expected {part:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "nothing ran");
    }
}
