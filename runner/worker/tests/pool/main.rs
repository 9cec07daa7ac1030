//! Runs scripts through a real pool with real worker processes.
//!
//! Workers are this very executable, so it has a `main` of its own.

mod bench;
mod cold;
mod heapless;
mod spares;
mod warm;

use std::{
    cell::RefCell,
    collections::VecDeque,
    fs::{self, File},
    os::unix::fs::FileExt as _,
    time::{Duration, Instant},
};

use libtest_mimic::{Arguments, Trial};
use stasis_core::{ByteSize, HeapId, NoHost, Outcome, StopReason};
use stasis_worker::pool::{Pool, PoolError, PoolOptions, RunRequest, Start, WorkerProgram};

use bench::{
    Bench, Printed, children, children_beside, heaps, kill_children, open_descriptors, options, request,
    until,
};

fn main() {
    stasis_worker::run_if_worker();
    let mut arguments = Arguments::from_args();
    // Some look at all children of this process.
    arguments.test_threads = Some(1);
    let mut trials = vec![
        Trial::test("a_run_is_boxed_in", test(a_run_is_boxed_in)),
        Trial::test("v8_has_its_code_near_the_programs", test(v8_has_its_code_near_the_programs)),
        Trial::test("a_run_writes_to_few_pages", test(a_run_writes_to_few_pages)),
        Trial::test("outcomes_are_data", test(outcomes_are_data)),
        Trial::test("a_heap_goes_on_hot_and_cold", test(a_heap_goes_on_hot_and_cold)),
        Trial::test(
            "a_run_beside_a_hostile_one_is_undisturbed",
            test(a_run_beside_a_hostile_one_is_undisturbed),
        ),
        Trial::test("a_dropped_run_is_killed", test(a_dropped_run_is_killed)),
        Trial::test("dead_templates_are_replaced", test(dead_templates_are_replaced)),
        Trial::test("workers_that_hang_are_replaced", test(workers_that_hang_are_replaced)),
        Trial::test(
            "code_in_large_pages_changes_nothing_else",
            test(code_in_large_pages_changes_nothing_else),
        ),
        Trial::test("ten_thousand_runs_leak_nothing", test(ten_thousand_runs_leak_nothing)),
        Trial::test("a_thousand_saved_runs_leak_nothing", test(a_thousand_saved_runs_leak_nothing)),
        Trial::test(
            "images_for_another_processor_are_not_thawed",
            test(images_for_another_processor_are_not_thawed),
        ),
        Trial::test("workers_have_no_restartable_sequences", test(workers_have_no_restartable_sequences)),
        Trial::test(
            "an_executable_that_is_no_worker_is_an_error",
            test(an_executable_that_is_no_worker_is_an_error),
        ),
    ];
    trials.extend(cold::trials());
    trials.extend(heapless::trials());
    trials.extend(spares::trials());
    trials.extend(warm::trials());
    libtest_mimic::run(&arguments, trials).exit();
}

fn test<F: Future<Output = ()>>(body: fn() -> F) -> impl FnOnce() -> Result<(), libtest_mimic::Failed> {
    move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(body());
        Ok(())
    }
}

async fn a_run_is_boxed_in() {
    let bench = Bench::with_spares(0).await;
    assert!(bench.pool.layers().complete(), "{}", bench.pool.layers());
    let before = children();
    let pool = bench.pool.clone();
    let endless = tokio::spawn(async move {
        let mut request = request("for (;;);", Start::Fresh);
        request.limits.wall_clock = Duration::from_secs(5);
        pool.run(&request, &mut Printed::default(), &mut NoHost, std::future::pending()).await
    });
    until("a run is there", || !children_beside(&before).is_empty()).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let pids = children_beside(&before);
    let [pid] = pids[..] else { panic!("one process for one run: {pids:?}") };
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.strip_prefix(':')).map(|value| value.trim().to_owned())
    };
    assert_eq!(field("Seccomp").as_deref(), Some("2"));
    assert_eq!(field("NoNewPrivs").as_deref(), Some("1"));
    assert_eq!(field("Threads").as_deref(), Some("1"));
    let descriptors: Vec<_> = fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("descriptors")
        .map(|entry| {
            let entry = entry.expect("entry");
            let target = fs::read_link(entry.path()).expect("target").display().to_string();
            (entry.file_name().into_string().expect("a number"), target)
        })
        .collect();
    for (number, target) in &descriptors {
        match number.as_str() {
            "0" => assert!(target.starts_with("socket:"), "{target}"),
            "1" | "2" => assert_eq!(target, "/dev/null"),
            other => panic!("descriptor {other} is {target}"),
        }
    }
    assert_eq!(fs::read(format!("/proc/{pid}/environ")).expect("environment"), b"", "no environment");
    endless.abort();
    until("the run is gone", || children_beside(&before).is_empty()).await;
}

