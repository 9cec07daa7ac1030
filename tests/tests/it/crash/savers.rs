//! Supervisors that are killed while they save heaps.

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use super::{Dice, processes};
use crate::support::{self, Answer, Cli, assert_none};

const KILLS: usize = 240;
const SAVERS: usize = 4;
/// As many acknowledged heaps are resumed at the end.
const RESUMED: usize = 120;

/// Heaps that were acknowledged, and what each keeps.
type Acknowledged = Mutex<BTreeMap<String, u64>>;

#[test]
fn what_was_acknowledged_survives_kills() {
    let _busy = support::busy();
    let store = support::folder();
    // The base image is made once, so that the kills hit the saving of heaps.
    let (_, first) = Cli::script("var kept = 1000", store.path()).saved();
    // Kills come at any moment of a run, on machines of any speed, while others save beside it.
    let begun = Instant::now();
    Cli::script("var kept = 1", store.path()).saved();
    let latest = begun.elapsed() * SAVERS as u32;
    let acknowledged: Acknowledged = Mutex::new(BTreeMap::from([(first, 1000)]));
    let kills = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..SAVERS {
            scope.spawn(|| {
                let mut dice = Dice::new();
                while kills.load(Relaxed) < KILLS {
                    kills.fetch_add(
                        usize::from(save(store.path(), &mut dice, latest, &acknowledged)),
                        Relaxed,
                    );
                }
            });
        }
    });
    let orphans = processes::orphans();
    assert!(orphans.is_empty(), "workers without a supervisor: {orphans:?}");
    let acknowledged = acknowledged.into_inner().expect("nobody panics");
    support::note(&format!("{} kills, {} heaps acknowledged", kills.into_inner(), acknowledged.len()));
    assert!(acknowledged.len() > 10, "the kills come too early: only {} were saved", acknowledged.len());
    assert_store_is_whole(store.path(), &acknowledged);
}

/// The first thing that a new installation does is to make its key and its base image.
#[test]
fn a_first_start_that_was_killed_does_not_spoil_the_next() {
    let _busy = support::busy();
    let mut dice = Dice::new();
    for _ in 0..25 {
        let store = support::folder();
        for _ in 0..2 {
            let mut child = Cli::script("1", store.path()).spawn();
            thread::sleep(dice.moment(Duration::from_millis(150)));
            child.kill().expect("it is ours");
            child.wait().expect("it was killed");
        }
        let (result, heap) = Cli::script("var kept = 7; kept", store.path()).saved();
        assert_eq!(result, "7");
        assert_store_is_whole(store.path(), &BTreeMap::from([(heap, 7)]));
    }
    assert!(processes::orphans().is_empty());
}

/// Runs a script that leaves a heap, from nothing or from an acknowledged heap, and kills it at some
/// moment. Says whether the kill came in time.
fn save(store: &Path, dice: &mut Dice, latest: Duration, acknowledged: &Acknowledged) -> bool {
    let start = {
        let known = acknowledged.lock().expect("nobody panics");
        let at = dice.below(2 * known.len() as u64) as usize;
        known.iter().nth(at).map(|(heap, kept)| (heap.clone(), *kept))
    };
    let (cli, kept) = match start {
        Some((heap, kept)) => (Cli::script("kept += 1; var more = [kept, {}]", store).heap(&heap), kept + 1),
        None => {
            let kept = dice.below(1 << 40);
            (Cli::script(format!("var kept = {kept}, fill = '{kept}'.repeat(20000)"), store), kept)
        }
    };
    let mut child = cli.arg("--json").spawn();
    thread::sleep(dice.moment(latest));
    let was_running = child.try_wait().expect("a child can be asked").is_none();
    child.kill().expect("it is ours");
    let mut printed = String::new();
    let mut stdout = child.stdout.take().expect("piped");
    stdout.read_to_string(&mut printed).expect("it prints UTF-8");
    child.wait().expect("it was killed");
    // Also what was printed in the last moment is a promise.
    if let Ok(Answer { heap: Some(heap), .. }) = serde_json::from_str(&printed) {
        acknowledged.lock().expect("nobody panics").insert(heap, kept);
    }
    was_running
}

/// Every stored file is sound, and every acknowledged heap is what it was. The images are removed
/// first, so that it is the stored heaps that are read.
fn assert_store_is_whole(store: &Path, acknowledged: &BTreeMap<String, u64>) {
    let mut complaints = Vec::new();
    let listed = Cli::new(&["heap", "ls", "--json"]).store(store).finish();
    if listed.code != Some(0) || listed.stdout.contains("\"error\"") {
        complaints.push(format!("heap ls: {listed:?}"));
    }
    for entry in fs::read_dir(store.join(".state/images")).expect("there is a cache") {
        fs::remove_file(entry.expect("an entry").path()).expect("ours to remove");
    }
    for (heap, kept) in acknowledged.iter().take(RESUMED) {
        let answer = Cli::script("kept", store).heap(heap).answer();
        if answer.result != Some(kept.to_string()) {
            complaints.push(format!("acknowledged {heap} should keep {kept}: {answer:?}"));
        }
    }
    let stored = fs::read_dir(store).expect("the store is a folder");
    let names = stored.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let (heaps, other): (Vec<String>, Vec<String>) = names.partition(|name| name.ends_with(".heap"));
    complaints
        .extend(other.iter().filter(|name| *name != ".state").map(|name| format!("{name} was left behind")));
    let unknown = heaps
        .iter()
        .filter_map(|name| name.strip_suffix(".heap"))
        .filter(|heap| !acknowledged.contains_key(*heap));
    for heap in unknown {
        let ended = Cli::script("1", store).heap(heap).finish();
        if ended.code != Some(0) {
            complaints.push(format!("{heap} was stored and cannot be resumed: {ended:?}"));
        }
    }
    assert_none(&complaints);
}
