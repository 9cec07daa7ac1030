//! A folder of heaps, and `stasis` run on it.

use std::{
    env, fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

/// A folder of heaps that goes away with this.
pub(super) struct Place {
    folder: PathBuf,
    flags: Vec<String>,
}

/// What is to be run.
#[derive(Clone, Copy)]
pub(super) enum Script<'a> {
    /// From standard input.
    Text(&'a str),
    /// This file, which may import others beside it.
    File(&'a Path),
}

/// A run that has ended.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) status: Option<i32>,
    /// What was printed, and then the result; without the last newline.
    pub(super) stdout: String,
    /// Warnings, errors and what was thrown.
    pub(super) stderr: String,
    pub(super) heap: Option<String>,
    pub(super) took: Duration,
}

impl Place {
    /// An empty folder.
    pub(super) fn new(name: &str) -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let name = format!("fidelity-{}-{name}-{}", std::process::id(), MADE.fetch_add(1, Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).expect("the target directory can be written");
        Self { folder, flags: Vec::new() }
    }

    /// Adds flags to every run.
    pub(super) fn with(mut self, flags: &[&str]) -> Self {
        self.flags.extend(flags.iter().map(|&flag| flag.to_owned()));
        self
    }

    /// A folder for files that are not heaps.
    pub(super) fn files(&self) -> PathBuf {
        self.folder.join("files")
    }

    /// Runs a script, fresh or from a heap.
    pub(super) fn run(&self, script: Script<'_>, heap: Option<&str>) -> Ran {
        let mut command = self.command(&["run"]);
        command.args(&self.flags).args(heap.iter().flat_map(|heap| ["--heap", heap]));
        let input = match script {
            Script::Text(text) => {
                command.arg("-");
                text
            }
            Script::File(path) => {
                command.arg(path).current_dir(path.parent().expect("a file is in a folder"));
                ""
            }
        };
        let begun = Instant::now();
        let (status, stdout, mut stderr) = finish(command, input);
        let took = begun.elapsed();
        // The heap is what is told last.
        let last = stderr.lines().last().and_then(|line| line.strip_prefix("heap ")).map(str::to_owned);
        if let Some(heap) = &last {
            stderr.truncate(stderr.len() - heap.len() - "heap \n".len());
        }
        Ran { status, stdout: without_newline(stdout), stderr, heap: last, took }
    }

    /// Runs a cell that must return; gives its output and its heap.
    #[track_caller]
    pub(super) fn step(&self, code: &str, heap: Option<&str>) -> (String, String) {
        let ran = self.run(Script::Text(code), heap);
        match ran {
            Ran { status: Some(0), stdout, heap: Some(heap), .. } => (stdout, heap),
            other => panic!("{other:?}"),
        }
    }

    /// A number that `stasis heap show` tells about a heap.
    #[track_caller]
    pub(super) fn fact(&self, heap: &str, name: &str) -> u64 {
        let (_, shown, stderr) = finish(self.command(&["heap", "show", heap, "--json"]), "");
        let value = shown.split_once(&format!("\"{name}\":")).map(|(_, rest)| rest);
        let digits = value.map(|value| value.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default());
        digits
            .and_then(|digits| digits.parse().ok())
            .unwrap_or_else(|| panic!("no {name} in {shown}{stderr}"))
    }

    #[track_caller]
    pub(super) fn remove(&self, heap: &str) {
        let (status, _, stderr) = finish(self.command(&["heap", "rm", heap]), "");
        assert_eq!(status, Some(0), "{stderr}");
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(words).arg("--directory-path").arg(self.folder.join("heaps"));
        command
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What is left is in the target directory.
        let _left_over = fs::remove_dir_all(&self.folder);
    }
}

fn without_newline(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
    }
    text
}

/// `target/…/deps/it-…` is this test, `target/…/stasis` the product.
fn binary() -> PathBuf {
    if let Some(binary) = env::var_os("STASIS_BINARY") {
        return binary.into();
    }
    let test = env::current_exe().expect("a test knows where it is");
    let profile = test.parent().and_then(Path::parent).expect("tests are in target/…/deps");
    let binary = profile.join("stasis");
    assert!(
        binary.is_file(),
        "{} is not built: run `cargo build` with the same profile first",
        binary.display()
    );
    binary
}

/// Runs a program to its end: exit status, standard output and standard error.
pub(super) fn finish(mut command: Command, input: &str) -> (Option<i32>, String, String) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("piped");
    let mut stderr = child.stderr.take().expect("piped");
    thread::scope(|scope| {
        let errors = scope.spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).map(|_| text).unwrap_or_default()
        });
        // A program that ends early does not want the rest.
        let _closed = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("it was started");
        let stdout = String::from_utf8(output.stdout).expect("output is UTF-8");
        (output.status.code(), stdout, errors.join().expect("it does not panic"))
    })
}