/// Otherwise it copies its built-in functions, and every process has another two megabytes.
async fn v8_has_its_code_near_the_programs() {
    const REACH: u64 = 2 << 30;
    let bench = Bench::new().await;
    // Then the template is complete.
    bench.returns("1", Start::Fresh).await;
    let program = fs::read_link("/proc/self/exe").expect("own program").display().to_string();
    let mut templates = 0;
    for pid in children() {
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("a child's memory map");
        let jit = maps.lines().find(|line| line.contains(" rwxp ")).map(range);
        let own = maps.lines().filter(|line| line.ends_with(&program)).map(range);
        let (first, last) =
            own.fold((u64::MAX, 0), |(first, last), (start, end)| (first.min(start), last.max(end)));
        // The zygote has no V8.
        let Some((jit, _)) = jit else { continue };
        templates += 1;
        assert!(jit < first && last - jit < REACH, "{maps}");
        assert!(!maps.lines().any(|line| line.contains(" r-xp ") && range(line).0 < first));
    }
    assert!(templates > 0, "there is a template");
}

/// To copy them, and what a fork copies, is most of what a run costs.
async fn a_run_writes_to_few_pages() {
    const MOST_PAGES: usize = 84;
    const MOST_MAPPINGS: usize = 60;
    let bench = Bench::with_spares(0).await;
    bench.returns("1", Start::Fresh).await;
    let before = children();
    let pool = bench.pool.clone();
    let waiting = tokio::spawn(async move {
        let request = request("await new Promise((resolve) => setTimeout(resolve, 10000))", Start::Fresh);
        pool.run(&request, &mut Printed::default(), &mut NoHost, std::future::pending()).await
    });
    until("a run is there", || !children_beside(&before).is_empty()).await;
    let pids = children_beside(&before);
    let [pid] = pids[..] else { panic!("one process for one run: {pids:?}") };
    tokio::time::sleep(Duration::from_millis(100)).await;
    let (mappings, pages) = (mappings(pid), own_pages(pid));
    waiting.abort();
    assert!(
        (10..=MOST_PAGES).contains(&pages) && mappings.len() <= MOST_MAPPINGS,
        "{pages} pages are its own, in {} mappings",
        mappings.len()
    );
    until("the run is gone", || children_beside(&before).is_empty()).await;
}

/// Start and end of each.
fn mappings(pid: u32) -> Vec<(u64, u64)> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("a child's memory map");
    maps.lines().map(range).collect()
}

/// Start and end of what a line of a memory map is about.
fn range(line: &str) -> (u64, u64) {
    let (range, _) = line.split_once(' ').expect("a range and more");
    let (start, end) = range.split_once('-').expect("a start and an end");
    let [start, end] = [start, end].map(|address| u64::from_str_radix(address, 16).expect("an address"));
    (start, end)
}

/// Pages that a process shares with no other one and with no file.
fn own_pages(pid: u32) -> usize {
    // Linux `Documentation/admin-guide/mm/pagemap.rst`.
    const PRESENT: u64 = 1 << 63;
    const OF_A_FILE: u64 = 1 << 61;
    const EXCLUSIVE: u64 = 1 << 56;
    let pagemap = File::open(format!("/proc/{pid}/pagemap")).expect("a child's pagemap");
    let mut pages = 0;
    for (start, end) in mappings(pid) {
        let mut entries = vec![0; ((end - start) / 4096 * 8) as usize];
        let read = pagemap.read_at(&mut entries, start / 4096 * 8).unwrap_or(0);
        let entries =
            entries[..read].chunks_exact(8).map(|entry| u64::from_le_bytes(entry.try_into().expect("eight")));
        pages +=
            entries.filter(|entry| entry & (PRESENT | OF_A_FILE | EXCLUSIVE) == PRESENT | EXCLUSIVE).count();
    }
    pages
}

