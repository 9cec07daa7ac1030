//! What `/proc` says about workers and their parents.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::support;

/// What the kernel calls a worker: it was started as `/proc/self/exe`.
const WORKER: &str = "exe\n";

/// A process that exists.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) id: u32,
    parent: u32,
}

/// Workers whose parent is no supervisor, after those that are dying had time to.
pub(super) fn orphans() -> Vec<Process> {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let orphans: Vec<_> = workers().into_iter().filter(|worker| !is_ours(worker.parent)).collect();
        if orphans.is_empty() || Instant::now() > deadline {
            return orphans;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// The workers of one supervisor.
pub(super) fn workers_of(supervisor: u32) -> Vec<Process> {
    workers().into_iter().filter(|worker| worker.parent == supervisor).collect()
}

/// The processor time that a process has taken so far. Linux `Documentation/filesystems/proc.rst`, `stat`: in
/// hundredths of a second.
pub(super) fn processor_time(id: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks = fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum::<u64>();
    Duration::from_millis(ticks * 10)
}

/// Ends a process. Says whether it had not yet gone by itself.
pub(super) fn kill(id: u32) -> bool {
    let id = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw).expect("a process id");
    rustix::process::kill_process(id, rustix::process::Signal::KILL).is_ok()
}

fn workers() -> Vec<Process> {
    let entries = fs::read_dir("/proc").expect("/proc can be listed");
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    ids.filter(|id| is_ours(*id)).filter_map(worker).collect()
}

fn worker(id: u32) -> Option<Process> {
    let name = fs::read_to_string(format!("/proc/{id}/comm")).ok()?;
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()?;
    (name == WORKER).then_some(Process { id, parent })
}

/// Whether it runs the binary under test. What has died and is not reaped runs nothing.
fn is_ours(id: u32) -> bool {
    let link: Option<PathBuf> = fs::read_link(format!("/proc/{id}/exe")).ok();
    link.is_some_and(|program| program == own() || program == deleted())
}

fn own() -> &'static Path {
    support::binary()
}

/// How the kernel names the binary when it was rebuilt meanwhile.
fn deleted() -> PathBuf {
    format!("{} (deleted)", own().display()).into()
}
