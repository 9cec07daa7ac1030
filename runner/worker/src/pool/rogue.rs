//! Workers that do not do as they should, as one would that a script has taken over: what the server makes of them.

use std::{
    collections::VecDeque,
    ffi::OsStr,
    future::pending,
    io::{IoSlice, Write as _},
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::{Path, PathBuf},
    pin::pin,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use futures::future::BoxFuture;
use rustix::{
    net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg},
    process::{Pid, PidfdFlags, getppid, pidfd_open},
};
use stasis_core::{
    ByteSize, Capabilities, ConsoleLevel, HostCall, HostResult, Limits, Outcome, RunHost, StopReason,
};
use tempfile::TempDir;

use super::{
    PoolError, PoolOptions, RunEvents, WorkerProgram,
    child::Child,
    connection::{Connection, receive_chunk},
    run::watch,
};
use crate::{
    Layers,
    pool::waiting::{Forked, Waiting},
    protocol::{FromWorker, Job, MAX_DESCRIPTORS, MAX_OPEN_BYTES, MAX_OPEN_CALLS, ToWorker, VERSION, encode},
};

/// Longest frame that the server takes from these.
const MAX_FRAME: usize = 256 << 10;
const FINGERPRINT: [u8; 32] = [7; 32];

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

/// Counts what makes room for other runs.
#[derive(Default)]
struct Sleeps(usize);

impl RunEvents for Sleeps {
    fn console(&mut self, _level: ConsoleLevel, _text: &str) {}

    fn sleeps(&mut self) {
        self.0 += 1;
    }
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
    outcome_and_sleeps(bytes, then).await.0
}

/// Also how often it was believed to sleep.
async fn outcome_and_sleeps(bytes: &[u8], then: &str) -> (Outcome, usize) {
    let limits = Limits {
        wall_clock: Duration::from_secs(2),
        console: ByteSize::bytes(1000),
        result: ByteSize::bytes(1000),
        ..Limits::default()
    };
    let rogue = Rogue::new();
    let mut worker = rogue.process(bytes, then);
    let (mut events, mut host, cancel) = (Sleeps::default(), Never, pin!(pending()));
    let outcome = watch(&mut worker, &limits, &mut events, &mut host, cancel).await;
    (outcome.expect("the server is well"), events.0)
}

fn stopped(reason: StopReason) -> Outcome {
    Outcome::Stopped(reason)
}

const STAY: &str = "exec sleep 100";