async fn outcomes_are_data() {
    let bench = Bench::new().await;
    let stopped = |reason| Outcome::Stopped(reason);
    let soon = |request: &mut RunRequest| request.limits.wall_clock = Duration::from_millis(200);
    let check = async |code: &str, change: &dyn Fn(&mut RunRequest), expect: Outcome| {
        let finished = bench.run_with(code, Start::Fresh, change).await;
        assert_eq!(finished.outcome, expect, "{code}");
        let returned = matches!(expect, Outcome::Returned(_));
        assert_eq!(finished.heap.is_some(), returned, "only a run that returned leaves a heap");
    };
    check("6 * 7", &|_| (), Outcome::Returned("42".into())).await;
    check("for (;;);", &soon, stopped(StopReason::Deadline)).await;
    check("await new Promise(() => setInterval(() => {}, 1))", &soon, stopped(StopReason::Deadline)).await;
    check("const a = []; for (;;) a.push([1])", &|_| (), stopped(StopReason::Memory)).await;
    check(
        "for (;;) console.log('x'.repeat(1000))",
        &|request| request.limits.console = ByteSize::bytes(100_000),
        stopped(StopReason::Console),
    )
    .await;
    let finished = bench
        .run_with("'x'.repeat(1000)", Start::Fresh, |request| request.limits.result = ByteSize::bytes(100))
        .await;
    let Outcome::Threw(thrown) = finished.outcome else { panic!("{:?}", finished.outcome) };
    assert_eq!(thrown.message, "RangeError: the result is too long: 1000 bytes, at most 100 are returned");
    let finished = bench.run("import 'https://example.com/x.js'", Start::Fresh).await;
    let Outcome::Threw(thrown) = finished.outcome else { panic!("{:?}", finished.outcome) };
    assert!(thrown.message.contains("Import of https://example.com/x.js is not allowed"), "{thrown}");

    let (cancel, cancelled) = tokio::sync::oneshot::channel::<()>();
    let request = request("await new Promise((resolve) => setTimeout(resolve, 10000))", Start::Fresh);
    let mut printed = Printed::default();
    let mut host = NoHost;
    let run = bench.pool.run(&request, &mut printed, &mut host, async { cancelled.await.expect("sent") });
    let cancelling = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        cancel.send(()).expect("waiting");
    };
    let (finished, ()) = tokio::join!(run, cancelling);
    assert_eq!(finished.expect("the pool works").outcome, stopped(StopReason::Cancelled));
}

async fn a_heap_goes_on_hot_and_cold() {
    let bench = Bench::with(|options| options.warm_heaps = 0).await;
    let (_, heap) = bench.returns("let n = 41; const next = () => ++n;", Start::Fresh).await;
    // The first is thawed for itself; the second makes a template; the others are its children.
    for _ in 0..5 {
        let (text, _) = bench.returns("next()", Start::Heap(heap)).await;
        assert_eq!(text, "42", "each resumes from the same heap");
    }
    let mut last = heap;
    for n in 42..60 {
        let (text, next) = bench.returns("next()", Start::Heap(last)).await;
        assert_eq!(text, n.to_string());
        last = next;
    }
    let absent = HeapId::of(b"never made");
    let request = request("1", Start::Heap(absent));
    let error = bench.pool.run(&request, &mut Printed::default(), &mut NoHost, std::future::pending()).await;
    assert!(matches!(error, Err(PoolError::Heap(_))), "{error:?}");
}

async fn a_run_beside_a_hostile_one_is_undisturbed() {
    let bench = Bench::new().await;
    let hostile = [
        "for (;;);",
        "const a = []; for (;;) a.push('x'.repeat(1e6) + a.length)",
        "for (;;) console.log('flood')",
        "Object.prototype.toString = null; Promise.prototype.then = null; for (;;) await 0",
        "const f = () => f(); for (;;) try { f() } catch {}",
    ];
    for code in hostile {
        let pool = bench.pool.clone();
        let beside = tokio::spawn(async move {
            let mut request = request(code, Start::Fresh);
            request.limits.wall_clock = Duration::from_millis(400);
            pool.run(&request, &mut Printed::default(), &mut NoHost, std::future::pending()).await
        });
        while !beside.is_finished() {
            let (text, _) = bench.returns("[1, 2, 3].map((x) => x * 2).join()", Start::Fresh).await;
            assert_eq!(text, "2,4,6");
        }
        let finished = beside.await.expect("no panic").expect("the pool works");
        assert!(
            matches!(finished.outcome, Outcome::Stopped(_) | Outcome::Threw(_)),
            "{code}: {:?}",
            finished.outcome
        );
    }
}

async fn a_dropped_run_is_killed() {
    let bench = Bench::with_spares(0).await;
    let before = children();
    for _ in 0..20 {
        let request = request("for (;;);", Start::Fresh);
        let mut printed = Printed::default();
        let mut host = NoHost;
        let run = bench.pool.run(&request, &mut printed, &mut host, std::future::pending());
        assert!(tokio::time::timeout(Duration::from_millis(10), run).await.is_err());
    }
    until("all are reaped", || children_beside(&before).is_empty()).await;
}

