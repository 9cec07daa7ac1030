//! The web platform tests that can run here, one run per file.
//!
//! `STASIS_WPT` names a folder of them; without it nothing is tested. `tests/wpt/get.sh` gets one. What has
//! to pass is in `tests/wpt/expected.txt`, which `STASIS_WPT_WRITE=1` writes anew.

mod file;

use std::{
    collections::BTreeMap,
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

use file::File;
use serde::Deserialize;

use crate::support::{self, Cli};

/// What is tested.
const FOLDERS: &[&str] = &[
    "FileAPI/blob",
    "FileAPI/file",
    "WebCryptoAPI",
    "console",
    "dom/abort",
    "dom/events",
    "encoding",
    "fetch/api/headers",
    "fetch/api/request",
    "fetch/api/response",
    "hr-time",
    "html/webappapis/atob",
    "html/webappapis/microtask-queuing",
    "html/webappapis/structured-clone",
    "html/webappapis/timers",
    "streams",
    "url",
    "urlpattern",
    "user-timing",
    "wasm/jsapi",
    "webidl",
];

/// Beginnings of the names of files that are not run.
const SKIPPED: &[&str] = &[
    // These look at the description of a whole interface, through a parser of their own.
    "idlharness",
    // How long it takes to find so many prime numbers is a matter of luck.
    "successes_RSA",
    "wrapKey_unwrapKey",
];

/// How many files run at once.
const AT_ONCE: usize = 2;

/// Seconds and megabytes for a file.
const LIMITS: &[&str] = &["--execution-timeout", "40", "--heap-memory-max", "512"];

/// How a file fared, all its parts together.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
struct Outcome {
    passed: usize,
    total: usize,
    /// Why not all of its tests were run.
    harness: Option<String>,
    failures: Vec<String>,
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.total += other.total;
        self.harness = self.harness.take().or(other.harness);
        self.failures.extend(other.failures);
    }

    /// As in the file of what is expected. How far an incomplete file comes may depend on the machine.
    fn summary(&self) -> String {
        match self.harness {
            Some(_) => "incomplete".to_owned(),
            None => format!("{}/{}", self.passed, self.total),
        }
    }
}

#[test]
fn web_platform_tests() {
    let Some(root) = env::var_os("STASIS_WPT").map(PathBuf::from) else {
        support::note("no web platform tests: name a folder of them in STASIS_WPT");
        return;
    };
    let outcomes = run_all(&root, file::find(&root, FOLDERS, SKIPPED));
    support::note(&table(&outcomes));
    let summaries: BTreeMap<&str, String> =
        outcomes.iter().map(|(path, outcome)| (path.as_str(), outcome.summary())).collect();
    if env::var_os("STASIS_WPT_WRITE").is_some() {
        let lines = summaries.iter().map(|(path, summary)| format!("{path} {summary}\n"));
        fs::write(expected_path(), lines.collect::<String>()).expect("it can be written");
        return;
    }
    let expected = fs::read_to_string(expected_path()).expect("it is there");
    let expected = expected.lines().filter_map(|line| line.split_once(' ')).collect();
    let details = |path: &str| {
        let outcome = &outcomes[path];
        let said = outcome.harness.iter().chain(&outcome.failures);
        said.take(5).map(|line| format!("\n      {line}")).collect::<String>()
    };
    support::assert_none(&differences(&expected, &summaries, details));
}

/// Says what is worse than expected, and what is better, so that it stays so.
fn differences(
    expected: &BTreeMap<&str, &str>,
    got: &BTreeMap<&str, String>,
    details: impl Fn(&str) -> String,
) -> Vec<String> {
    let missing = expected.keys().filter(|path| !got.contains_key(*path));
    let missing = missing.map(|path| format!("{path}: not in this folder of tests"));
    let changed = got.iter().filter_map(|(path, got)| match expected.get(path) {
        Some(expect) if expect == got => None,
        Some(expect) => Some(format!("{path}: {got}, expected {expect}{}", details(path))),
        None => Some(format!("{path}: {got}, and nothing is expected of it{}", details(path))),
    });
    missing.chain(changed).collect()
}

fn expected_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("wpt/expected.txt")
}

fn run_all(root: &Path, files: Vec<File>) -> BTreeMap<String, Outcome> {
    let harness = fs::read_to_string(root.join("resources/testharness.js")).expect("it belongs to the tests");
    let next = AtomicUsize::new(0);
    let work = || {
        let mine = std::iter::from_fn(|| files.get(next.fetch_add(1, Relaxed)));
        mine.map(|file| (file.path.clone(), run(file, &harness))).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("it reports")).collect()
    })
}

fn run(file: &File, harness: &str) -> Outcome {
    let store = support::folder();
    let script = include_str!("../../../wpt/run.js");
    let mut all = Outcome::default();
    for variant in &file.variants {
        let input = serde_json::to_string(&file.input(harness, variant)).expect("it is text");
        let code = format!("const WPT = {input};\n{script}");
        let answer = Cli::script(code, store.path()).arg("--stateless").args(LIMITS).answer();
        let outcome = answer.result.as_deref().and_then(|text| serde_json::from_str(text).ok());
        all.add(outcome.unwrap_or_else(|| Outcome { harness: answer.error, ..Outcome::default() }));
    }
    all
}

/// Passed and all tests of each folder.
fn table(outcomes: &BTreeMap<String, Outcome>) -> String {
    let mut folders: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
    for (path, outcome) in outcomes {
        let folder = FOLDERS.iter().find(|folder| path.starts_with(**folder)).unwrap_or(&"");
        for row in [*folder, "~ together"] {
            let (passed, total, incomplete) = folders.entry(row).or_default();
            *passed += outcome.passed;
            *total += outcome.total;
            *incomplete += usize::from(outcome.harness.is_some());
        }
    }
    let mut table = String::from("| folder | passed | of | incomplete files |\n|---|---:|---:|---:|\n");
    for (folder, (passed, total, incomplete)) in folders {
        writeln!(table, "| {folder} | {passed} | {total} | {incomplete} |").expect("a string can be written");
    }
    table
}

#[test]
fn what_differs_is_told() {
    let expected = BTreeMap::from([("a", "1/2"), ("b", "2/2"), ("gone", "1/1")]);
    let got = [("a", "1/2"), ("b", "incomplete"), ("new", "0/1")].map(|(path, it)| (path, it.to_owned()));
    let complaints = differences(&expected, &got.into(), |_| String::new());
    let expect = [
        "gone: not in this folder of tests",
        "b: incomplete, expected 2/2",
        "new: 0/1, and nothing is expected of it",
    ];
    assert_eq!(complaints, expect);
}
