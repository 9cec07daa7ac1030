//! The scenarios in `tests/fidelity`, each as a test of its own.

use std::{collections::BTreeSet, fs, thread};

use super::{
    cells::{self, Cell, Expect, Scenario},
    data,
    place::{Place, Ran, Script},
};

/// So often is the state of the first cell frozen and thawed at least.
const GENERATIONS: usize = 3;

macro_rules! scenarios {
    ($($name:ident)*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                check(stringify!($name));
            }
        )*
    };
}

scenarios! {
    abort_signals async_functions async_generators bigints blobs buffers closures collections compression
    console_state crypto_errors crypto_keys crypto_rsa dates disposal dynamic_code error_positions errors events
    frozen_intrinsics garbage generators global_events hostile_globals hot_functions intervals intl iterator_helpers lazy_functions message_ports
    microtasks modules navigator objects osr_loop pending_work performance pipes private_members promises proxies
    redeclared regexps shared_memory streams structured_clone symbols tagged_templates text_coding timer_chains timers transfers
    typescript unhandled urls weak_references webassembly
}

#[test]
fn every_scenario_file_is_a_test() {
    let entries = fs::read_dir(data("")).expect("tests/fidelity exists");
    let files: BTreeSet<String> = entries
        .filter_map(|entry| entry.expect("it can be listed").file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".cells").map(str::to_owned))
        .collect();
    assert_eq!(files, NAMES.iter().map(|&name| name.to_owned()).collect());
}

/// Runs each cell from the heap of the one before, with empty generations in between; then the last ones
/// once more from where they started, as another branch.
#[track_caller]
fn check(name: &str) {
    let text = fs::read_to_string(data(&format!("{name}.cells"))).expect("the scenario exists");
    let mut playing = Playing::new(name, cells::parse(&text));
    let complaints = playing.play();
    assert!(complaints.is_empty(), "{name}:\n{}", complaints.join("\n"));
}

struct Playing {
    place: Place,
    scenario: Scenario,
    heap: Option<String>,
}

impl Playing {
    fn new(name: &str, scenario: Scenario) -> Self {
        let place = Place::new(name).with(&["--heap-memory-max", "64"]);
        fs::create_dir_all(place.files()).expect("the place can be written");
        for (name, text) in &scenario.files {
            fs::write(place.files().join(name), text).expect("the place can be written");
        }
        Self { place, scenario, heap: None }
    }

    fn play(&mut self) -> Vec<String> {
        let cells = std::mem::take(&mut self.scenario.cells);
        let steps = cells.len() - 1;
        let empty = GENERATIONS.div_ceil(steps.max(1)).saturating_sub(1).max(1);
        let mut complaints = Vec::new();
        for (number, cell) in (1..).zip(&cells) {
            let before = self.heap.clone();
            let complaint = self.run(cell).or_else(|| {
                self.heap = if number == 1 { self.heap.clone() } else { before.clone() };
                // Another branch from the same heap must see the same.
                if number == 1 { None } else { self.run(cell).map(|text| format!("a second time, {text}")) }
            });
            complaints.extend(complaint.map(|text| format!("cell {number}: {text}")));
            thread::sleep(cell.frozen);
            for _ in 0..if number > steps { 0 } else { empty } {
                let nothing = Cell {
                    code: "0".to_owned(),
                    expect: Expect::Prints("0".to_owned()),
                    frozen: cell.frozen,
                };
                complaints
                    .extend(self.run(&nothing).map(|text| format!("empty cell after {number}: {text}")));
            }
        }
        complaints
    }

    /// Runs a cell; says what is wrong.
    fn run(&mut self, cell: &Cell) -> Option<String> {
        let file = self.place.files().join("main.ts");
        let script = if self.scenario.is_file {
            fs::write(&file, &cell.code).expect("the place can be written");
            Script::File(&file)
        } else {
            Script::Text(&cell.code)
        };
        let ran = self.place.run(script, self.heap.as_deref());
        if let Ran { heap: Some(heap), .. } = &ran {
            self.heap = Some(heap.clone());
        }
        complaint(&cell.expect, &ran)
    }
}

fn complaint(expect: &Expect, ran: &Ran) -> Option<String> {
    let (wanted, got, is_right) = match expect {
        Expect::Prints(text) => {
            (text, &ran.stdout, ran.status == Some(0) && ran.stdout == *text && ran.heap.is_some())
        }
        Expect::Throws(text) => (text, &ran.stderr, ran.status == Some(1) && ran.stderr.starts_with(text)),
    };
    (!is_right).then(|| {
        format!(
            "status {:?}\n  expected: {wanted}\n  got:      {got}\n  stderr:   {}",
            ran.status, ran.stderr
        )
    })
}
