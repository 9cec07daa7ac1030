//! The server killed at random points under load, again and again on one folder: what it had acknowledged
//! is there afterwards.

mod callers;
mod verify;

use std::{
    collections::BTreeMap,
    env, fs,
    hash::{BuildHasher as _, RandomState},
    path::Path,
    process::Stdio,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{Server, server::command};
use crate::support;

/// How often it is killed.
const KILLS: u32 = 200;
/// Clients at a time.
const CALLERS: u64 = 4;
/// The longest load before a kill.
const LONGEST: Duration = Duration::from_millis(250);
/// Where a server keeps sessions and executions.
const DATABASE: &str = "stasis/sessions";
/// Sessions do not get longer than what is run in so many rounds.
const ROUNDS_PER_SESSION: u32 = 20;
/// Runs that sleep until they are killed do not keep others waiting.
const FLAGS: [&str; 4] = ["--retain-executions", "1000000", "--max-concurrent-executions", "64"];

/// What the server has acknowledged.
#[derive(Debug, Default)]
struct Acknowledged {
    /// Executions by id, and their records if they had ended.
    executions: BTreeMap<String, Option<Value>>,
    /// Heaps by session and index.
    entries: BTreeMap<(String, u64), String>,
    /// Tags by heap: one of these values, the last of which was asked for and not acknowledged.
    tags: BTreeMap<String, Vec<String>>,
}

impl Acknowledged {
    fn add(&mut self, other: Self) {
        self.executions.extend(other.executions);
        self.entries.extend(other.entries);
        self.tags.extend(other.tags);
    }
}

/// A source of numbers that a seed can repeat.
#[derive(Debug, Clone)]
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn moment(&mut self, longest: Duration) -> Duration {
        Duration::from_micros(self.below(longest.as_micros() as u64))
    }
}

#[test]
fn what_was_acknowledged_survives_every_kill() {
    let _busy = support::busy();
    let seed = env::var("STASIS_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| RandomState::new().hash_one(0) | 1);
    support::note(&format!("STASIS_SEED={seed}"));
    let (mut dice, folder, begun) = (Dice(seed), support::folder(), Instant::now());
    let (mut all, mut kills) = (Acknowledged::default(), 0);
    while kills < KILLS {
        let mut server = Server::at(folder.path(), &FLAGS);
        let round = load(&mut server, &mut dice, kills);
        kills += 1;
        if dice.below(4) == 0 {
            kill_while_it_starts(folder.path(), &mut dice);
            kills += 1;
        }
        let server = Server::at(folder.path(), &FLAGS);
        verify::round(&server, &round, &session_names(kills.saturating_sub(2)..=kills));
        all.add(round);
    }
    let server = Server::at(folder.path(), &FLAGS);
    verify::all(&server, &all);
    support::note(&format!(
        "{kills} kills in {:?}: {} executions, {} entries, {} tagged heaps were acknowledged",
        begun.elapsed(),
        all.executions.len(),
        all.entries.len(),
        all.tags.len()
    ));
    assert!(all.entries.len() as u32 > KILLS, "the load was too light");
}

/// The sessions that are used in these rounds.
fn session_names(rounds: std::ops::RangeInclusive<u32>) -> Vec<String> {
    let callers = || (0..CALLERS).map(|caller| caller.to_string()).chain(["shared".to_owned()]);
    let mut names: Vec<String> =
        rounds.flat_map(|round| callers().map(move |caller| session_name(&caller, round))).collect();
    names.dedup();
    names.sort_unstable();
    names.dedup();
    names
}

fn session_name(caller: &str, round: u32) -> String {
    format!("{caller} of {}", round / ROUNDS_PER_SESSION)
}

/// Several clients at once until the server is killed.
fn load(server: &mut Server, dice: &mut Dice, round: u32) -> Acknowledged {
    let address = server.address;
    let over = AtomicBool::new(false);
    let mut acknowledged = Acknowledged::default();
    thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let (dice, over) = (Dice(dice.below(u64::MAX) | 1), &over);
                scope.spawn(move || callers::call(address, dice, caller, round, over))
            })
            .collect();
        thread::sleep(dice.moment(LONGEST));
        server.kill();
        over.store(true, Relaxed);
        for caller in callers {
            acknowledged.add(caller.join().expect("a caller does not panic"));
        }
    });
    acknowledged
}

#[test]
fn what_a_kill_at_the_start_leaves_does_no_harm() {
    let folder = support::folder();
    let mut server = Server::at(folder.path(), &[]);
    let record = server.code("1");
    server.kill();
    let unfinished = folder.path().join(DATABASE).join("snap.00000000FFFFFFFF.generating");
    fs::write(&unfinished, "").expect("written");
    let server = Server::at(folder.path(), &[]);
    assert_eq!(server.record(super::text(&record, "execution_id")), record);
}

/// Starts it and kills it at some point before or after it listens.
fn kill_while_it_starts(folder: &Path, dice: &mut Dice) {
    let mut command = command(folder);
    let mut child =
        command.args(["--http-port", "0"]).args(FLAGS).stderr(Stdio::null()).spawn().expect("started");
    thread::sleep(dice.moment(Duration::from_millis(80)));
    child.kill().expect("it is ours");
    child.wait().expect("it was killed");
}
