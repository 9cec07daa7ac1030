//! Limits count what a heap holds, however many runs it took to fill it.

use super::place::{Place, Ran, Script};

/// Runs `code` on what it left itself so often; gives the number of the first run that did not return.
fn runs_until_refused(place: &Place, code: &str, times: usize) -> Option<usize> {
    let mut heap = place.step("var kept = []; 0", None).1;
    (1..=times).find(|_| match place.run(Script::Text(code), Some(&heap)) {
        Ran { status: Some(0), heap: Some(left), .. } => {
            heap = left;
            false
        }
        _ => true,
    })
}

#[track_caller]
fn check(code: &str, times: usize, expect: Option<std::ops::RangeInclusive<usize>>) {
    let place = Place::new("limits");
    let refused = runs_until_refused(&place, code, times);
    match (&expect, refused) {
        (None, None) => {}
        (Some(range), Some(number)) if range.contains(&number) => {}
        _ => panic!("{code}\n  refused in run {refused:?}, expected {expect:?}"),
    }
}

#[test]
fn what_is_dropped_is_not_counted() {
    check("kept = new Uint8Array(150 << 20).fill(1); kept = []; 0", 6, None);
    check("new WebAssembly.Memory({ initial: 1600 }); 0", 6, None);
    check("kept = Array.from({ length: 60000 }, (_, i) => ({ i })); kept = 0", 10, None);
}

#[test]
fn objects_of_many_runs_are_counted_together() {
    check("kept.push(Array.from({ length: 60000 }, (_, i) => ({ i }))); 0", 6, Some(3..=5));
}

#[test]
fn buffers_of_many_runs_are_counted_together() {
    check("kept.push(new Uint8Array(100 << 20)); 0", 6, Some(3..=4));
}

#[test]
fn wasm_memories_of_many_runs_are_counted_together() {
    check("kept.push(new WebAssembly.Memory({ initial: 1600 })); 0", 5, Some(3..=4));
}
