//! A server that runs, and is killed when it is no longer needed.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
};

use super::PATIENCE;
use crate::support;

#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    /// Where it listens: `127.0.0.1` and a port.
    pub(super) authority: String,
    _folder: tempfile::TempDir,
}

/// The flags for a server that keeps what it keeps in this folder.
pub(super) fn flags(folder: &Path) -> [String; 4] {
    let path = |name: &str| folder.join(name).to_str().expect("a temporary folder's name is text").to_owned();
    ["--directory-path".to_owned(), path("heaps"), "--session-db-path".to_owned(), path("sessions")]
}

impl Server {
    /// The product, on a port of its own.
    #[track_caller]
    pub(super) fn start() -> Self {
        let folder = support::folder();
        let mut command = Command::new(support::binary());
        command.args(flags(folder.path())).args(["--http-port", "0"]);
        Self::spawn(command, folder, "stasis: listening on http://", Stream::Error)
    }

    /// The same service with the things added that the conformance suite asks for.
    #[track_caller]
    pub(super) fn fixture() -> Self {
        let examples = support::binary().parent().expect("it is in a folder").join("examples");
        let program = examples.join("conformance-server");
        assert!(
            program.is_file(),
            "there is no {}: run `cargo build --release -p stasis-mcp --examples`",
            program.display()
        );
        let mut command = Command::new(program);
        command.arg("0");
        Self::spawn(command, support::folder(), "http://", Stream::Output)
    }

    #[track_caller]
    fn spawn(mut command: Command, folder: tempfile::TempDir, prefix: &'static str, says: Stream) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (sender, receiver) = mpsc::channel();
        let streams: [(Stream, Box<dyn std::io::Read + Send>); 2] = [
            (Stream::Output, Box::new(child.stdout.take().expect("piped"))),
            (Stream::Error, Box::new(child.stderr.take().expect("piped"))),
        ];
        for (kind, stream) in streams {
            let sender = sender.clone();
            // What it says has to be read, or else it could not go on.
            thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    if let (true, Some(authority)) = (kind == says, line.strip_prefix(prefix)) {
                        let authority = authority.trim_end_matches("/mcp").to_owned();
                        let _tested_by_receiver = sender.send(authority);
                    }
                }
            });
        }
        let Ok(authority) = receiver.recv_timeout(PATIENCE) else {
            panic!("it does not listen: {:?}", child.try_wait());
        };
        Self { child, authority, _folder: folder }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.authority)
    }

    /// Its memory and that of nobody else, in kilobytes.
    pub(super) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

/// Where a program says that it listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    Output,
    Error,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}