async fn dead_templates_are_replaced() {
    let bench = Bench::new().await;
    let (_, heap) = bench.returns("let n = 1", Start::Fresh).await;
    for _ in 0..10 {
        for _ in 0..3 {
            assert_eq!(bench.returns("n", Start::Heap(heap)).await.0, "1");
        }
        kill_children();
        // Zygote, base template and the heap's template are all dead: no run may notice.
        assert_eq!(bench.returns("1 + 1", Start::Fresh).await.0, "2");
        assert_eq!(bench.returns("n + 1", Start::Heap(heap)).await.0, "2");
    }
}

/// The zygote and all that it made stop, as in a control group that is frozen.
async fn workers_that_hang_are_replaced() {
    use rustix::process::{Pid, Signal, kill_process};
    let patience = Duration::from_secs(3);
    let change = |options: &mut PoolOptions| {
        (options.patience, options.warm_heaps, options.spare_runs) = (patience, 0, 0)
    };
    let bench = Bench::with(change).await;
    let (_, heap) = bench.returns("var kept = 1", Start::Fresh).await;
    for pid in children() {
        let pid = Pid::from_raw(pid as i32).expect("a pid");
        // One that was reaped meanwhile does not run either.
        kill_process(pid, Signal::STOP).unwrap_or_default();
    }
    // Who does not want to wait for the next one need not.
    let begun = Instant::now();
    let (request, mut printed, mut host) = (request("1", Start::Heap(heap)), Printed::default(), NoHost);
    let cancel = tokio::time::sleep(patience / 10);
    let cancelled = bench.pool.run(&request, &mut printed, &mut host, cancel).await.expect("the pool works");
    assert_eq!(cancelled.outcome, Outcome::Stopped(StopReason::Cancelled));
    assert!(begun.elapsed() < patience, "{:?}", begun.elapsed());
    assert_eq!(bench.returns("kept + 1", Start::Heap(heap)).await.0, "2");
    assert_eq!(bench.returns("1 + 1", Start::Fresh).await.0, "2");
}

async fn code_in_large_pages_changes_nothing_else() {
    /// Runs after which it surely has been begun to copy the code.
    const RUNS: usize = 40;
    let bench = Bench::new().await;
    let without = bench.another(|_| ()).await;
    assert!(!bench.pool.code_is_large(), "a pool that is hardly used has no copy");
    let (_, before) = bench.returns("let n = 1; const next = () => ++n;", Start::Fresh).await;
    for _ in 0..RUNS {
        assert_eq!(bench.returns("1 + 1", Start::Fresh).await.0, "2");
    }
    let has = |setting: &str, value| {
        let path = format!("/sys/kernel/mm/transparent_hugepage/{setting}");
        fs::read_to_string(path).is_ok_and(|text| text.contains(value))
    };
    // Older kernels cannot when everybody gets large pages unasked; nor can any when memory files get none.
    if has("shmem_enabled", "[") && !has("shmem_enabled", "[deny]") && !has("enabled", "[always]") {
        until("the code is copied", || bench.pool.code_is_large()).await;
        let copied = |pid: &u32| {
            fs::read_to_string(format!("/proc/{pid}/maps")).is_ok_and(|maps| maps.contains("stasis-code"))
        };
        until("processes use the copy", || children().iter().any(copied)).await;
    }
    // A heap from before goes on in a process with the copy, and again in a pool without.
    let (text, after) = bench.returns("next()", Start::Heap(before)).await;
    assert_eq!(text, "2");
    let (text, after) = bench.returns("next()", Start::Heap(after)).await;
    assert_eq!(text, "3");
    assert_eq!(without.returns("next()", Start::Heap(after)).await.0, "4");
}

async fn ten_thousand_runs_leak_nothing() {
    let bench = Bench::new().await;
    let run = async |_| {
        let finished = bench.run_with("1 + 1", Start::Fresh, |request| request.keep = false).await;
        assert_eq!(finished.outcome, Outcome::Returned("2".into()));
    };
    leaks_nothing(run, 100, 10_000).await;
}

/// In a session, on a hot heap, on heaps that are cold, and on nothing.
async fn a_thousand_saved_runs_leak_nothing() {
    let bench = Bench::with(|options| (options.warm_heaps, options.hot_heaps) = (4, 2)).await;
    let (_, first) = bench.returns("let n = 0; const next = () => ++n;", Start::Fresh).await;
    let heaps = RefCell::new(VecDeque::from([first]));
    let run = async |number| {
        let oldest = heaps.borrow()[0];
        let newest = heaps.borrow()[heaps.borrow().len() - 1];
        let start = match number % 4 {
            0 => Start::Heap(first),
            1 => Start::Heap(oldest),
            2 => Start::Heap(newest),
            _ => Start::Fresh,
        };
        let code = if start == Start::Fresh { "let n = 5; const next = () => ++n; n" } else { "next()" };
        // No two are the same.
        let code = format!("globalThis.run = {number}; {code}");
        let (_, heap) = bench.returns(&code, start).await;
        heaps.borrow_mut().push_back(heap);
        if heaps.borrow().len() > 40 {
            heaps.borrow_mut().pop_front();
        }
    };
    // By then the store has as many images at hand as it keeps.
    leaks_nothing(run, 200, 1000).await;
}

