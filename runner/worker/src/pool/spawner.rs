//! Starts zygotes from a thread of its own.
//!
//! Workers ask the kernel to kill them when their parent dies, and the kernel takes the *thread* that
//! started the zygote for the parent of all of them. This thread lives as long as the process.

use std::{
    io,
    os::fd::OwnedFd,
    path::PathBuf,
    process::{Command, Stdio},
    sync::{OnceLock, mpsc},
};

use tokio::sync::oneshot;

use super::child::Child;
use crate::process::WORKER_ARGUMENT;

/// How workers are started.
#[derive(Debug, Clone)]
pub struct WorkerProgram {
    /// An executable whose `main` calls [`crate::run_if_worker`] first.
    pub executable: PathBuf,
    /// Whether workers may write to the server's standard error: V8 explains there why it aborts.
    pub show_errors: bool,
}

impl WorkerProgram {
    /// The executable that this process runs.
    pub fn current() -> Self {
        // The file itself, not its name: it may be replaced by an upgrade while this runs.
        Self { executable: "/proc/self/exe".into(), show_errors: false }
    }
}

type Order = (Command, oneshot::Sender<io::Result<Child>>, tokio::runtime::Handle);

/// Starts a zygote whose standard input is `socket`.
pub(super) async fn start(program: &WorkerProgram, socket: OwnedFd) -> io::Result<Child> {
    let mut command = Command::new(&program.executable);
    command
        .arg(WORKER_ARGUMENT)
        .env_clear()
        // Restartable sequences are registered with the kernel at an address that means nothing
        // after a thaw.
        .env("GLIBC_TUNABLES", "glibc.pthread.rseq=0")
        .stdin(socket)
        .stdout(Stdio::null())
        .stderr(if program.show_errors { Stdio::inherit() } else { Stdio::null() });
    let (sender, receiver) = oneshot::channel();
    let order = (command, sender, tokio::runtime::Handle::current());
    let gone = || io::Error::other("the thread that starts workers is gone");
    orders().send(order).map_err(|_| gone())?;
    receiver.await.map_err(|_| gone())?
}

fn orders() -> &'static mpsc::Sender<Order> {
    static ORDERS: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    ORDERS.get_or_init(|| {
        let (sender, receiver) = mpsc::channel::<Order>();
        let serve = move || {
            for (mut command, reply, runtime) in receiver {
                let _context = runtime.enter();
                let child = command.spawn().and_then(|child| Child::from_pid(child.id()));
                // Whoever asked may have given up; then the child is killed here.
                let _unwanted = reply.send(child);
            }
        };
        // Without the thread the receiver is gone, and `start` says so.
        let _thread = std::thread::Builder::new().name("worker-starter".into()).spawn(serve);
        sender
    })
}
