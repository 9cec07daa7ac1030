//! The box that a worker puts itself into before it does anything else, and that every process made from
//! it inherits.
//!
//! Layers, each of which would be enough against a script that stays within V8: no privileges can be
//! gained; system calls other than those on a short list fail; no path can be opened (Landlock); where
//! the host allows it, namespaces of its own without a network; resource limits; no environment and no
//! descriptor but the channel to the server.

#[cfg(test)]
mod audit;
mod system_calls;

use std::io;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus, Scope,
};
use rustix::{
    process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit},
    thread::{UnshareFlags, unshare_unsafe},
};
use serde::{Deserialize, Serialize};

pub(crate) use system_calls::FORK_FLAGS;

use super::{EXIT_BROKEN, end};
use crate::protocol::Job;

/// Which layers of the sandbox are active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layers {
    /// System calls are filtered.
    pub seccomp: bool,
    /// No file can be opened; where the kernel can, no connection made (Linux 6.7) and no signal sent (6.12).
    pub landlock: bool,
    /// Users, network, System V objects and host name of its own.
    pub namespaces: bool,
    /// Privileges cannot be gained by executing a program.
    pub no_new_privileges: bool,
}

impl Layers {
    /// Whether everything that an unprivileged process can count on is active. Namespaces are not
    /// among it: many hosts forbid them.
    pub const fn complete(&self) -> bool {
        self.seccomp && self.landlock && self.no_new_privileges
    }
}

impl std::fmt::Display for Layers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let layers = [
            ("seccomp", self.seccomp),
            ("landlock", self.landlock),
            ("no_new_privs", self.no_new_privileges),
            ("namespaces", self.namespaces),
        ];
        for (index, (name, active)) in layers.into_iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{name} {}", if active { "on" } else { "OFF" })?;
        }
        Ok(())
    }
}

/// Enters the sandbox for good. The descriptors that the process has at this point stay open.
pub(crate) fn enter() -> Layers {
    die_with_parent();
    forget_surroundings();
    limit_worker();
    let namespaces = enter_namespaces().is_ok();
    let no_new_privileges = rustix::thread::set_no_new_privs(true).is_ok();
    let landlock = forbid_paths();
    let seccomp = system_calls::filter_worker().is_ok();
    Layers { seccomp, landlock, namespaces, no_new_privileges }
}

/// Does without large pages, which would make forks and images larger for nothing. Says whether those that are
/// asked for can still be had, as for the code (see [`stasis_image::CodeCopy`]). To be called before the sandbox
/// is entered, which has no files.
pub(crate) fn forbid_large_pages() -> bool {
    /// Linux 6.18 and newer: all but those that are asked for with `MADV_HUGEPAGE`.
    const EXCEPT_ADVISED: libc::c_ulong = 1 << 1;
    const SETTING: &str = "/sys/kernel/mm/transparent_hugepage/enabled";
    let disable = |flags: libc::c_ulong| {
        // SAFETY: changes an attribute of the process and takes no addresses.
        unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, flags, 0, 0) == 0 }
    };
    if disable(EXCEPT_ADVISED) {
        return true;
    }
    // Elsewhere it is all or nothing; only with this setting does anybody get what they did not ask for.
    let unasked = std::fs::read_to_string(SETTING).is_ok_and(|setting| setting.contains("[always]"));
    !(unasked && disable(0))
}

/// Has ready what [`enter_run`] needs, so that it is not made for each run.
pub(crate) fn prepare_runs() {
    system_calls::run_filter();
}

/// Shuts the doors that only a process that waits needs open, if they are: a run forks no more.
pub(crate) fn enter_run() {
    // Where there is no filter at all, there is no second one; the server knows from [`Layers`].
    let shut = system_calls::is_run_filtered() || system_calls::filter_run().is_ok();
    if !shut && system_calls::is_filtered() {
        end(EXIT_BROKEN);
    }
}

/// To be called before a process is thawed that is to run a script: what it was thawed from may be the work of a
/// script that had taken over its process, and would not shut the doors itself.
pub(crate) fn expect_run(cpu_seconds: u64) {
    enter_run();
    limit_processor_time(cpu_seconds);
}

/// Has the kernel kill this process when the server dies: a script in an endless loop would not
/// notice that nobody is listening.
pub(crate) fn die_with_parent() {
    if set_parent_process_death_signal(Some(Signal::KILL)).is_err() {
        end(EXIT_BROKEN);
    }
}

fn forget_surroundings() {
    // SAFETY: the process has one thread; nobody holds a pointer into the environment. The handlers
    // that Rust's runtime installed would be looked for in thawed processes, where they are not.
    unsafe {
        libc::clearenv();
        for signal in [libc::SIGSEGV, libc::SIGBUS] {
            libc::signal(signal, libc::SIG_DFL);
        }
        let none = libc::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
        libc::sigaltstack(&none, std::ptr::null_mut());
        // The server reads its workers' memory maps when they freeze.
        libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0);
    }
}

/// Stack of a worker, in bytes. Scripts get V8's own, smaller limit.
const STACK_BYTES: u64 = 8 << 20;
const DESCRIPTORS: u64 = 64;

fn limit_worker() {
    let limits = [
        (Resource::Core, fixed(0)),
        (Resource::Nofile, fixed(DESCRIPTORS)),
        (Resource::Memlock, fixed(0)),
        (Resource::Msgqueue, fixed(0)),
        (Resource::Stack, fixed(STACK_BYTES)),
    ];
    for (resource, limit) in limits {
        if setrlimit(resource, limit).is_err() && resource != Resource::Stack {
            end(EXIT_BROKEN);
        }
    }
}

/// Room for what the runtime itself needs on top of what a script may use: parser, compiler, garbage
/// collector, the tables of a freeze, and what buffers leave.
const OWN_BYTES: u64 = 128 << 20;

/// Sets the limits of one run. `data` is how much private writable memory the process has already.
pub(crate) fn limit(job: &Job, data: u64) {
    let bytes = data.saturating_add(OWN_BYTES).saturating_add(job.heap).saturating_add(job.external);
    if setrlimit(Resource::Data, fixed(bytes)).is_err() {
        end(EXIT_BROKEN);
    }
    limit_processor_time(job.cpu_seconds);
}

fn limit_processor_time(seconds: u64) {
    if setrlimit(Resource::Cpu, fixed(seconds)).is_err() {
        end(EXIT_BROKEN);
    }
}

fn fixed(value: u64) -> Rlimit {
    Rlimit { current: Some(value), maximum: Some(value) }
}

fn enter_namespaces() -> io::Result<()> {
    let flags = UnshareFlags::NEWUSER | UnshareFlags::NEWNET | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    // SAFETY: descriptors and memory stay shared with nobody, as before: the process has one thread.
    unsafe { unshare_unsafe(flags)? };
    Ok(())
}

/// Whether Landlock denies all paths. Network and signals are denied too where the kernel can.
fn forbid_paths() -> bool {
    let abi = ABI::V6;
    let restrict = || {
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(abi))?
            .handle_access(AccessNet::from_all(abi))?
            .scope(Scope::from_all(abi))?
            .create()?
            .restrict_self()
    };
    restrict().is_ok_and(|status| status.ruleset != RulesetStatus::NotEnforced)
}
