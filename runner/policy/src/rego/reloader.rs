//! Reads local policies again when they change.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode},
};
use tracing::{debug, error, info, warn};

use super::{Bundle, LocalPolicy};
use crate::decision_log::TARGET;

/// How long files must be left alone before they are read: those who write several files, or one in
/// several pieces, are not finished after the first.
const QUIET: Duration = Duration::from_millis(100);
/// The longest that files which never rest are waited for.
const MAX_WAIT: Duration = Duration::from_secs(1);
/// How often the files are looked at without being told: network file systems tell nothing, and neither
/// does a symbolic link further up that leads elsewhere now.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);

/// A thread that keeps policies up to date, until this is dropped.
#[derive(Debug)]
pub(crate) struct Reloader {
    waker: Waker,
}

/// Ends the thread's sleep.
#[derive(Debug, Clone)]
struct Waker {
    /// Holds one: it does not matter how often it is woken while it is busy.
    sender: SyncSender<()>,
    stopped: Arc<AtomicBool>,
}

/// A policy, and what is known of its files.
#[derive(Debug)]
struct Watched {
    policy: Arc<LocalPolicy>,
    /// What was read last, or why it could not be read.
    seen: Result<Bundle, String>,
    /// Whether an older version is in force than what was read last.
    broken: bool,
}

impl Reloader {
    /// Starts the thread for policies and what they were compiled from.
    pub(crate) fn start(policies: Vec<(Arc<LocalPolicy>, Bundle)>) -> io::Result<Self> {
        let (sender, wakes) = sync_channel(1);
        let waker = Waker { sender, stopped: Arc::default() };
        let mut watcher = watcher(waker.clone());
        let mut policies: Vec<Watched> = policies
            .into_iter()
            .map(|(policy, bundle)| Watched { policy, seen: Ok(bundle), broken: false })
            .collect();
        for watched in &policies {
            watch(&mut watcher, watched.policy.path());
        }
        // What has changed since the files were read, and before they were watched.
        waker.wake();
        let stopped = waker.stopped.clone();
        thread::Builder::new().name("policy-reload".to_owned()).spawn(move || {
            while wait(&wakes, &stopped) {
                for watched in &mut policies {
                    if watched.look() {
                        watch(&mut watcher, watched.policy.path());
                    }
                }
            }
        })?;
        Ok(Self { waker })
    }
}

impl Drop for Reloader {
    fn drop(&mut self) {
        self.waker.stopped.store(true, Ordering::Relaxed);
        self.waker.wake();
    }
}

impl Waker {
    fn wake(&self) {
        // Full: it is about to look anyway. Closed: there is nobody left to look.
        let _ = self.sender.try_send(());
    }
}

impl Watched {
    /// Reads the files, and puts them in force if they have changed and make sense. True if they changed.
    fn look(&mut self) -> bool {
        let read = Bundle::read(self.policy.path()).map_err(|error| error.to_string());
        if read == self.seen {
            return false;
        }
        let outcome = match &read {
            Ok(bundle) => self.policy.replace(bundle).map_err(|error| error.to_string()),
            Err(reason) => Err(reason.clone()),
        };
        let file = self.policy.path().display();
        match &outcome {
            Ok(()) if self.broken => info!(target: TARGET, %file, "the policy is mended and in force"),
            Ok(()) => info!(target: TARGET, %file, "the policy has changed and is in force"),
            Err(reason) => {
                error!(target: TARGET, %file, reason, "the policy is broken; the last good version stays in force");
            }
        }
        self.broken = outcome.is_err();
        self.seen = read;
        true
    }
}

/// Waits until it is time to look. False: it is over.
fn wait(wakes: &Receiver<()>, stopped: &AtomicBool) -> bool {
    match wakes.recv_timeout(LOOK_INTERVAL) {
        Ok(()) => {
            let deadline = Instant::now() + MAX_WAIT;
            while !stopped.load(Ordering::Relaxed)
                && Instant::now() < deadline
                && wakes.recv_timeout(QUIET).is_ok()
            {}
        }
        Err(RecvTimeoutError::Timeout) => {}
        Err(RecvTimeoutError::Disconnected) => return false,
    }
    !stopped.load(Ordering::Relaxed)
}

/// None if the system cannot watch files: then they are looked at now and then.
fn watcher(waker: Waker) -> Option<RecommendedWatcher> {
    let created = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // An error may mean that events were lost.
        if event.map_or(true, |event| is_change(&event.kind)) {
            waker.wake();
        }
    });
    created
        .inspect_err(|error| warn!(target: TARGET, %error, "policy files cannot be watched; they are looked at now and then"))
        .ok()
}

/// That a file was read is no change: we read them ourselves.
fn is_change(kind: &EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if *access != AccessKind::Close(AccessMode::Write))
}

/// Watches the folders in which a policy can change: the one with its name, since editors and Kubernetes
/// replace files, and links to them, by renaming; the one that links lead to; and its own, if it is a folder.
/// Done again after each change, since a folder may be another one than before.
fn watch(watcher: &mut Option<RecommendedWatcher>, path: &Path) {
    let Some(watcher) = watcher else { return };
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let around: BTreeSet<PathBuf> =
        [path, &target].iter().filter_map(|path| path.parent()).map(Path::to_owned).collect();
    let mut watch = |path: &Path, mode| {
        if let Err(error) = watcher.watch(path, mode) {
            debug!(target: TARGET, %error, folder = %path.display(), "a folder cannot be watched");
        }
    };
    for folder in &around {
        watch(folder, RecursiveMode::NonRecursive);
    }
    if target.is_dir() {
        watch(&target, RecursiveMode::Recursive);
    }
}
