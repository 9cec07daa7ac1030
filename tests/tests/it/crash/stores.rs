//! What is found in a folder of heaps after processes were killed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Mutex,
    thread,
};

use serde_json::Value;

use crate::support::{self, Cli, assert_none};

/// Resume heaps at a time.
const READERS: usize = 4;

/// Heaps that were acknowledged, and what `kept` is in each.
pub(super) type Acknowledged = BTreeMap<String, u64>;

/// Every stored file is sound, and every acknowledged heap is what it was.
#[track_caller]
pub(super) fn assert_is_whole(store: &Path, acknowledged: &Acknowledged) {
    assert_none(&complaints(store, acknowledged));
}

/// The images are removed first, so that it is the stored heaps that are read.
fn complaints(store: &Path, acknowledged: &Acknowledged) -> Vec<String> {
    for entry in fs::read_dir(store.join(".state/images")).expect("there is a cache") {
        fs::remove_file(entry.expect("an entry").path()).expect("ours to remove");
    }
    let stored = fs::read_dir(store).expect("the store is a folder");
    let names = stored.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let (heaps, other): (Vec<String>, Vec<String>) = names.partition(|name| name.ends_with(".heap"));
    let mut complaints: Vec<String> =
        other.iter().filter(|name| *name != ".state").map(|name| format!("{name} was left behind")).collect();
    let stored: BTreeSet<&str> = heaps.iter().filter_map(|name| name.strip_suffix(".heap")).collect();
    complaints.extend(complaints_about_list(store, &stored, acknowledged));
    // What was stored may also be a base image, or a heap that nobody was told of any more.
    let all: BTreeSet<&str> = acknowledged.keys().map(String::as_str).chain(stored).collect();
    complaints.extend(complaints_about_heaps(store, all, acknowledged));
    complaints
}

/// The list has what is stored and what was acknowledged, all of it readable.
fn complaints_about_list(store: &Path, stored: &BTreeSet<&str>, acknowledged: &Acknowledged) -> Vec<String> {
    let listed = Cli::new(&["heap", "ls", "--json"]).store(store).finish();
    let Ok(Value::Array(list)) = serde_json::from_str(&listed.stdout) else {
        return vec![format!("heap ls: {listed:?}")];
    };
    let damaged = list.iter().filter(|info| info.get("error").is_some());
    let mut complaints: Vec<String> = damaged.map(|info| format!("heap ls: {info}")).collect();
    let ids: BTreeSet<&str> = list.iter().filter_map(|info| info["heap"].as_str()).collect();
    if ids != *stored {
        complaints.push(format!("heap ls has {ids:?}, stored are {stored:?}"));
    }
    let absent = acknowledged.keys().filter(|heap| !ids.contains(heap.as_str()));
    complaints.extend(absent.map(|heap| format!("acknowledged {heap} is lost")));
    complaints
}

/// Resumes all of them, which reads and verifies every byte.
fn complaints_about_heaps(store: &Path, heaps: BTreeSet<&str>, acknowledged: &Acknowledged) -> Vec<String> {
    let (left, complaints) = (Mutex::new(heaps), Mutex::new(Vec::new()));
    let next = || left.lock().expect("nobody panics").pop_first();
    thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| {
                while let Some(heap) = next() {
                    let complaint = complaint_about(store, heap, acknowledged.get(heap));
                    complaints.lock().expect("nobody panics").extend(complaint);
                }
            });
        }
    });
    complaints.into_inner().expect("nobody panics")
}

fn complaint_about(store: &Path, heap: &str, kept: Option<&u64>) -> Option<String> {
    let code = if kept.is_some() { "kept" } else { "1" };
    let ended = Cli::script(code, store).heap(heap).finish();
    let expect = kept.unwrap_or(&1).to_string();
    let is_whole = ended.code == Some(0) && ended.stdout.trim_end() == expect;
    let known = if kept.is_some() { "acknowledged" } else { "stored" };
    (!is_whole).then(|| format!("{known} {heap} should have {expect}: {ended:?}"))
}

#[test]
fn what_is_lost_torn_or_left_behind_is_noticed() {
    let store = support::folder();
    let heaps = [1, 2, 3].map(|kept| Cli::script(format!("var kept = {kept}; kept"), store.path()).saved().1);
    let mut acknowledged: Acknowledged = heaps.iter().cloned().zip(1..).collect();
    assert_eq!(complaints(store.path(), &acknowledged), [""; 0]);
    let [lost, torn, wrong] = &heaps;
    let blob = |heap: &str| store.path().join(format!("{heap}.heap"));
    fs::remove_file(blob(lost)).expect("ours to remove");
    let whole = fs::read(blob(torn)).expect("read");
    fs::remove_file(blob(torn)).expect("ours to remove");
    fs::write(blob(torn), &whole[..whole.len() / 2]).expect("write");
    acknowledged.insert(wrong.clone(), 4);
    fs::write(store.path().join("left"), "").expect("write");
    let complaints = complaints(store.path(), &acknowledged);
    for part in [
        "left was left behind",
        &format!("acknowledged {lost} is lost"),
        &format!("acknowledged {lost} should have 1"),
        &format!("acknowledged {torn} should have 2"),
        &format!("acknowledged {wrong} should have 4"),
    ] {
        assert!(complaints.iter().any(|complaint| complaint.starts_with(part)), "{part}: {complaints:#?}");
    }
}