#[test]
fn what_a_run_has_no_business_to_say_ends_it() {
    let layers = Layers { seccomp: true, landlock: true, namespaces: true, no_new_privileges: true };
    let messages = [
        FromWorker::Ready { version: VERSION, layers, large_pages: true, fingerprint: FINGERPRINT },
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
            // It may use no processor time, and closes what the server listens to.
            ("exec 0<&-; exec sleep 100", StopReason::Crashed),
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
    let size = MAX_FRAME - 100;
    let large: Vec<_> = (0..=(MAX_OPEN_BYTES / size) as u32).map(|id| call(id, size)).collect();
    assert!(large.len() < MAX_OPEN_CALLS, "their number is not what is too large");
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
fn only_who_has_asked_for_something_sleeps() {
    let sleeps = encode(&FromWorker::Sleeps { answers: 0 });
    let call = encode(&FromWorker::Call { id: 1, call: HostCall::LoadModule("x".into()) });
    with_runtime(async {
        for (bytes, expect) in [(sleeps.clone(), 0), ([&call[..], &sleeps].concat(), 1)] {
            let deadline = stopped(StopReason::Deadline);
            assert_eq!(outcome_and_sleeps(&bytes, STAY).await, (deadline, expect));
        }
    });
}

/// A process that waits, as the server sees it, and the other end of its socket.
fn puppet() -> (Arc<Waiting>, UnixStream) {
    let (connection, theirs) = Connection::pair(MAX_FRAME).expect("a pair of sockets");
    let Forked { child, .. } = Rogue::idle();
    (Arc::new(Waiting::template(Forked { connection, child })), theirs.into())
}

fn script(bytes: usize) -> ToWorker {
    ToWorker::Run(Job {
        name: "test".into(),
        code: "x".repeat(bytes),
        heap: 1,
        external: 1,
        cpu_seconds: 1,
        result: 1,
        capabilities: Capabilities::default(),
        keep: false,
    })
}

const PATIENCE: Duration = Duration::from_secs(1);

#[test]
fn a_template_that_does_not_answer_as_it_should_is_given_up() {
    let answer = |message: FromWorker| encode(&message);
    let cases = [
        ("silence", None, true),
        ("no descriptor", Some(answer(FromWorker::Forked)), true),
        ("another message", Some(answer(FromWorker::Booted)), true),
        ("no message", Some(vec![0xff; 8]), true),
        ("half a message", Some(vec![7, 0]), true),
        // It is well, and there may be memory again.
        ("a refusal", Some(answer(FromWorker::NotForked("no memory".into()))), false),
    ];
    with_runtime(async {
        for (name, bytes, gone) in cases {
            let (template, mut socket) = puppet();
            if let Some(bytes) = bytes {
                socket.write_all(&bytes).expect("written");
            }
            template.fork(&script(1), PATIENCE).await.expect_err("there is no child");
            assert_eq!(template.is_gone(), gone, "{name}");
        }
        let (template, socket) = puppet();
        drop(socket);
        template.fork(&script(1), PATIENCE).await.expect_err("there is no child");
        assert!(template.is_gone(), "it hung up");
    });
}

#[test]
fn a_child_that_does_not_take_its_script_is_not_its_parents_fault() {
    with_runtime(async {
        for hangs_up in [false, true] {
            let (template, socket) = puppet();
            let child = Command::new("/bin/sleep").arg("100").spawn().expect("a child").id();
            let pid = Pid::from_raw(child as i32).expect("a pid");
            let pidfd = pidfd_open(pid, PidfdFlags::empty()).expect("it is there");
            let socket = OwnedFd::from(socket);
            let answering = std::thread::spawn(move || {
                let child = receive_descriptor(&socket);
                let child = if hangs_up { None } else { Some(child) };
                send_with(socket.as_fd(), &encode(&FromWorker::Forked), &[pidfd.as_fd()]);
                (socket, child)
            });
            let error = template.fork(&script(1 << 20), PATIENCE).await.expect_err("it has not got it");
            match hangs_up {
                true => assert!(matches!(error, PoolError::NotStarted(_)), "{error}"),
                false => assert!(matches!(error, PoolError::Slow(_)), "{error}"),
            }
            assert!(!template.is_gone());
            answering.join().expect("answered");
        }
    });
}

/// The child's end of its socket, which comes with an order.
fn receive_descriptor(socket: &OwnedFd) -> OwnedFd {
    let mut descriptors = VecDeque::new();
    receive_chunk(socket, &mut Vec::new(), &mut descriptors).expect("an order");
    descriptors.pop_front().expect("a descriptor")
}

fn send_with(socket: BorrowedFd<'_>, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) {
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    assert!(ancillary.push(SendAncillaryMessage::ScmRights(descriptors)));
    sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::empty()).expect("sent");
}

#[test]
fn descriptors_that_nobody_wants_are_closed() {
    with_runtime(async {
        let (mut connection, theirs) = Connection::pair(MAX_FRAME).expect("a pair of sockets");
        let wakes = encode(&FromWorker::Wakes);
        for _ in 0..10 {
            send_with(theirs.as_fd(), &wakes, &[rustix::stdio::stdin(); MAX_DESCRIPTORS]);
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
    let layers = Layers { seccomp: true, landlock: true, namespaces: false, no_new_privileges: true };
    let ready = |version, landlock| {
        let layers = Layers { landlock, ..layers };
        encode(&FromWorker::Ready { version, layers, large_pages: false, fingerprint: FINGERPRINT })
    };
    let start = async |bytes: &[u8], require_sandbox| {
        let rogue = Rogue::new();
        let worker = rogue.program(bytes);
        let patience = Duration::from_secs(2);
        let options =
            PoolOptions { worker, patience, require_sandbox, ..PoolOptions::new(rogue.file("state")) };
        options.start_zygote(FINGERPRINT).await.map(|(_, layers)| layers.landlock)
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
        let other = FromWorker::Ready { version: VERSION, layers, large_pages: true, fingerprint: [8; 32] };
        let refused = start(&encode(&other), false).await.expect_err("it runs something else");
        assert!(matches!(refused, PoolError::ProgramReplaced), "{refused}");
        for bytes in [ready(VERSION + 1, true), encode(&FromWorker::Forked), vec![0xff; 8]] {
            assert!(matches!(start(&bytes, false).await, Err(PoolError::Worker(_))), "{bytes:?}");
        }
        assert!(matches!(start(b"", false).await, Err(PoolError::Slow(_))));
    });
}
