//! Runs the binary as people do, and reads what it answers.

use std::{
    env,
    ffi::{OsStr, OsString},
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError, mpsc},
    thread,
    time::Duration,
};

use serde::Deserialize;

/// How long a command may take before it counts as hanging. Longer than every limit that a test sets.
const PATIENCE: Duration = Duration::from_secs(60);

/// One call of `stasis`.
#[derive(Debug, Clone)]
pub(crate) struct Cli {
    program: PathBuf,
    arguments: Vec<OsString>,
    input: Vec<u8>,
    folder: Option<PathBuf>,
    patience: Duration,
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// None if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The object that `--json` prints.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    pub(crate) status: String,
    pub(crate) result: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) output: String,
    pub(crate) heap: Option<String>,
    pub(crate) heap_error: Option<String>,
    /// The exit status that came with it.
    #[serde(skip)]
    pub(crate) code: Option<i32>,
}

impl Cli {
    /// `stasis` with these arguments.
    pub(crate) fn new(arguments: &[&str]) -> Self {
        Self {
            program: binary().to_owned(),
            arguments: arguments.iter().map(Into::into).collect(),
            input: Vec::new(),
            folder: None,
            patience: PATIENCE,
        }
    }

    /// `stasis run` with a script from standard input.
    pub(crate) fn script(code: impl Into<Vec<u8>>, store: &Path) -> Self {
        let mut this = Self::new(&["run", "-"]).store(store);
        this.input = code.into();
        this
    }

    /// `stasis run` with a file.
    pub(crate) fn file(path: &Path, store: &Path) -> Self {
        Self::new(&["run"]).arg(path).store(store)
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    pub(crate) fn args<T: AsRef<OsStr>>(self, arguments: &[T]) -> Self {
        arguments.iter().fold(self, Self::arg)
    }

    /// Where heaps are kept.
    pub(crate) fn store(self, folder: &Path) -> Self {
        self.arg("--directory-path").arg(folder)
    }

    /// Says something else in the place of an argument.
    pub(crate) fn replace_argument(&mut self, old: &str, new: &str) {
        for argument in self.arguments.iter_mut().filter(|argument| *argument == old) {
            *argument = new.into();
        }
    }

    pub(crate) fn heap(self, id: &str) -> Self {
        self.arg("--heap").arg(id)
    }

    /// Another executable than the usual one.
    pub(crate) fn program(mut self, program: &Path) -> Self {
        program.clone_into(&mut self.program);
        self
    }

    pub(crate) fn working_folder(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Starts it; whoever asked for that has to wait for it.
    pub(crate) fn spawn(&self) -> Child {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", self.program.display()));
        let mut stdin = child.stdin.take().expect("piped");
        let input = self.input.clone();
        // A command that does not read its input closes it, which is its right.
        thread::spawn(move || stdin.write_all(&input).unwrap_or_default());
        child
    }

    /// Runs it to its end; kills it and fails if it hangs.
    pub(crate) fn finish(&self) -> Ended {
        let mut child = self.spawn();
        let (sender, receiver) = mpsc::channel();
        let read = |pipe: Option<Box<dyn Read + Send>>| {
            let (mut pipe, sender) = (pipe.expect("piped"), sender.clone());
            thread::spawn(move || {
                let mut bytes = Vec::new();
                let read = pipe.read_to_end(&mut bytes);
                let _tested_by_receiver = sender.send(read.map(drop));
                String::from_utf8_lossy(&bytes).into_owned()
            })
        };
        let stdout = read(child.stdout.take().map(|pipe| Box::new(pipe) as _));
        let stderr = read(child.stderr.take().map(|pipe| Box::new(pipe) as _));
        for _ in 0..2 {
            // Both pipes are closed when the command and all that it started are gone.
            if receiver.recv_timeout(self.patience).is_err() {
                child.kill().expect("it is ours");
                child.wait().expect("it was killed");
                panic!("hangs: {:?}", self.arguments);
            }
        }
        let status = child.wait().expect("a child can be waited for");
        let text = |thread: thread::JoinHandle<String>| thread.join().expect("reading does not panic");
        Ended { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }

    /// Runs it to its end; gives the answer, which has to be one.
    #[track_caller]
    pub(crate) fn answer(self) -> Answer {
        let this = self.arg("--json");
        let ended = this.finish();
        match serde_json::from_str::<Answer>(&ended.stdout) {
            Ok(answer) => Answer { code: ended.code, ..answer },
            Err(_) => panic!("{:?}: no answer: {ended:?}", this.arguments),
        }
    }

    /// Runs a script that must return and be saved; gives its result and its heap.
    #[track_caller]
    pub(crate) fn saved(self) -> (String, String) {
        let answer = self.answer();
        match (answer.result, answer.heap) {
            (Some(result), Some(heap)) => (result, heap),
            (result, heap) => panic!("{result:?} {heap:?} {:?} {:?}", answer.error, answer.heap_error),
        }
    }
}

/// A folder that is removed with what is in it.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("stasis-it-").tempdir().expect("a temporary folder")
}

/// The executable under test: `STASIS_BINARY`, or the release build of this workspace.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder of the workspace");
        let built = || workspace.join("target/release/stasis");
        let binary = env::var_os("STASIS_BINARY").map_or_else(built, PathBuf::from);
        assert!(
            binary.is_file(),
            "there is no {}: run `cargo build --release`, or name the binary in STASIS_BINARY",
            binary.display()
        );
        binary
    })
}

/// Held by tests that keep all processors busy, so that they do not make each other's clocks run out.
pub(crate) fn busy() -> MutexGuard<'static, ()> {
    static BUSY: Mutex<()> = Mutex::new(());
    BUSY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Fails with all complaints at once.
#[track_caller]
pub(crate) fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{} complaint(s):\n  {}\n", complaints.len(), complaints.join("\n  "));
}

/// For what is known to be wrong: the test must fail, and stops doing so when the product is mended.
#[track_caller]
pub(crate) fn known_bug(why: &str, test: impl FnOnce()) {
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(test)).is_err();
    assert!(failed, "is mended, take `known_bug` away: {why}");
}

/// Tells whoever reads the test's output.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so; the harness shows it on request")]
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}
