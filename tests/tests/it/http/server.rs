//! The server under test: started with folders of its own, and killed when it is no longer needed.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    PATIENCE,
    client::{Answer, Client, Request},
    text,
};
use crate::support;

/// How a server says where it listens.
const LISTENING: &str = "stasis: listening on http://";

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<String>>,
    /// Its folder, if nobody else cares for it.
    _folder: Option<TempDir>,
}

impl Server {
    /// A server with a new folder.
    #[track_caller]
    pub(crate) fn start(flags: &[&str]) -> Self {
        let folder = support::folder();
        let mut server = Self::at(folder.path(), flags);
        server._folder = Some(folder);
        server
    }

    /// A server that keeps nothing.
    #[track_caller]
    pub(crate) fn stateless(flags: &[&str]) -> Self {
        Self::start(&[&["--stateless"], flags].concat())
    }

    /// A server on a folder.
    #[track_caller]
    pub(crate) fn at(folder: &Path, flags: &[&str]) -> Self {
        Self::with_variables(folder, flags, &[])
    }

    /// A server on a folder, in an environment.
    #[track_caller]
    pub(crate) fn with_variables(folder: &Path, flags: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::listening(command(folder).args(flags).envs(variables.iter().copied()))
    }

    /// A server on a folder, whose executable is gone when it has started.
    #[track_caller]
    pub(crate) fn without_executable(folder: &Path) -> Self {
        let program = folder.join("stasis-that-goes");
        fs::copy(support::binary(), &program).expect("copied");
        let server = Self::listening(&mut command_of(&program, folder));
        fs::remove_file(&program).expect("removed");
        server
    }

    #[track_caller]
    fn listening(command: &mut Command) -> Self {
        let mut child =
            command.args(["--http-port", "0"]).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (log, (sender, receiver)) = (Arc::new(Mutex::new(String::new())), mpsc::channel());
        let (stderr, kept) = (child.stderr.take().expect("piped"), log.clone());
        // What it says has to be read, or else it could not go on.
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if let Some(address) = line.strip_prefix(LISTENING) {
                    let _tested_by_receiver = sender.send(address.parse());
                }
                let mut kept = kept.lock().expect("nobody panics");
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        let Ok(Ok(address)) = receiver.recv_timeout(PATIENCE) else {
            let status = child.try_wait();
            panic!("it does not listen: {status:?} {}", log.lock().expect("nobody panics"));
        };
        Self { child, address, log, _folder: None }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to standard error.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("nobody panics").clone()
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it was killed");
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        let id = Pid::from_raw(i32::try_from(self.pid()).expect("a process id")).expect("not zero");
        kill_process(id, Signal::TERM).expect("it is ours");
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> ExitStatus {
        super::until("the server ends", || self.child.try_wait().expect("a child can be waited for"))
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_none()
    }

    /// Its memory and that of nobody else, in kilobytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// The processes it has started that are not gone; those that nobody has waited for count.
    pub(crate) fn children(&self) -> Vec<u32> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid())).expect("it runs").flatten();
        let children = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("children"));
        let ids = threads.filter_map(|thread| children(thread).ok());
        ids.flat_map(|ids| ids.split_whitespace().map(|id| id.parse().expect("a pid")).collect::<Vec<_>>())
            .collect()
    }

    /// How many descriptors it has open.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("it runs").count()
    }

    #[track_caller]
    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address).expect("it listens")
    }

    /// Asks over a connection of its own.
    #[track_caller]
    pub(crate) fn ask(&self, request: &Request) -> Answer {
        let answer = self.connect().ask(request);
        answer.unwrap_or_else(|error| panic!("no answer: {error}; the server says:\n{}", self.log()))
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(&Request::get(path))
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(&Request::post(path).json(body))
    }

    /// Runs something and waits for its end.
    #[track_caller]
    pub(crate) fn run(&self, run: &Value) -> Value {
        self.post("/api/exec?wait=60", run).expect(200)
    }

    /// Runs code and waits for its end.
    #[track_caller]
    pub(crate) fn code(&self, code: &str) -> Value {
        self.run(&super::run(code))
    }

    /// Starts something and gives its id.
    #[track_caller]
    pub(crate) fn begin(&self, code: &str) -> String {
        text(&self.post("/api/exec", &super::run(code)).expect(202), "execution_id").to_owned()
    }

    /// An execution's record.
    #[track_caller]
    pub(crate) fn record(&self, id: &str) -> Value {
        self.get(&format!("/api/executions/{id}")).expect(200)
    }

    /// An execution's record when it has ended.
    #[track_caller]
    pub(crate) fn end_of(&self, id: &str) -> Value {
        self.get(&format!("/api/executions/{id}?wait=60")).expect(200)
    }

    /// Starts a script that runs until somebody stops it, and waits until it does.
    #[track_caller]
    pub(crate) fn begin_endless(&self) -> String {
        let id = self.begin(super::ENDLESS);
        super::until("it is started", || self.record(&id)["started_at"].is_string().then_some(()));
        id
    }

    /// Fails unless it still does its work.
    #[track_caller]
    pub(crate) fn assert_serves(&self) {
        assert_eq!(text(&self.code("6 * 7"), "result"), "42");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _it_may_be_gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The program with nothing from this test's surroundings; its folders are in `folder`.
pub(crate) fn command(folder: &Path) -> Command {
    command_of(support::binary(), folder)
}

fn command_of(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("STASIS_") {
            command.env_remove(name);
        }
    }
    command.env("XDG_DATA_HOME", folder).env("STASIS_LOG", "warn");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}
