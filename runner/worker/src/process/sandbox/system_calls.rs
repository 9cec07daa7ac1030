//! The system calls that a worker may make.

use std::{collections::BTreeMap, sync::OnceLock};

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Operator,
    SeccompCondition, SeccompFilter, SeccompRule, TargetArch, apply_filter,
};

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// How a worker forks, and the only way in which it can: a child of the server's, with a pidfd.
pub(crate) const FORK_FLAGS: libc::c_int = libc::CLONE_PARENT | libc::CLONE_PIDFD | libc::SIGCHLD;

/// Allowed whatever the arguments: memory, time, randomness, waiting, and descriptors that the process
/// has already; and what machine this is. Nothing here names a path, a host or another process.
const ALLOWED: &[i64] = &[
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_dup3,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fstat,
    libc::SYS_futex,
    libc::SYS_getcpu,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_get_robust_list,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_sigaltstack,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    libc::SYS_write,
    libc::SYS_writev,
];

/// Allowed too, where they exist: calls of x86_64 that newer ones have taken the place of.
#[cfg(target_arch = "x86_64")]
const ALLOWED_HERE: &[i64] = &[libc::SYS_dup2, libc::SYS_poll, libc::SYS_time];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[i64] = &[];

/// What can be done with a descriptor: to copy it, and to ask what it is. Not to have the kernel send signals.
const DESCRIPTOR_COMMANDS: [libc::c_int; 4] =
    [libc::F_DUPFD_CLOEXEC, libc::F_GETFD, libc::F_SETFD, libc::F_GETFL];

/// What a run gives up: forking, outliving the server, and what V8 asks about the machine while it boots. Nothing that
/// a thaw needs: what is thawed for a run gives this up before.
const GIVEN_UP: &[i64] =
    &[libc::SYS_clone, libc::SYS_prctl, libc::SYS_dup3, libc::SYS_uname, libc::SYS_sysinfo];
#[cfg(target_arch = "x86_64")]
const GIVEN_UP_HERE: &[i64] = &[libc::SYS_dup2];
#[cfg(not(target_arch = "x86_64"))]
const GIVEN_UP_HERE: &[i64] = &[];

/// Calls whose absence the C library and V8 know how to live with, so they must seem absent, not
/// forbidden: `clone3` hides its flags from the filter, protection keys would not survive a freeze.
const ABSENT: &[i64] =
    &[libc::SYS_clone3, libc::SYS_membarrier, libc::SYS_pkey_alloc, libc::SYS_rseq, libc::SYS_statx];

/// Installs the filter of a process that may still fork.
pub(super) fn filter_worker() -> Result<(), seccompiler::Error> {
    install(allowed()?, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow)?;
    // A later filter decides between two errors.
    install(any(ABSENT), SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32))?;
    // "Success" with an address of zero: glibc takes it as a failure and allocates elsewhere. The
    // program break of a thawed process is not where the frozen one had it.
    install(any(&[libc::SYS_brk]), SeccompAction::Allow, SeccompAction::Errno(0))
}

/// Installs what a run gives up besides.
pub(super) fn filter_run() -> Result<(), seccompiler::Error> {
    run_filter().ok_or(seccompiler::Error::EmptyFilter).and_then(|program| apply_filter(program))
}

/// Whether [`filter_run`] has been called, as far as the kernel knows.
pub(super) fn is_run_filtered() -> bool {
    // SAFETY: has nowhere to write to, which is an error of its own where the call is allowed.
    let result = unsafe { libc::syscall(libc::SYS_uname, 0) };
    result == -1 && std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

/// Whether any filter is there: then that is not for this process to ask.
pub(super) fn is_filtered() -> bool {
    // SAFETY: asks for an attribute of the process and takes no addresses.
    let mode = unsafe { libc::prctl(libc::PR_GET_SECCOMP, 0, 0, 0, 0) };
    mode == -1 && std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

/// The filter of runs. Made once, in the zygote; none, if it cannot be made.
pub(super) fn run_filter() -> Option<&'static BpfProgram> {
    static PROGRAM: OnceLock<Option<BpfProgram>> = OnceLock::new();
    let given_up = || any(&[GIVEN_UP, GIVEN_UP_HERE].concat());
    let make = || compile(given_up(), SeccompAction::Allow, SeccompAction::Errno(libc::EPERM as u32)).ok();
    PROGRAM.get_or_init(make).as_ref()
}

fn any(calls: &[i64]) -> Rules {
    calls.iter().map(|&call| (call, vec![])).collect()
}

fn allowed() -> Result<Rules, seccompiler::Error> {
    const PR_SET_VMA: libc::c_int = 0x53_56_4d_41;
    let mut rules = any(&[ALLOWED, ALLOWED_HERE].concat());
    // Memory that others see, too, would not be frozen, and could be an image that was taken for complete.
    let private = Operator::MaskedEq(libc::MAP_TYPE as u64);
    let private = SeccompCondition::new(3, Length::Dword, private, libc::MAP_PRIVATE as u64)?;
    rules.insert(libc::SYS_mmap, vec![SeccompRule::new(vec![private])?]);
    rules.insert(libc::SYS_clone, vec![first_is(FORK_FLAGS)?]);
    rules.insert(
        libc::SYS_prctl,
        vec![first_is(libc::PR_SET_PDEATHSIG)?, first_is(libc::PR_SET_NO_NEW_PRIVS)?, first_is(PR_SET_VMA)?],
    );
    // Where a thawed thread's memory is.
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_arch_prctl, vec![first_is(stasis_image::ARCH_SET_FS)?]);
    // On what is not its page map, which a run gets to freeze itself, it means nothing.
    rules.insert(libc::SYS_ioctl, vec![argument_is(1, stasis_image::PAGEMAP_SCAN as u32)?]);
    let commands = DESCRIPTOR_COMMANDS.map(|command| argument_is(1, command as u32));
    rules.insert(libc::SYS_fcntl, commands.into_iter().collect::<Result<_, _>>()?);
    // Its own limits only.
    rules.insert(libc::SYS_prlimit64, vec![first_is(0)?]);
    const SECCOMP_SET_MODE_FILTER: libc::c_int = 1;
    rules.insert(libc::SYS_seccomp, vec![first_is(SECCOMP_SET_MODE_FILTER)?]);
    Ok(rules)
}

fn first_is(value: libc::c_int) -> Result<SeccompRule, BackendError> {
    argument_is(0, value as u32)
}

fn argument_is(index: u8, value: u32) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(index, Length::Dword, Operator::Eq, value.into())?])
}

fn install(
    rules: Rules,
    otherwise: SeccompAction,
    matching: SeccompAction,
) -> Result<(), seccompiler::Error> {
    apply_filter(&compile(rules, otherwise, matching)?)
}

fn compile(
    rules: Rules,
    otherwise: SeccompAction,
    matching: SeccompAction,
) -> Result<BpfProgram, seccompiler::Error> {
    let filter =
        SeccompFilter::new(rules, otherwise, matching, TargetArch::try_from(std::env::consts::ARCH)?)?;
    Ok(filter.try_into()?)
}
