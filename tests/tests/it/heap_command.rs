//! `stasis heap`: every fact about what is stored, for people and for programs.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use crate::support::{self, Cli};

/// Digits of an id that a list shows where it is there to be compared only.
const SHORT: usize = 12;

/// What `--json` tells about a heap.
const FIELDS: [&str; 6] = ["heap", "created", "image_bytes", "stored_bytes", "base", "fingerprint"];

/// A folder with the heaps of two runs, and what they were called when they were made.
struct Stored {
    folder: tempfile::TempDir,
    /// The smaller one first.
    heaps: [String; 2],
    begun: OffsetDateTime,
    ended: OffsetDateTime,
}

impl Stored {
    fn new() -> Self {
        let folder = support::folder();
        // Heaps tell their time in milliseconds.
        let begun = OffsetDateTime::now_utc() - Duration::MILLISECOND;
        let (_, small) = Cli::script("var kept = 1", folder.path()).saved();
        let large = "kept = new Uint8Array(4e6).map((_, at) => Math.imul(at, 2654435761) >> 13)";
        let (_, large) = Cli::script(large, folder.path()).heap(&small).saved();
        Self { folder, heaps: [small, large], begun, ended: OffsetDateTime::now_utc() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What `stasis heap` prints, which has to succeed.
    #[track_caller]
    fn heap(&self, arguments: &[&str]) -> String {
        let ended = Cli::new(&["heap"]).args(arguments).store(self.path()).finish();
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        ended.stdout
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let printed = self.heap(&[arguments, &["--json"]].concat());
        assert_eq!(printed.lines().count(), 1, "{printed}");
        serde_json::from_str(&printed).expect("JSON")
    }

    /// What is known of all heaps, the base image first.
    #[track_caller]
    fn list(&self) -> Vec<Value> {
        match self.json(&["ls"]) {
            Value::Array(list) => list,
            other => panic!("{other}"),
        }
    }
}

#[test]
fn programs_are_told_every_fact() {
    let stored = Stored::new();
    let list = stored.list();
    let [base, small, large] = &list[..] else { panic!("{list:?}") };
    assert_eq!([text(small, "heap"), text(large, "heap")], stored.heaps.each_ref().map(String::as_str));
    assert_eq!(base["base"], Value::Null);
    let mut before = stored.begun;
    for info in &list {
        let fields: BTreeSet<&str> =
            info.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(fields, BTreeSet::from(FIELDS));
        let id = text(info, "heap");
        assert_id(id);
        assert_id(text(info, "fingerprint"));
        assert_eq!(info["fingerprint"], base["fingerprint"], "one build made them");
        assert!(info == base || info["base"] == base["heap"], "{info}");
        assert_eq!(info["stored_bytes"], size(&stored.path().join(format!("{id}.heap"))), "{info}");
        let image = stored.path().join(".state/images").join(format!("{id}.image"));
        assert_eq!(info["image_bytes"], size(&image), "{info}");
        let created = OffsetDateTime::parse(text(info, "created"), &Rfc3339).expect("RFC 3339");
        assert!(before <= created && created <= stored.ended, "{before} {created} {}", stored.ended);
        before = created;
        assert_eq!(stored.json(&["show", id]), *info, "one heap and a list say the same");
    }
    assert!(number(large, "stored_bytes") > number(small, "stored_bytes"));
    assert!(number(large, "image_bytes") > number(small, "image_bytes") + 4_000_000);
}

#[test]
fn people_are_shown_every_fact() {
    let stored = Stored::new();
    for info in stored.list() {
        let shown = stored.heap(&["show", text(&info, "heap")]);
        let facts: Vec<(&str, &str)> =
            shown.lines().map(|line| line.split_once(' ').expect("a name and a fact")).collect();
        let names: Vec<&str> = facts.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["heap", "created", "image", "stored", "base", "fingerprint"], "{shown}");
        let fact = |at: usize| facts[at].1.trim_start();
        let base = info["base"].as_str().unwrap_or("none: it is a base image");
        let told = [text(&info, "heap"), text(&info, "created"), base, text(&info, "fingerprint")];
        assert_eq!([0, 1, 4, 5].map(fact), told, "{shown}");
        assert_size(fact(2), number(&info, "image_bytes"));
        assert_size(fact(3), number(&info, "stored_bytes"));
    }
}

#[test]
fn people_are_shown_a_table() {
    let stored = Stored::new();
    let table = stored.heap(&["ls"]);
    let mut lines = table.lines();
    let head = lines.next().expect("a head");
    let names: Vec<&str> = head.split_whitespace().collect();
    assert_eq!(names, ["HEAP", "STORED", "BASE", "CREATED", "FINGERPRINT"]);
    // Names stand over what they name; numbers end where their names end.
    let begins = |name: &str| head.find(name).expect("a name");
    for info in stored.list() {
        let line = lines.next().expect("a line for each");
        let (before, rest) = line.split_at(begins("BASE"));
        let (id, stored_size) = before.split_once(' ').expect("two columns");
        assert_eq!(id, text(&info, "heap"));
        assert_size(stored_size.trim(), number(&info, "stored_bytes"));
        assert_eq!(stored_size.len() - stored_size.trim_end().len(), 2, "{line:?}");
        let short = |name: &str| info[name].as_str().map_or("none", |id| &id[..SHORT]);
        let facts: Vec<&str> = rest.split_whitespace().collect();
        assert_eq!(facts, [short("base"), text(&info, "created"), short("fingerprint")]);
        assert_eq!(line.find(facts[1]), Some(begins("CREATED")), "{line:?}");
        assert_eq!(line.rfind(facts[2]), Some(begins("FINGERPRINT")), "{line:?}");
        assert_eq!(line, line.trim_end());
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn an_empty_folder_is_an_empty_list() {
    let folder = support::folder();
    let check = |flags: &[&str], expect: &str| {
        let ended = Cli::new(&["heap", "ls"]).args(flags).store(folder.path()).finish();
        assert_eq!((ended.code, &*ended.stdout, &*ended.stderr), (Some(0), expect, ""));
    };
    check(&[], "");
    check(&["--json"], "[]\n");
}

#[test]
fn what_is_removed_is_no_longer_there() {
    let stored = Stored::new();
    let [small, large] = &stored.heaps;
    assert_eq!(stored.heap(&["rm", small]), format!("removed {small}\n"));
    assert_eq!(stored.json(&["rm", large]), json!({ "removed": large }));
    let list = stored.list();
    assert!(matches!(&list[..], [base] if base["base"].is_null()), "{list:?}");
    for heap in [small, large] {
        for command in ["show", "rm"] {
            let ended = Cli::new(&["heap", command, heap]).store(stored.path()).finish();
            assert_eq!(ended.code, Some(4), "{ended:?}");
        }
        assert!(!stored.path().join(format!("{heap}.heap")).exists());
        assert!(!stored.path().join(".state/images").join(format!("{heap}.image")).exists());
    }
    // The base image is still there for whoever comes next.
    let (result, _) = Cli::script("1 + 1", stored.path()).saved();
    assert_eq!(result, "2");
    assert_eq!(stored.list()[0], list[0]);
}

#[test]
fn a_base_image_is_not_removed() {
    let stored = Stored::new();
    let list = stored.list();
    let base = text(&list[0], "heap");
    let refuse = |why: &str| {
        let message = format!("heap {base} cannot be removed: it is the base image of {why}");
        for (flags, expect) in [
            (&[][..], format!("error: {message}\n")),
            (&["--json"], format!("{}\n", json!({ "error": message }))),
        ] {
            let ended = Cli::new(&["heap", "rm", base]).args(flags).store(stored.path()).finish();
            assert_eq!((ended.code, ended.stdout, ended.stderr), (Some(2), String::new(), expect));
        }
        assert_eq!(stored.list()[0], list[0]);
    };
    let [small, large] = &stored.heaps;
    refuse("2 stored heaps");
    stored.heap(&["rm", small]);
    refuse("1 stored heap");
    let (result, resumed) = Cli::script("kept.length", stored.path()).heap(large).saved();
    assert_eq!(result, "4000000", "what needs the base image has it");
    stored.heap(&["rm", large]);
    stored.heap(&["rm", &resumed]);
    // A server that runs would save heaps on top of what is gone.
    refuse("this build of Stasis, from which runs start");
}

#[track_caller]
fn text<'a>(info: &'a Value, field: &str) -> &'a str {
    info[field].as_str().unwrap_or_else(|| panic!("no text {field} in {info}"))
}

#[track_caller]
fn number(info: &Value, field: &str) -> u64 {
    info[field].as_u64().unwrap_or_else(|| panic!("no number {field} in {info}"))
}

#[track_caller]
fn size(path: &Path) -> u64 {
    fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).len()
}

#[track_caller]
fn assert_id(id: &str) {
    let is_digit = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
    assert!(id.len() == 64 && id.bytes().all(is_digit), "{id}");
}

/// A size as people read it, to one decimal.
#[track_caller]
fn assert_size(shown: &str, bytes: u64) {
    let (number, unit) = shown.split_once(' ').unwrap_or_else(|| panic!("no unit in {shown:?}"));
    let unit = match unit {
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        other => panic!("no unit of a heap's: {other}"),
    };
    let number: f64 = number.parse().expect("a number");
    assert!((number * unit - bytes as f64).abs() <= 0.051 * unit, "{shown} for {bytes} bytes");
}
