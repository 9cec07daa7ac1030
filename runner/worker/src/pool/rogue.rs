//! Workers that do not do as they should, as one would that a script has taken over: what the server makes of them.

use std::{
    ffi::OsStr,
    future::pending,
    io::Write as _,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    pin::pin,
    process::{Command, Stdio},
    time::Duration,
};

use futures::future::BoxFuture;
use rustix::{
    net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg},
    process::{PidfdFlags, getppid, pidfd_open},
};
use stasis_core::{ByteSize, ConsoleLevel, HostCall, HostResult, Limits, Outcome, RunHost, StopReason};
use tempfile::TempDir;

use super::{
    PoolError, PoolOptions, RunEvents, WorkerProgram, child::Child, connection::Connection, run::watch,
};
use crate::{
    Layers,
    pool::waiting::Forked,
    protocol::{FromWorker, MAX_DESCRIPTORS, MAX_OPEN_BYTES, MAX_OPEN_CALLS, VERSION, encode},
};

/// Longest frame that the server takes from these.
const MAX_FRAME: usize = 64 << 10;

pub(super) fn with_runtime(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(test);
}

/// Where a rogue's words are, and the rogue itself if it is to be started by others.
pub(super) struct Rogue {
    folder: TempDir,
}

impl Rogue {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A process that says `bytes` and then does `then`, a shell command. Its standard input is its socket.
    fn process(&self, bytes: &[u8], then: &str) -> Forked {
        std::fs::write(self.file("bytes"), bytes).expect("written");
        let (connection, theirs) = Connection::pair(MAX_FRAME).expect("a pair of sockets");
        let script = format!("cat bytes >&0; {then}");
        Forked { connection, child: shell(OsStr::new(&script), self.folder.path(), theirs) }
    }

    /// A process that waits and says nothing.
    pub(super) fn idle() -> Forked {
        Self::new().process(b"", "exec sleep 100")
    }

    /// A program that says `bytes` when it is started, whatever it is started for.
    fn program(&self, bytes: &[u8]) -> WorkerProgram {
        std::fs::write(self.file("bytes"), bytes).expect("written");
        let executable = self.file("program");
        let script = format!("#!/bin/sh\ncat {} >&0\nexec sleep 100\n", self.file("bytes").display());
        // Written by a process of its own: what this one has open for writing, while another test forks, cannot be
        // executed.
        let mut writer = Command::new("/bin/sh")
            .args(["-c", "cat > program && chmod +x program"])
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell");
        writer.stdin.take().expect("piped").write_all(script.as_bytes()).expect("written");
        assert!(writer.wait().expect("ended").success());
        WorkerProgram { executable, show_errors: false }
    }
}

fn shell(script: &OsStr, folder: &Path, stdin: OwnedFd) -> Child {
    let mut command = Command::new("/bin/sh");
    command
        .arg("-c")
        .arg(script)
        .current_dir(folder)
        .stdin(stdin)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Child::from_pid(command.spawn().expect("a shell").id()).expect("a child")
}

struct Silence;

impl RunEvents for Silence {
    fn console(&mut self, _level: ConsoleLevel, _text: &str) {}
}

/// A host that never answers.
struct Never;

impl RunHost for Never {
    fn call(&mut self, _call: HostCall) -> BoxFuture<'static, HostResult> {
        Box::pin(pending())
    }
}

/// What becomes of a run whose worker says `bytes` and then does `then`.
async fn outcome(bytes: &[u8], then: &str) -> Outcome {
    let limits = Limits {
        wall_clock: Duration::from_secs(2),
        console: ByteSize::bytes(1000),
        result: ByteSize::bytes(1000),
        ..Limits::default()
    };
    let rogue = Rogue::new();
    let mut worker = rogue.process(bytes, then);
    let (mut events, mut host, cancel) = (Silence, Never, pin!(pending()));
    watch(&mut worker, &limits, &mut events, &mut host, cancel).await.expect("the server is well")
}

fn stopped(reason: StopReason) -> Outcome {
    Outcome::Stopped(reason)
}

const STAY: &str = "exec sleep 100";

#[test]
fn what_a_run_has_no_business_to_say_ends_it() {
    let layers = Layers { seccomp: true, landlock: true, namespaces: true, no_new_privileges: true };
    let messages = [
        FromWorker::Ready { version: VERSION, layers, large_pages: true },
        FromWorker::Forked,
        FromWorker::NotForked("no".into()),
        FromWorker::NotThawed("no".into()),
        FromWorker::Booted,
        FromWorker::Started,
        FromWorker::WarmedUp,
        FromWorker::Preloaded(Ok(())),
        FromWorker::Frozen { pages: 1 },
        FromWorker::NotFrozen { why: "no".into(), write_error: Some(28) },
    ];
    with_runtime(async {
        for message in messages {
            assert_eq!(outcome(&encode(&message), STAY).await, stopped(StopReason::Crashed), "{message:?}");
        }
    });
}

