//! A hostile script with what must become of it.
//!
//! ```text
//! // expect: failed/timed_out | part of result or error ; another that will do
//! // flags: --execution-timeout 2
//! // then: 1 + 1 => 2          a run on the heap that it leaves
//! ```
//!
//! Whatever fails says with which error. That the worker has crashed is only right where it is said.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::json;

use crate::support::Answer;

/// The limits of scripts that say nothing else.
const LIMITS: [[&str; 2]; 2] = [["--execution-timeout", "20"], ["--heap-memory-max", "8"]];
/// The flags that have a counterpart in a request.
const FIELDS: [(&str, &str); 2] =
    [("--execution-timeout", "execution_timeout_secs"), ("--heap-memory-max", "heap_memory_max_mb")];
/// How much code a request may carry, in bytes.
const LARGEST_REQUEST: u64 = 8 << 20;
/// The error of a run whose worker has died.
const CRASHED: &str = "The script crashed its worker process.";

#[derive(Debug)]
pub(super) struct Case {
    /// The file's name.
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) expect: Expect,
    pub(super) flags: Vec<String>,
    /// Scripts to run on the heap it leaves, and their results.
    pub(super) then: Vec<(String, String)>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expect {
    /// More than one where it depends on the machine which limit is hit first.
    statuses: Vec<String>,
    /// One of these is part of the result or the error.
    parts: Vec<String>,
}

impl Case {
    /// All scripts of a folder, by name.
    pub(super) fn load(folder: &Path) -> Vec<Self> {
        let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut cases: Vec<Self> =
            entries.map(|entry| Self::read(&entry.expect("an entry").path())).collect();
        cases.sort_by(|a, b| a.name.cmp(&b.name));
        cases
    }

    fn read(path: &Path) -> Self {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        let text = fs::read(path).unwrap_or_else(|error| panic!("{name}: {error}"));
        // The script itself need not be text.
        let head: Vec<String> = text
            .split(|byte| *byte == b'\n')
            .map_while(|line| str::from_utf8(line).ok()?.strip_prefix("// ").map(str::to_owned))
            .collect();
        let values =
            |key: &str| head.iter().filter_map(|line| line.strip_prefix(key).map(str::to_owned)).collect();
        let (expect, flags, then): (Vec<String>, Vec<String>, Vec<String>) =
            (values("expect: "), values("flags: "), values("then: "));
        let [expect] = &expect[..] else { panic!("{name}: one line must say what to expect") };
        let said = flags.join(" ");
        let unsaid = LIMITS.iter().filter(|[flag, _]| !said.contains(flag)).flatten().copied();
        let flags = said.split_whitespace().chain(unsaid).map(str::to_owned).collect();
        Self {
            expect: Expect::parse(expect).unwrap_or_else(|| panic!("{name}: {expect}")),
            flags,
            then: then
                .iter()
                .filter_map(|line| line.rsplit_once(" => "))
                .map(|(a, b)| (a.into(), b.into()))
                .collect(),
            path: path.to_owned(),
            name,
        }
    }

    /// The run's own limit.
    pub(super) fn time_limit(&self) -> Duration {
        let after = |pair: &[String]| (pair[0] == "--execution-timeout").then(|| pair[1].parse());
        let seconds = self.flags.windows(2).find_map(after).expect("every run has a limit");
        Duration::from_secs(seconds.expect("a number of seconds"))
    }

    /// Its limits as a request says them; none if one of its flags has no such field.
    pub(super) fn query(&self) -> Option<String> {
        let field = |pair: &[String]| {
            let (_, field) = FIELDS.iter().find(|(flag, _)| pair[0] == *flag)?;
            Some(format!("&{field}={}", pair.get(1)?))
        };
        self.flags.chunks(2).map(field).collect()
    }

    /// Whether a request can carry it.
    pub(super) fn can_be_sent(&self) -> bool {
        let is_small = |file: fs::Metadata| file.len() <= LARGEST_REQUEST;
        self.query().is_some() && fs::metadata(&self.path).is_ok_and(is_small)
    }

    pub(super) fn code(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
}

impl Expect {
    fn parse(line: &str) -> Option<Self> {
        const STATUSES: [&str; 3] = ["completed", "failed", "timed_out"];
        let (statuses, parts) = line.split_once(" | ").unwrap_or((line, ""));
        let statuses: Vec<String> = statuses.trim().split('/').map(str::to_owned).collect();
        let known = statuses.iter().all(|status| STATUSES.contains(&status.as_str()));
        let says_why = !parts.is_empty() || !statuses.iter().any(|status| status == "failed");
        let parts = parts.split(" ; ").map(str::to_owned).collect();
        (known && says_why).then_some(Self { statuses, parts })
    }

    pub(super) fn check(&self, answer: &Answer) -> Result<(), String> {
        let text = answer.result.as_ref().or(answer.error.as_ref()).map_or("", String::as_str);
        let is_right = |part: &String| text.contains(part) && (text != CRASHED || part == CRASHED);
        // A script that hits the time limit has nothing else to say.
        let says_it = answer.status == "timed_out" || self.parts.iter().any(is_right);
        if self.statuses.contains(&answer.status) && says_it {
            return Ok(());
        }
        let shown: String = text.chars().take(200).collect();
        Err(format!("{}: {shown:?}, expected {:?} {:?}", answer.status, self.statuses, self.parts))
    }
}

#[test]
fn the_first_line_says_what_to_expect() {
    let check = |line: &str, expect: Option<(&[&str], &[&str])>| {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let expect =
            expect.map(|(statuses, parts)| Expect { statuses: owned(statuses), parts: owned(parts) });
        assert_eq!(Expect::parse(line), expect, "{line}");
    };
    check("completed", Some((&["completed"], &[""])));
    check("failed/timed_out | Out of memory", Some((&["failed", "timed_out"], &["Out of memory"])));
    check("completed | a | b", Some((&["completed"], &["a | b"])));
    check("failed | Out of memory ; RangeError", Some((&["failed"], &["Out of memory", "RangeError"])));
    check("completed | a;b", Some((&["completed"], &["a;b"])));
    check("failed", None);
    check("completed/failed", None);
    check("crashed", None);
    check("", None);
}

#[test]
fn a_crash_is_only_right_where_it_is_expected() {
    let check = |line: &str, error: &str, right: bool| {
        let answer = json!({ "status": "failed", "error": error, "output": "" });
        let answer: Answer = serde_json::from_value(answer).expect("an answer");
        assert_eq!(
            Expect::parse(line).expect("an expectation").check(&answer).is_ok(),
            right,
            "{line}: {error}"
        );
    };
    check("failed | Out of memory ; RangeError", "RangeError: no", true);
    check("failed | Out of memory ; RangeError", "TypeError: no", false);
    check("failed/completed | script", "TypeError: the script", true);
    check("failed/completed | script", CRASHED, false);
    check("failed/completed | 5 ; The script crashed its worker process.", CRASHED, true);
}
