//! Kernels in which a layer of the sandbox does not exist: whoever insists on it is refused.

use std::{collections::BTreeMap, env::consts::ARCH, thread};

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

use crate::{
    http::{self, server::Server},
    support::{self, Cli},
};

/// Every layer, the system call that the kernel would have to have for it, and its first argument if it is
/// about that.
const LAYERS: [(&str, i64, Option<i32>); 3] = [
    ("landlock", libc::SYS_landlock_create_ruleset, None),
    ("seccomp", libc::SYS_seccomp, None),
    ("no_new_privs", libc::SYS_prctl, Some(libc::PR_SET_NO_NEW_PRIVS)),
];

#[test]
fn with_all_layers_nobody_is_refused() {
    let store = support::folder();
    let answer = Cli::script("1 + 1", store.path()).arg("--require-sandbox").answer();
    assert_eq!(answer.result.as_deref(), Some("2"), "{answer:?}");
    Server::stateless(&["--require-sandbox"]);
}

#[test]
fn who_requires_a_sandbox_is_refused_without_one() {
    for (layer, call, argument) in LAYERS {
        without(call, argument, || {
            let store = support::folder();
            let run = || Cli::script("1 + 1", store.path());
            refused(run(), layer);
            refused(run().arg("--stateless"), layer);
            refused(run().arg("--json"), layer);
            let server = Cli::new(&["--http-port", "0"]).store(store.path());
            refused(server.arg("--session-db-path").arg(store.path().join("sessions")), layer);
        });
    }
}

#[test]
fn who_does_not_require_it_is_served() {
    for (layer, call, argument) in LAYERS {
        without(call, argument, || {
            let store = support::folder();
            let (_, heap) = Cli::script("var kept = 5", store.path()).saved();
            let (result, _) = Cli::script("kept", store.path()).heap(&heap).saved();
            assert_eq!(result, "5", "{layer}");
            let server = Server::start(&[]);
            assert_eq!(http::text(&server.code("1 + 1"), "result"), "2", "{layer}");
        });
    }
}

/// It must say which layer is missing, and run nothing.
#[track_caller]
fn refused(cli: Cli, layer: &str) {
    let ended = cli.arg("--require-sandbox").finish();
    assert!(matches!(ended.code, Some(1..)), "{layer}: {ended:?}");
    assert!(ended.stderr.contains("sandbox") && ended.stderr.contains(layer), "{layer}: {ended:?}");
    assert!(!ended.stderr.contains("panicked"), "{layer}: {ended:?}");
    assert_eq!(ended.stdout, "", "{layer}");
}

/// Does something where the kernel does not know a system call, or not with this first argument. So do all
/// processes that are started there.
#[track_caller]
fn without(call: i64, argument: Option<i32>, test: impl FnOnce() + Send) {
    let is_argument = |argument: i32| {
        let value = u64::try_from(argument).expect("a small number");
        let condition = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value);
        SeccompRule::new(vec![condition.expect("there is a first argument")]).expect("one condition")
    };
    let rules = BTreeMap::from([(call, argument.map(is_argument).into_iter().collect())]);
    let unknown = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let processor = ARCH.try_into().expect("a processor that workers run on");
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, unknown, processor).expect("two actions");
    let filter: BpfProgram = filter.try_into().expect("a short program");
    // It holds for the thread that installs it and for what that starts.
    let tested = thread::scope(|scope| {
        let thread = scope.spawn(|| {
            seccompiler::apply_filter(&filter).expect("the kernel can filter system calls");
            test();
        });
        thread.join()
    });
    tested.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}
