//! Freezes and thaws a real process, the way a worker is: dynamically linked, and fully static.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Output, Stdio},
    time::Duration,
};

use stasis_image::learn_pages_at_hand;
use tempfile::TempDir;

/// Places of fields in the header page; see `src/format.rs`.
const FINGERPRINT: u64 = 16;
const CPU: u64 = 88;
const MONOTONIC: u64 = 96;
const VDSO_DIGEST: u64 = 232;
const AREAS: u64 = 304;
const RUNS: u64 = 312;

/// Every kind of executable that is to be tested. `cargo xtask test` builds the static one.
fn fixtures() -> Vec<PathBuf> {
    let test = std::env::current_exe().expect("own path");
    let target = test.parent().and_then(Path::parent).expect("target folder");
    let dynamic = target.join("examples/image-fixture");
    assert!(dynamic.exists(), "cargo test builds {}", dynamic.display());
    let fixed = std::env::var_os("STASIS_STATIC_FIXTURE").map(PathBuf::from);
    [dynamic].into_iter().chain(fixed).collect()
}

struct Fixture<'a> {
    executable: &'a Path,
    folder: TempDir,
    /// How its page tables are filled when it is thawed: `on demand`, `at hand`, `exact`.
    paging: &'static str,
    /// Whether it is thawed with its code in large pages.
    code_copy: bool,
}

