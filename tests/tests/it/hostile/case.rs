//! A hostile script with what must become of it.
//!
//! ```text
//! // expect: failed/timed_out | part of result or error
//! // flags: --execution-timeout 2
//! // then: 1 + 1 => 2          a run on the heap that it leaves
//! ```

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::support::Answer;

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
    /// Of the result or the error.
    part: String,
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
        Self {
            expect: Expect::parse(expect).unwrap_or_else(|| panic!("{name}: {expect}")),
            flags: flags.iter().flat_map(|flags| flags.split_whitespace()).map(str::to_owned).collect(),
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
    pub(super) fn time_limit(&self, default: &str) -> Duration {
        let after = |pair: &[String]| (pair[0] == "--execution-timeout").then(|| pair[1].clone());
        let seconds = self.flags.windows(2).find_map(after).unwrap_or_else(|| default.to_owned());
        Duration::from_secs(seconds.parse().expect("a number of seconds"))
    }
}

impl Expect {
    fn parse(line: &str) -> Option<Self> {
        const STATUSES: [&str; 3] = ["completed", "failed", "timed_out"];
        let (statuses, part) = line.split_once(" | ").unwrap_or((line, ""));
        let statuses: Vec<String> = statuses.trim().split('/').map(str::to_owned).collect();
        let known = statuses.iter().all(|status| STATUSES.contains(&status.as_str()));
        known.then(|| Self { statuses, part: part.to_owned() })
    }

    pub(super) fn check(&self, answer: &Answer) -> Result<(), String> {
        let text = answer.result.as_ref().or(answer.error.as_ref()).map_or("", String::as_str);
        // A script that hits the time limit has nothing else to say.
        let says_it = answer.status == "timed_out" || text.contains(&self.part);
        if self.statuses.contains(&answer.status) && says_it {
            return Ok(());
        }
        let shown: String = text.chars().take(200).collect();
        Err(format!("{}: {shown:?}, expected {:?} {:?}", answer.status, self.statuses, self.part))
    }
}

#[test]
fn the_first_line_says_what_to_expect() {
    let check = |line: &str, expect: Option<(&[&str], &str)>| {
        let expect = expect.map(|(statuses, part)| Expect {
            statuses: statuses.iter().map(|&status| status.to_owned()).collect(),
            part: part.to_owned(),
        });
        assert_eq!(Expect::parse(line), expect, "{line}");
    };
    check("completed", Some((&["completed"], "")));
    check("failed/timed_out | Out of memory", Some((&["failed", "timed_out"], "Out of memory")));
    check("completed | a | b", Some((&["completed"], "a | b")));
    check("crashed", None);
    check("", None);
}
