//! What a run is for whoever calls `stasis run`: contract, section 2.

mod command;
mod consoles;
mod heaps;
mod modules;
mod platform;
mod results;
mod traces;

use std::path::Path;

use crate::support::{self, Answer, Cli};

/// Cells that are run one after the other, each on the heap of the one before.
struct Notebook {
    folder: tempfile::TempDir,
    heap: Option<String>,
}

impl Notebook {
    fn new() -> Self {
        Self { folder: support::folder(), heap: None }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a cell; a heap that it leaves is where the next one starts.
    #[track_caller]
    fn cell(&mut self, code: &str) -> Answer {
        let cli = Cli::script(code, self.path());
        let answer = match &self.heap {
            Some(heap) => cli.heap(heap),
            None => cli,
        }
        .answer();
        assert_eq!(answer.heap_error, None, "{code}");
        if answer.heap.is_some() {
            self.heap.clone_from(&answer.heap);
        }
        answer
    }

    /// Runs a cell that must give this result, or, with an `!` in front, throw this.
    #[track_caller]
    fn check(&mut self, code: &str, expect: &str) {
        let answer = self.cell(code);
        match expect.strip_prefix('!') {
            Some(error) => {
                let thrown = answer.error.as_deref().unwrap_or_default();
                assert!(thrown.starts_with(error), "{code}: {answer:?}, expected {error}");
            }
            None => assert_eq!(answer.result.as_deref(), Some(expect), "{code}: {answer:?}"),
        }
    }
}

/// Checks what cells give that are run each by itself.
#[track_caller]
fn check_alone(table: &[(&str, &str)]) {
    let store = support::folder();
    let complaints: Vec<_> =
        table.iter().filter_map(|(code, expect)| complaint(store.path(), code, expect)).collect();
    support::assert_none(&complaints);
}

fn complaint(store: &Path, code: &str, expect: &str) -> Option<String> {
    let answer = Cli::script(code, store).arg("--stateless").answer();
    (answer.result.as_deref() != Some(expect))
        .then(|| format!("{code}: {:?} {:?}, expected {expect:?}", answer.result, answer.error))
}
