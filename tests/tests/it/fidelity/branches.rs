//! Many runs on one folder at the same time.

use std::thread;

use super::place::Place;

const AT_ONCE: usize = 6;

/// What each of several runs at the same time gives.
fn at_once(run: impl Fn(usize) -> String + Sync) -> Vec<String> {
    thread::scope(|scope| {
        let run = &run;
        let started: Vec<_> = (0..AT_ONCE).map(|number| scope.spawn(move || run(number))).collect();
        started.into_iter().map(|thread| thread.join().expect("it returns")).collect()
    })
}

#[test]
fn the_first_runs_on_an_empty_folder() {
    let place = Place::new("empty");
    let got = at_once(|number| place.step(&format!("{number} * 2"), None).0);
    let expect: Vec<String> = (0..AT_ONCE).map(|number| (number * 2).to_string()).collect();
    assert_eq!(got, expect);
}

#[test]
fn branches_do_not_see_each_other() {
    let place = Place::new("branches");
    let (_, root) =
        place.step("let x = 0; const list = new Array(100000).fill(1); const m = new Map(); 0", None);
    let got = at_once(|number| {
        let mut heap = root.clone();
        let code = format!("x += {number}; m.set({number}, x); list[{number}] += x; 0");
        for _ in 0..3 {
            heap = place.step(&code, Some(&heap)).1;
        }
        place.step("`${x} ${[...m]} ${list.slice(0, 6)}`", Some(&heap)).0
    });
    for (number, got) in got.iter().enumerate() {
        let total = number * 3;
        let mut list = [1; 6];
        list[number] += number * 6;
        let list = list.map(|it| it.to_string()).join(",");
        assert_eq!(*got, format!("{total} {number},{total} {list}"));
    }
    let untouched = place.step("`${x} ${m.size} ${list.length}`", Some(&root)).0;
    assert_eq!(untouched, "0 0 100000");
}