impl<'a> Fixture<'a> {
    fn new(executable: &'a Path) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        Self { executable, folder, paging: "on demand", code_copy: false }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn begin(&self, arguments: &[&str], commands: &[&str]) -> (Child, ChildStdin) {
        let mut child = Command::new(self.executable)
            .args(arguments)
            .env_clear()
            .env("GLIBC_TUNABLES", "glibc.pthread.rseq=0")
            .env("PAGING", self.paging)
            .envs(self.code_copy.then_some(("CODE_COPY", "1")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the fixture starts");
        let mut input = child.stdin.take().expect("piped");
        for command in commands {
            // A fixture that ends early is judged by its output.
            let _closed = writeln!(input, "{command}");
        }
        (child, input)
    }

    fn start(&self, arguments: &[&str], commands: &[&str]) -> Output {
        let (child, input) = self.begin(arguments, commands);
        drop(input);
        child.wait_with_output().expect("the fixture ends")
    }

    fn lines(&self, arguments: &[&str], commands: &[&str]) -> Vec<String> {
        let output = self.start(arguments, commands);
        let text = String::from_utf8(output.stdout).expect("text");
        assert!(output.status.success(), "{arguments:?} {commands:?}: {} {text}", output.status);
        text.lines().map(str::to_owned).collect()
    }

    /// Makes a base image and returns its path.
    fn base(&self) -> String {
        let base = self.path("base");
        let lines = self.lines(&["boot"], &[&format!("freeze {base}")]);
        assert!(lines[1].starts_with("frozen "), "{lines:?}");
        base
    }

    /// Thaws a base image, has the process describe its state, notes in the image which pages it has, and
    /// returns how many.
    fn learn(&self, base: &str) -> u64 {
        let (mut child, input) = self.begin(&["thaw", base], &["state"]);
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let lines: Vec<_> = output.lines().take(2).collect::<Result<_, _>>().expect("two answers");
        assert_eq!(lines[0], "thawed");
        let pagemap = File::open(format!("/proc/{}/pagemap", child.id())).expect("it is our child");
        let image = OpenOptions::new().read(true).write(true).open(base).expect("image");
        let pages = learn_pages_at_hand(&image, &pagemap).expect("an image");
        drop(input);
        assert!(child.wait().expect("the fixture ends").success());
        pages
    }

    /// Goes on from `image`, executes `commands`, and freezes into `name`.
    fn generation(&self, image: &str, base: &str, name: &str, commands: &[&str]) -> (String, Vec<String>) {
        let next = self.path(name);
        let freeze = format!("freeze {next} {base}");
        let commands: Vec<_> = commands.iter().copied().chain([&freeze[..]]).collect();
        let from = if image == base { vec!["thaw", image] } else { vec!["thaw", image, base] };
        (next, self.lines(&from, &commands))
    }
}

fn patch(image: &str, at: u64, bytes: &[u8]) {
    let file = OpenOptions::new().write(true).open(image).expect("image");
    file.write_all_at(bytes, at).expect("patch");
}

fn number_of_areas(image: &str) -> u64 {
    let mut areas = [0; 8];
    File::open(image).expect("image").read_exact_at(&mut areas, AREAS).expect("header");
    u64::from_le_bytes(areas)
}

fn size(path: &str) -> u64 {
    fs::metadata(path).expect("image").len()
}

/// Whether memory files can have large pages.
fn large_pages_are_possible() -> bool {
    let setting = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/shmem_enabled");
    setting.is_ok_and(|setting| !setting.contains("[deny]"))
}

#[test]
fn state_survives_generations() {
    let kinds = [("on demand", false), ("at hand", false), ("on demand", true), ("at hand", true)];
    for (executable, (paging, code_copy)) in fixtures().iter().flat_map(|path| kinds.map(|kind| (path, kind)))
    {
        let fixture = Fixture { paging, code_copy, ..Fixture::new(executable) };
        let base = fixture.base();
        Fixture { paging: "exact", ..Fixture::new(executable) }.learn(&base);
        let (one, lines) = fixture.generation(&base, &base, "one", &["state"]);
        assert_eq!(
            lines[..2],
            ["thawed", "generation 1 map 499500 big 0 stack 2688 float 0.3333333333333333"]
        );
        if code_copy {
            let (_, lines) = fixture.generation(&one, &base, "large", &["large", "state"]);
            assert_eq!(lines[1], if large_pages_are_possible() { "large" } else { "small" });
        }
        let (two, lines) = fixture.generation(&one, &base, "two", &["touch 10000000", "state"]);
        assert_eq!(lines[2], "generation 2 map 499500 big 1234376064 stack 2688 float 0.3333333333333333");
        let (three, lines) = fixture.generation(&two, &base, "three", &["state"]);
        assert_eq!(lines[1], "generation 3 map 499500 big 1234376064 stack 2688 float 0.3333333333333333");
        assert!(size(&one) < 400_000, "only what changed is stored: {}", size(&one));
        let (four, _) = fixture.generation(&three, &base, "four", &["state"]);
        assert!(
            size(&three).abs_diff(size(&four)) < 32_000,
            "nothing accumulates: {} {} {paging} {code_copy}",
            size(&three),
            size(&four)
        );
        // The earlier image is what it was: a branch.
        let (_, lines) = fixture.generation(&one, &base, "branch", &["state"]);
        assert!(lines[1].starts_with("generation 2 map 499500 big 0 "), "{lines:?}");
    }
}

/// Whatever it did before, and however it was thawed.
#[test]
fn a_process_of_the_base_image_becomes_one_that_was_thawed() {
    let kinds = [("on demand", false), ("at hand", true)];
    for (executable, (paging, code_copy)) in fixtures().iter().flat_map(|path| kinds.map(|kind| (path, kind)))
    {
        let fixture = Fixture { paging, code_copy, ..Fixture::new(executable) };
        let base = fixture.base();
        Fixture { paging: "exact", ..Fixture::new(executable) }.learn(&base);
        let check = |name: &str, image: &str, before: &[&str]| {
            let (alone, expect) =
                fixture.generation(image, &base, &format!("{name}-alone"), &["large", "state"]);
            let overlay = format!("overlay {image} {base}");
            let commands: Vec<_> = before.iter().copied().chain([&overlay[..], "large", "state"]).collect();
            let (laid, lines) = fixture.generation(&base, &base, &format!("{name}-laid-over"), &commands);
            assert_eq!(lines[1 + before.len()..5 + before.len() - 1], expect[..3], "{lines:?}");
            assert_eq!(number_of_areas(&laid), number_of_areas(&alone));
            assert!(size(&laid).abs_diff(size(&alone)) < 32_000, "{} {}", size(&laid), size(&alone));
            laid
        };
        let (small, _) = fixture.generation(&base, &base, "small", &[]);
        let (large, _) = fixture.generation(&base, &base, "large", &["touch 10000000"]);
        check("one", &small, &[]);
        check("two", &small, &["touch 30000000", "state"]);
        let next = check("three", &large, &["touch 300000", "clock", "state"]);
        let last = check("four", &next, &["touch 30000000"]);
        let (_, lines) = fixture.generation(&last, &base, "five", &["state"]);
        assert!(lines[1].starts_with("generation 4 map 499500 big 1234376064 "), "{lines:?}");
    }
}

#[test]
fn a_process_that_cannot_become_a_heap_says_why_and_goes_on() {
    let fixtures = fixtures();
    let fixture = Fixture::new(&fixtures[0]);
    let base = fixture.base();
    let (one, _) = fixture.generation(&base, &base, "one", &[]);
    let check = |from: &str, change: &dyn Fn(&str), expect: &str| {
        let copy = fixture.path("copy");
        fs::copy(from, &copy).expect("copy");
        change(&copy);
        let lines = fixture.lines(&["thaw", &base], &[&format!("overlay {copy} {base}"), "state"]);
        assert!(lines[1].starts_with("error: ") && lines[1].contains(expect), "{lines:?}");
        assert!(lines[2].starts_with("generation 1 map 499500 "), "{lines:?}");
    };
    let unlike = "cannot be laid over";
    check(&one, &|path| patch(path, FINGERPRINT, &[1; 32]), unlike);
    check(&one, &|path| patch(path, CPU + 7, &[0xff]), unlike);
    check(&one, &|path| patch(path, VDSO_DIGEST, &[0xaa; 32]), unlike);
    check(&one, &|path| patch(path, 0, b"x"), "not a heap image");
    check(&one, &|path| patch(path, RUNS, &u64::MAX.to_le_bytes()), "number of runs");
    check(&base, &|_| (), "another base image");
}

#[test]
fn exactly_the_pages_that_were_used_are_at_hand() {
    for executable in fixtures() {
        let fixture = |paging| Fixture { paging, ..Fixture::new(&executable) };
        let on_demand = fixture("on demand");
        let pages_of = |paging, base: &str| {
            let copy = on_demand.path(paging);
            fs::copy(base, &copy).expect("copy");
            (fixture(paging).learn(&copy), copy)
        };
        let base = on_demand.base();
        let (exact, learned) = pages_of("exact", &base);
        // Without neighbours they are fewer, and no other pages are used the next time.
        let (neighbours, _) = pages_of("on demand", &base);
        assert!((2..neighbours).contains(&exact), "{exact} of {neighbours}");
        assert_eq!(size(&learned).abs_diff(size(&base)) % 16, 0, "a table has grown");
        let (at_hand, _) = pages_of("at hand", &learned);
        assert!((exact..neighbours).contains(&at_hand), "{exact} and {at_hand} of {neighbours}");
    }
}

#[test]
fn code_in_large_pages_leaves_no_trace_in_images() {
    let possible = large_pages_are_possible();
    for executable in fixtures() {
        let fixture = Fixture { code_copy: true, ..Fixture::new(&executable) };
        let base = fixture.base();
        let (one, lines) = fixture.generation(&base, &base, "one", &["large", "state"]);
        assert_eq!(lines[1], if possible { "large" } else { "small" });
        let (two, lines) = fixture.generation(&one, &base, "two", &["large"]);
        assert_eq!(lines[1], if possible { "large" } else { "small" });
        // A process without a copy goes on from it, and leaves an image with the same areas.
        let fixture = Fixture { code_copy: false, ..fixture };
        let (_, lines) = fixture.generation(&two, &base, "three", &["large", "state"]);
        assert_eq!(lines[1], "small");
        assert!(lines[2].starts_with("generation 3 map 499500 "), "{lines:?}");
        let (without, _) = fixture.generation(&base, &base, "without", &["large", "state"]);
        assert_eq!(number_of_areas(&one), number_of_areas(&without));
        assert!(size(&one).abs_diff(size(&without)) < 32_000, "no code is stored");
    }
}

#[test]
fn one_image_is_thawed_two_thousand_times() {
    for executable in fixtures() {
        let fixture = Fixture::new(&executable);
        let base = fixture.base();
        let (one, _) = fixture.generation(&base, &base, "one", &[]);
        for _ in 0..1000 {
            assert_eq!(fixture.lines(&["thaw", &base], &["quit"]), ["thawed"]);
            assert_eq!(fixture.lines(&["thaw", &one, &base], &["quit"]), ["thawed"]);
        }
    }
}

#[test]
fn a_large_process_survives() {
    for executable in fixtures() {
        let fixture = Fixture::new(&executable);
        let base = fixture.base();
        let (one, lines) = fixture.generation(&base, &base, "one", &["touch 200000000", "state"]);
        let (_, again) = fixture.generation(&one, &base, "two", &["state"]);
        assert_eq!(lines[2].split(' ').nth(5), again[1].split(' ').nth(5));
        assert!(size(&one) > 200_000_000);
    }
}

#[test]
fn clocks_go_on_where_they_stood() {
    for executable in fixtures() {
        let fixture = Fixture::new(&executable);
        let base = fixture.base();
        let milliseconds = |text: &str| text.parse::<u64>().expect("a number");
        let (one, lines) = fixture.generation(&base, &base, "one", &["clock", "sleep 30", "clock"]);
        assert!(milliseconds(&lines[3]) >= milliseconds(&lines[1]) + 30, "{lines:?}");
        // Time that passes while it is frozen is not seen, even if this machine was started long
        // after that one.
        std::thread::sleep(Duration::from_millis(200));
        let (_, lines) = fixture.generation(&one, &base, "two", &["clock", "time"]);
        let clock = milliseconds(&lines[1]);
        assert!((30..200).contains(&clock), "{lines:?}");
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("now").as_secs();
        assert!(now - milliseconds(&lines[2]) < 5, "the calendar's time is this machine's");
        let an_hour_later: u64 = 3_600_000_000_000;
        let mut monotonic = [0; 8];
        File::open(&one).expect("image").read_exact_at(&mut monotonic, MONOTONIC).expect("header");
        patch(&one, MONOTONIC, &(u64::from_le_bytes(monotonic) + an_hour_later).to_le_bytes());
        let (_, lines) = fixture.generation(&one, &base, "three", &["clock"]);
        assert!((3_600_000..3_601_000).contains(&milliseconds(&lines[1])), "{lines:?}");
    }
}

#[test]
fn another_kernels_vdso_is_replaced_by_system_calls() {
    for executable in fixtures() {
        let fixture = Fixture::new(&executable);
        let base = fixture.base();
        patch(&base, VDSO_DIGEST, &[0xaa; 32]);
        let (one, lines) = fixture.generation(&base, &base, "one", &["clock", "time", "sleep 5", "state"]);
        assert_eq!(lines.len(), 6, "{lines:?}");
        let lay_over = format!("overlay {one} {base}");
        let (_, lines) =
            fixture.generation(&base, &base, "laid-over", &[&lay_over, "clock", "time", "state"]);
        assert!(lines[4].starts_with("generation 2 "), "{lines:?}");
        // And again, from a process that has no vdso at all.
        let (_, lines) = fixture.generation(&one, &base, "two", &["clock", "time"]);
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("now").as_secs();
        assert!(now - lines[2].parse::<u64>().expect("seconds") < 5, "{lines:?}");
    }
}

#[test]
fn what_cannot_be_thawed_says_why() {
    let executable = &fixtures()[0];
    let fixture = Fixture::new(executable);
    let base = fixture.base();
    let (one, _) = fixture.generation(&base, &base, "one", &[]);
    let check = |from: &str, base: &[&str], change: &dyn Fn(&str), expect: &str| {
        let copy = fixture.path("copy");
        fs::copy(from, &copy).expect("copy");
        change(&copy);
        let arguments: Vec<&str> = ["thaw", &copy].into_iter().chain(base.iter().copied()).collect();
        let output = fixture.start(&arguments, &["quit"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(3), "{text}");
        assert!(text.starts_with("error: ") && text.contains(expect), "{text}");
    };
    let resize = |length: u64| {
        move |path: &str| {
            OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(length)).expect("resize")
        }
    };
    check(&base, &[], &|path| patch(path, FINGERPRINT, &[1; 32]), "another build (010101010101; this is ");
    check(&base, &[], &|path| patch(path, CPU + 7, &[0xff]), "features that this one lacks");
    check(&base, &[], &|path| patch(path, 0, b"x"), "not a heap image");
    check(&base, &[], &|path| patch(path, 8, &[9]), "format version 9");
    check(&base, &[], &resize(size(&base) - 1), "truncated heap image");
    check(&base, &[], &resize(100), "truncated heap image");
    check(&base, &[], &resize(0), "not a heap image");
    check(&base, &[], &|path| patch(path, RUNS, &u64::MAX.to_le_bytes()), "number of runs");
    check(&one, &[], &|_| (), "another base image");
    check(&base, &[&base], &|_| (), "another base image");
}
