//! Supervisors that are killed while they save heaps.

use std::{
    io::Read,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    Dice, processes,
    stores::{self, Acknowledged},
};
use crate::support::{self, Answer, Cli};

const KILLS: usize = 240;
const SAVERS: usize = 4;

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
    let acknowledged = Mutex::new(Acknowledged::from([(first, 1000)]));
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
    stores::assert_is_whole(store.path(), &acknowledged);
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
        stores::assert_is_whole(store.path(), &Acknowledged::from([(heap, 7)]));
    }
    assert!(processes::orphans().is_empty());
}

/// Runs a script that leaves a heap, from nothing or from an acknowledged heap, and kills it at some
/// moment. Says whether the kill came in time.
fn save(store: &Path, dice: &mut Dice, latest: Duration, acknowledged: &Mutex<Acknowledged>) -> bool {
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