#[test]
fn bytes_that_are_no_message_end_a_run() {
    let returned = encode(&FromWorker::Returned("1".into()));
    let too_long = (MAX_FRAME as u32 + 1).to_le_bytes();
    let trailing = [&(returned.len() as u32 - 3).to_le_bytes()[..], &returned[4..], b"x"].concat();
    let cases: [(&str, &[u8]); 6] = [
        ("endless", &u32::MAX.to_le_bytes()),
        ("a byte too long", &too_long),
        ("unknown", &[3, 0, 0, 0, 0xff, 0xff, 0x03]),
        ("empty", &[0, 0, 0, 0]),
        ("more than a message", &trailing),
        ("text", b"GET / HTTP/1.1\r\n\r\n"),
    ];
    with_runtime(async {
        for (name, bytes) in cases {
            assert_eq!(outcome(bytes, STAY).await, stopped(StopReason::Crashed), "{name}");
        }
        // Half of a message is waited for, as long as the run may take.
        assert_eq!(outcome(&returned[..5], STAY).await, stopped(StopReason::Deadline));
        assert_eq!(outcome(&returned[..5], "exit 0").await, stopped(StopReason::Crashed));
        assert_eq!(outcome(&returned, STAY).await, Outcome::Returned("1".into()), "they would be told apart");
    });
}

#[test]
fn how_a_process_ends_says_what_became_of_the_run() {
    with_runtime(async {
        for (then, expect) in [
            ("exit 0", StopReason::Crashed),
            ("exit 70", StopReason::Crashed),
            ("exit 71", StopReason::Memory),
            ("kill -s XCPU $$", StopReason::Deadline),
            ("kill -s SEGV $$", StopReason::Crashed),
            ("kill -s SYS $$", StopReason::Crashed),
            ("kill -s KILL $$", StopReason::Crashed),
            (STAY, StopReason::Deadline),
        ] {
            assert_eq!(outcome(b"", then).await, stopped(expect), "{then}");
        }
    });
}

#[test]
fn what_a_run_says_is_bounded() {
    let text = |bytes| FromWorker::Console { level: 0xff, text: "x".repeat(bytes), more: true };
    let call = |id, bytes| FromWorker::Call { id, call: HostCall::LoadModule("x".repeat(bytes)) };
    let frames = |messages: Vec<FromWorker>| messages.iter().flat_map(encode).collect::<Vec<u8>>();
    let many: Vec<_> = (0..=MAX_OPEN_CALLS as u32).map(|id| call(id, 1)).collect();
    let large: Vec<_> = (0..=(MAX_OPEN_BYTES / (60 << 10)) as u32).map(|id| call(id, 60 << 10)).collect();
    with_runtime(async {
        for (name, bytes, expect) in [
            ("a line that never ends", frames((0..11).map(|_| text(100)).collect()), StopReason::Console),
            ("one call twice", frames(vec![call(1, 1), call(1, 1)]), StopReason::Crashed),
            ("too many calls", frames(many), StopReason::Crashed),
            ("too large calls", frames(large), StopReason::Crashed),
        ] {
            assert_eq!(outcome(&bytes, STAY).await, stopped(expect), "{name}");
        }
    });
}

#[test]
fn descriptors_that_nobody_wants_are_closed() {
    with_runtime(async {
        let (mut connection, theirs) = Connection::pair(MAX_FRAME).expect("a pair of sockets");
        let wakes = encode(&FromWorker::Wakes);
        for _ in 0..10 {
            let mut space =
                [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
            let mut ancillary = SendAncillaryBuffer::new(&mut space);
            let stdin = [rustix::stdio::stdin(); MAX_DESCRIPTORS];
            assert!(ancillary.push(SendAncillaryMessage::ScmRights(&stdin)));
            let frame = [std::io::IoSlice::new(&wakes)];
            sendmsg(&theirs, &frame, &mut ancillary, SendFlags::empty()).expect("sent");
        }
        for _ in 0..10 {
            assert_eq!(connection.receive().await.expect("a message"), FromWorker::Wakes);
        }
        let kept = std::iter::from_fn(|| connection.take_descriptor()).count();
        assert_eq!(kept, MAX_DESCRIPTORS);
    });
}

#[test]
fn only_a_child_is_believed_to_be_one() {
    let parent = getppid().expect("a parent");
    let stranger = pidfd_open(parent, PidfdFlags::empty()).expect("it is there");
    assert!(Child::from_pidfd(stranger).is_err());
    let file = std::fs::File::open("/dev/null").expect("it is there");
    assert!(Child::from_pidfd(file.into()).is_err());
}

#[test]
fn a_zygote_must_be_of_this_build_and_confined() {
    let ready = |version, landlock| {
        let layers = Layers { seccomp: true, landlock, namespaces: false, no_new_privileges: true };
        encode(&FromWorker::Ready { version, layers, large_pages: false })
    };
    let start = async |bytes: &[u8], require_sandbox| {
        let rogue = Rogue::new();
        let worker = rogue.program(bytes);
        let patience = Duration::from_secs(2);
        let options =
            PoolOptions { worker, patience, require_sandbox, ..PoolOptions::new(rogue.file("state")) };
        options.start_zygote().await.map(|(_, layers)| layers.landlock)
    };
    with_runtime(async {
        assert!(matches!(start(&ready(VERSION, true), true).await, Ok(true)));
        assert!(matches!(start(&ready(VERSION, false), false).await, Ok(false)));
        let refused = start(&ready(VERSION, false), true).await.expect_err("the sandbox is required");
        assert!(matches!(refused, PoolError::Sandbox(_)), "{refused}");
        assert_eq!(
            refused.to_string(),
            "sandbox is incomplete: seccomp on, landlock OFF, no_new_privs on, namespaces OFF"
        );
        for bytes in [ready(VERSION + 1, true), encode(&FromWorker::Forked), vec![0xff; 8]] {
            assert!(matches!(start(&bytes, false).await, Err(PoolError::Worker(_))), "{bytes:?}");
        }
        assert!(matches!(start(b"", false).await, Err(PoolError::Slow(_))));
    });
}
