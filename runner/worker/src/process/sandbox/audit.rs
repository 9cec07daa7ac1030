//! What is left to native code that has taken over a run: a forked child enters the sandbox and tries
//! everything.

use std::{
    fs::File,
    io::{Read, Write},
    os::fd::OwnedFd,
};

use super::{enter, enter_run, expect_run, system_calls::FORK_FLAGS};

/// An attempt, and whether the sandbox must stop it.
type Attempt = (&'static str, libc::c_long, [u64; 6]);

/// Linux `include/uapi/asm-generic/fcntl.h`.
const F_SETSIG: u64 = 10;

/// Linux `arch/x86/include/uapi/asm/prctl.h`.
#[cfg(target_arch = "x86_64")]
const ARCH_SET_GS: u64 = 0x1001;

/// Six arguments: these, and zeros.
fn with(arguments: &[u64]) -> [u64; 6] {
    let mut all = [0; 6];
    all[..arguments.len()].copy_from_slice(arguments);
    all
}

fn path() -> u64 {
    c"/etc/passwd".as_ptr() as u64
}

/// Calls that newer processors do not have.
#[cfg(target_arch = "x86_64")]
fn attempts_here() -> Vec<Attempt> {
    let path = path();
    let none = [0; 6];
    vec![
        ("open", libc::SYS_open, with(&[path])),
        ("creat", libc::SYS_creat, with(&[path, 0o600])),
        ("stat", libc::SYS_stat, with(&[path, path])),
        ("readlink", libc::SYS_readlink, with(&[path, path, 0])),
        ("unlink", libc::SYS_unlink, with(&[path])),
        ("rename", libc::SYS_rename, with(&[path, path])),
        ("mkdir", libc::SYS_mkdir, with(&[path])),
        ("fork", libc::SYS_fork, none),
        ("vfork", libc::SYS_vfork, none),
        ("arch_prctl", libc::SYS_arch_prctl, with(&[ARCH_SET_GS, 0])),
        ("dup2", libc::SYS_dup2, with(&[0, 9])),
        // The x32 table has the same calls under other numbers.
        ("x32 open", 0x4000_0000 | libc::SYS_open, with(&[path])),
    ]
}

#[cfg(not(target_arch = "x86_64"))]
fn attempts_here() -> Vec<Attempt> {
    Vec::new()
}

fn attempts() -> Vec<Attempt> {
    let path = path();
    let here = libc::AT_FDCWD as u64;
    let none = [0; 6];
    let tcp = with(&[libc::AF_INET as u64, libc::SOCK_STREAM as u64]);
    let parent = std::os::unix::process::parent_id();
    vec![
        ("openat", libc::SYS_openat, with(&[here, path])),
        ("openat2", libc::SYS_openat2, with(&[here, path])),
        ("open_by_handle_at", libc::SYS_open_by_handle_at, with(&[here, path])),
        ("newfstatat", libc::SYS_newfstatat, with(&[here, path, path])),
        ("chdir", libc::SYS_chdir, with(&[path])),
        ("chroot", libc::SYS_chroot, with(&[path])),
        ("mount", libc::SYS_mount, none),
        ("memfd_create", libc::SYS_memfd_create, with(&[path])),
        ("socket", libc::SYS_socket, tcp),
        ("socket unix", libc::SYS_socket, with(&[libc::AF_UNIX as u64, libc::SOCK_STREAM as u64])),
        ("socketpair", libc::SYS_socketpair, tcp),
        ("connect", libc::SYS_connect, none),
        ("bind", libc::SYS_bind, none),
        ("accept", libc::SYS_accept, none),
        ("execve", libc::SYS_execve, with(&[path])),
        ("execveat", libc::SYS_execveat, with(&[here, path])),
        ("clone", libc::SYS_clone, with(&[libc::SIGCHLD as u64])),
        (
            "clone thread",
            libc::SYS_clone,
            with(&[(libc::CLONE_VM | libc::CLONE_THREAD | libc::CLONE_SIGHAND) as u64]),
        ),
        ("clone as a template", libc::SYS_clone, with(&[FORK_FLAGS as u64])),
        ("clone3", libc::SYS_clone3, none),
        ("unshare", libc::SYS_unshare, none),
        ("setns", libc::SYS_setns, none),
        ("ptrace", libc::SYS_ptrace, none),
        ("process_vm_readv", libc::SYS_process_vm_readv, with(&[u64::from(parent)])),
        ("process_vm_writev", libc::SYS_process_vm_writev, with(&[u64::from(parent)])),
        ("kill", libc::SYS_kill, with(&[u64::from(parent), 0])),
        ("tgkill", libc::SYS_tgkill, with(&[u64::from(parent), u64::from(parent), 0])),
        ("pidfd_open", libc::SYS_pidfd_open, with(&[u64::from(parent)])),
        ("pidfd_getfd", libc::SYS_pidfd_getfd, none),
        ("pidfd_send_signal", libc::SYS_pidfd_send_signal, none),
        ("prlimit64 of another", libc::SYS_prlimit64, with(&[u64::from(parent)])),
        ("prctl", libc::SYS_prctl, with(&[libc::PR_SET_DUMPABLE as u64, 1])),
        ("prctl to outlive the server", libc::SYS_prctl, with(&[libc::PR_SET_PDEATHSIG as u64, 0])),
        ("fcntl whom to signal", libc::SYS_fcntl, with(&[0, libc::F_SETOWN as u64, u64::from(parent)])),
        ("fcntl which signal", libc::SYS_fcntl, with(&[0, F_SETSIG, libc::SIGKILL as u64])),
        ("fcntl when to signal", libc::SYS_fcntl, with(&[0, libc::F_SETFL as u64, libc::O_ASYNC as u64])),
        ("fcntl seal", libc::SYS_fcntl, with(&[0, libc::F_ADD_SEALS as u64, 0])),
        ("setuid", libc::SYS_setuid, none),
        ("io_uring_setup", libc::SYS_io_uring_setup, with(&[1, path])),
        ("bpf", libc::SYS_bpf, none),
        ("userfaultfd", libc::SYS_userfaultfd, none),
        ("perf_event_open", libc::SYS_perf_event_open, none),
        ("shmget", libc::SYS_shmget, none),
        ("msgget", libc::SYS_msgget, none),
        ("semget", libc::SYS_semget, none),
        ("inotify_init1", libc::SYS_inotify_init1, none),
        ("eventfd2", libc::SYS_eventfd2, none),
        ("epoll_create1", libc::SYS_epoll_create1, none),
        ("timerfd_create", libc::SYS_timerfd_create, none),
        ("signalfd4", libc::SYS_signalfd4, none),
        ("ioctl", libc::SYS_ioctl, with(&[0, libc::FIONREAD, path])),
        (
            "mmap shared",
            libc::SYS_mmap,
            with(&[0, 4096, 3, (libc::MAP_SHARED | libc::MAP_ANONYMOUS) as u64, u64::MAX]),
        ),
        ("personality", libc::SYS_personality, none),
        ("keyctl", libc::SYS_keyctl, none),
        ("sysinfo", libc::SYS_sysinfo, with(&[path])),
        ("uname", libc::SYS_uname, with(&[path])),
        ("getppid", libc::SYS_getppid, none),
        ("landlock_create_ruleset", libc::SYS_landlock_create_ruleset, none),
    ]
}

/// Runs `body` in a forked child and returns what it wrote.
fn in_child(body: impl FnOnce(&mut dyn Write)) -> String {
    let (reader, writer): (OwnedFd, OwnedFd) = rustix::pipe::pipe().expect("a pipe");
    // SAFETY: the child only runs `body`, which takes no lock that another thread of the test harness
    // could hold: glibc hands malloc over in order.
    match unsafe { libc::fork() } {
        0 => {
            body(&mut File::from(writer));
            super::end(0)
        }
        child => {
            drop(writer);
            let mut text = String::new();
            File::from(reader).read_to_string(&mut text).expect("the child's report");
            // SAFETY: waits for the child that was just forked.
            unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
            text
        }
    }
}

#[test]
fn native_code_in_a_run_gets_nothing() {
    // What can be seen without a sandbox, so that the test would notice a host that has none of this.
    assert!(std::env::var_os("PATH").is_some());
    assert_eq!(in_child(attempt_everything), "layers true\nenvironment 0\ndone\n");
}

fn attempt_everything(report: &mut dyn Write) {
    let layers = enter();
    enter_run();
    let _ = writeln!(report, "layers {}", layers.complete());
    let environment = std::env::vars_os().count();
    let _ = writeln!(report, "environment {environment}");
    for (name, number, [a, b, c, d, e, f]) in attempts().into_iter().chain(attempts_here()) {
        // SAFETY: none of these calls may happen; that is what is tested.
        let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
        let error = std::io::Error::last_os_error().raw_os_error().unwrap_or_default();
        let refused = result == -1 && [libc::EPERM, libc::ENOSYS].contains(&error);
        if !refused {
            let _ = writeln!(report, "{name}: result {result}, error {error}");
        }
    }
    let _ = writeln!(report, "done");
}

/// The C library and V8 do without these, if they believe that there are none. To be refused is something else.
#[test]
fn what_would_not_survive_a_freeze_seems_absent() {
    let absent = [
        ("clone3", libc::SYS_clone3),
        ("membarrier", libc::SYS_membarrier),
        ("pkey_alloc", libc::SYS_pkey_alloc),
        ("rseq", libc::SYS_rseq),
        ("statx", libc::SYS_statx),
    ];
    let report = in_child(|report| {
        enter();
        for (name, number) in absent {
            // SAFETY: none of these calls happens; that is what is tested.
            let result = unsafe { libc::syscall(number, 0, 0, 0, 0, 0) };
            let error = std::io::Error::last_os_error().raw_os_error();
            let _ = writeln!(report, "{name} {}", result == -1 && error == Some(libc::ENOSYS));
        }
        // SAFETY: asks where the program break is, and to move it up; it must not move.
        let (now, moved) =
            unsafe { (libc::syscall(libc::SYS_brk, 0), libc::syscall(libc::SYS_brk, usize::MAX / 2)) };
        let _ = writeln!(report, "brk {now} {moved}");
        // More than is left below the break.
        let memory = vec![1_u8; 4 << 20];
        let _ = writeln!(report, "memory {}", memory.iter().map(|&byte| usize::from(byte)).sum::<usize>());
    });
    let expect: String = absent.iter().map(|(name, _)| format!("{name} true\n")).collect();
    assert_eq!(report, expect + &format!("brk 0 0\nmemory {}\n", 4 << 20));
}

/// The image may be the work of a script that had taken over its process.
#[test]
fn what_is_thawed_for_a_run_can_neither_fork_nor_outlive_the_server() {
    let report = in_child(|report| {
        enter();
        expect_run(60);
        let calls = [
            ("fork", libc::SYS_clone, FORK_FLAGS as u64),
            ("outlive", libc::SYS_prctl, libc::PR_SET_PDEATHSIG as u64),
        ];
        for (name, number, first) in calls {
            // SAFETY: neither may happen; that is what is tested.
            let result = unsafe { libc::syscall(number, first, 0, 0, 0, 0) };
            let _ = writeln!(report, "{name} {result}");
        }
        let limit = rustix::process::getrlimit(rustix::process::Resource::Cpu);
        let _ = writeln!(report, "seconds {:?}", limit.maximum);
        // An honest process shuts its doors once more.
        enter_run();
        let _ = writeln!(report, "done");
    });
    assert_eq!(report, "fork -1\noutlive -1\nseconds Some(60)\ndone\n");
}

#[test]
fn a_waiting_process_can_fork_in_one_way_only() {
    let report = in_child(|report| {
        enter();
        for flags in [libc::SIGCHLD, libc::CLONE_PARENT | libc::SIGCHLD, FORK_FLAGS | libc::CLONE_VM] {
            // SAFETY: a forked child would end at once.
            match unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) } {
                -1 => {}
                0 => super::end(0),
                pid => drop(writeln!(report, "{flags:#x} made {pid}")),
            }
        }
        let _ = writeln!(report, "done");
    });
    assert_eq!(report, "done\n");
}