/// Runs some to begin with, and then many, which must leave no more behind.
async fn leaks_nothing(run: impl AsyncFn(usize), some: usize, many: usize) {
    for number in 0..some {
        run(number).await;
    }
    let idle = children().len();
    let (descriptors, memory) = (open_descriptors(), resident_kilobytes());
    for number in some..some + many {
        run(number).await;
    }
    // Spares may have been on their way when processes and descriptors were counted.
    const ON_THEIR_WAY: usize = 8;
    until("all are reaped", || children().len() <= idle + ON_THEIR_WAY).await;
    until("all descriptors are closed", || open_descriptors() <= descriptors + ON_THEIR_WAY).await;
    let grown = resident_kilobytes().saturating_sub(memory);
    assert!(grown < 8 << 10, "{grown} kB more");
}

fn resident_kilobytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("resident size");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// The folder may be on a disk that machines share, or the machine another one since the last start.
async fn images_for_another_processor_are_not_thawed() {
    let bench = Bench::new().await;
    // The header has the features that are needed there, see `stasis_image::format`.
    const LAST_FEATURES: u64 = 88 + 7;
    let for_another = async |heap: HeapId| {
        let image = bench.heaps.open(heap).await.expect("it is there");
        let copy = bench.heaps.create_image_file(image.len()).expect("a file");
        let mut bytes = vec![0; image.len() as usize];
        image.file().read_exact_at(&mut bytes, 0).expect("an image");
        bytes[LAST_FEATURES as usize] = 0xff;
        copy.write_all_at(&bytes, 0).expect("written");
        bench.heaps.save(copy, *image.facts()).await.expect("saved")
    };
    let (_, heap) = bench.returns("let n = 1", Start::Fresh).await;
    let heap = for_another(heap).await;
    // Thawed for itself, and to be a template.
    for _ in 0..4 {
        let request = request("n", Start::Heap(heap));
        let run =
            bench.pool.run(&request, &mut Printed::default(), &mut NoHost, std::future::pending()).await;
        let error = run.map(|finished| finished.outcome).expect_err("it cannot be thawed");
        assert!(matches!(error, PoolError::NotThawed(_)), "{error}");
        assert!(error.to_string().contains("features that this one lacks"), "{error}");
    }
    let note = bench.base_image_note();
    let base = fs::read_to_string(&note).expect("a base image").trim().parse().expect("its id");
    let unusable = for_another(base).await;
    fs::write(&note, format!("{unusable}\n")).expect("written");
    let another = bench.another(|_| ()).await;
    assert_eq!(another.returns("1 + 1", Start::Fresh).await.0, "2");
    assert_ne!(
        fs::read_to_string(&note).expect("a note").trim(),
        unusable.to_string(),
        "another one is made"
    );
}

/// The kernel would write to where a thawed process has something else.
async fn workers_have_no_restartable_sequences() {
    let before = children();
    let _bench = Bench::with_spares(0).await;
    let of = |pid| fs::read_to_string(format!("/proc/{pid}/environ")).ok();
    let mut environments: Vec<_> = children_beside(&before).into_iter().filter_map(of).collect();
    // What was thawed has none, and what has ended by now cannot be read.
    environments.retain(|text| !text.is_empty());
    environments.dedup();
    assert_eq!(environments, ["GLIBC_TUNABLES=glibc.pthread.rseq=0\0"]);
}

async fn an_executable_that_is_no_worker_is_an_error() {
    let check = async |executable: &str, expect: &str| {
        let folder = tempfile::tempdir().expect("folder");
        let worker = WorkerProgram { executable: executable.into(), show_errors: false };
        let patience = Duration::from_secs(1);
        let options = PoolOptions { worker, patience, ..options(folder.path()) };
        let error = Pool::start(options, heaps(folder.path())).await.expect_err("no worker");
        assert!(error.to_string().contains(expect), "{error}");
    };
    check("/bin/true", "the worker is gone").await;
    check("/usr/bin/yes", "took longer").await;
    check("/nowhere/at/all", "cannot be started").await;
}
