//! What stays from cell to cell.

use super::Notebook;
use crate::support::{self, Cli};

/// Cells in a row, each with its result; see [`Notebook::check`].
#[track_caller]
fn check(cells: &[(&str, &str)]) {
    let mut notebook = Notebook::new();
    for (code, expect) in cells {
        notebook.check(code, expect);
    }
}

#[test]
fn declarations_stay_visible() {
    check(&[
        ("var a = 1; let b = 2; const c = 3; class D { v = 4 } function e() { return 5 }", "undefined"),
        ("[a, b, c, new D().v, e()]", "[1,2,3,4,5]"),
        ("a++; b++; b", "3"),
        ("[a, b]", "[2,3]"),
        ("f = 6; globalThis.g = 7", "7"),
        ("[f, g]", "[6,7]"),
        ("const { h, i: [j] } = { h: 8, i: [9] }; const k = await 10;", "undefined"),
        ("[h, j, k]", "[8,9,10]"),
        ("c = 30", "!TypeError: Assignment to constant variable."),
        ("typeof notDeclared", "undefined"),
        ("for (let inner = 0; inner < 1; inner++); typeof inner", "undefined"),
    ]);
}

#[test]
fn declarations_can_be_made_again() {
    check(&[
        ("const a = 1; let b = 1; class C { v = 1 } function f() { return 1 } var w = 1", "undefined"),
        ("const a = 2; let b = 2; class C { v = 2 } function f() { return 2 } var w = 2", "undefined"),
        ("[a, b, new C().v, f(), w]", "[2,2,2,2,2]"),
        ("let a = 3; a = 4; a", "4"),
        ("function b() { return 5 } b()", "5"),
        ("const w = await 6; w", "6"),
        ("w = 7", "!TypeError: Assignment to constant variable."),
        ("var w = 8; w = 9; w", "9"),
        ("let twice; let twice;", "!SyntaxError"),
    ]);
}

#[test]
fn state_of_all_kinds_stays() {
    check(&[
        ("const m = new Map([['k', new Set([1n])]]), when = new Date(5), re = /a/g; re.lastIndex = 3", "3"),
        ("[m.get('k').has(1n), when.getTime(), re.lastIndex]", "[true,5,3]"),
        ("const counter = (() => { let n = 0; return () => ++n })(); counter(); counter()", "2"),
        ("counter()", "3"),
        ("function* g() { yield 1; yield 2 } const it = g(); it.next().value", "1"),
        ("it.next().value", "2"),
        ("const bytes = new Uint8Array(1e5).fill(7); const s = Symbol.for('shared')", "undefined"),
        ("[bytes.every((b) => b === 7), Symbol.for('shared') === s]", "[true,true]"),
        ("class P { #x = 1; get x() { return this.#x++ } } const p = new P(); p.x", "1"),
        ("p.x", "2"),
        ("let resolve; const waiting = new Promise((r) => (resolve = r)); 'set'", "set"),
        ("resolve('settled'); await waiting", "settled"),
        ("Array.prototype.mine = () => 'mine'; [].mine()", "mine"),
        ("[1].mine()", "mine"),
    ]);
}

#[test]
fn timers_go_on_in_the_next_cell() {
    check(&[
        (
            "var fired = []; setTimeout(() => fired.push('late'), 50); setTimeout(() => fired.push('soon'), 5); 1",
            "1",
        ),
        ("await new Promise((r) => setTimeout(r, 150)); fired", r#"["soon","late"]"#),
        ("var ticks = 0; var id = setInterval(() => ticks++, 5); 0", "0"),
        ("await new Promise((r) => setTimeout(r, 60)); clearInterval(id); ticks > 1", "true"),
        ("var before = ticks; await new Promise((r) => setTimeout(r, 30)); ticks === before", "true"),
        ("var cleared = setTimeout(() => { throw new Error('fired') }, 20); 1", "1"),
        ("clearTimeout(cleared); await new Promise((r) => setTimeout(r, 50)); 'quiet'", "quiet"),
    ]);
}

#[test]
fn a_failed_cell_changes_nothing() {
    check(&[
        ("let n = 1; n", "1"),
        ("n = 2; throw new Error('x')", "!Error: x"),
        ("n", "1"),
        ("n = 3; let broken = ;", "!SyntaxError"),
        ("n", "1"),
        ("n = 4; await Promise.reject(new Error('y'))", "!Error: y"),
        ("n", "1"),
    ]);
}

#[test]
fn heaps_are_branches() {
    let mut notebook = Notebook::new();
    notebook.check("let n = 1; n", "1");
    let start = notebook.heap.clone();
    notebook.check("n += 1", "2");
    let left = notebook.heap.clone();
    notebook.heap.clone_from(&start);
    notebook.check("n += 10", "11");
    notebook.heap = left;
    notebook.check("n", "2");
    notebook.heap = start;
    notebook.check("n", "1");
    let code = "[Math.random(), crypto.randomUUID()]";
    let [one, two] = [(), ()].map(|()| {
        let heap = notebook.heap.as_deref().expect("a heap");
        Cli::script(code, notebook.path()).heap(heap).answer().result
    });
    assert_ne!(one, two, "runs from one heap draw their own random numbers");
}

#[test]
fn stateless_runs_keep_nothing() {
    let notebook = Notebook::new();
    let answer = Cli::script("var a = 1; a", notebook.path()).arg("--stateless").answer();
    assert_eq!((answer.result.as_deref(), answer.heap, answer.heap_error), (Some("1"), None, None));
    let answer = Cli::script("typeof a", notebook.path()).answer();
    assert_eq!(answer.result.as_deref(), Some("undefined"));
}

/// The collection of garbage before a freeze needs room of its own.
#[test]
fn a_heap_that_is_nearly_full_keeps_its_result() {
    let store = support::folder();
    let fill = "const kept = []; while (kept.length < 970) kept.push(new Array(1000).fill(0.5)); kept.length";
    let answer = Cli::script(fill, store.path()).args(&["--heap-memory-max", "8"]).answer();
    assert_eq!((answer.status.as_str(), answer.result.as_deref()), ("completed", Some("970")), "{answer:?}");
    assert_eq!((answer.code, &answer.heap), (Some(7), &None), "{answer:?}");
    let reason = answer.heap_error.unwrap_or_default();
    assert!(reason.contains("exceeded the heap limit") && reason.contains("heap_memory_max_mb"), "{reason}");
    let (_, heap) = Cli::script(fill, store.path()).args(&["--heap-memory-max", "16"]).saved();
    let (result, _) = Cli::script("kept.length", store.path()).heap(&heap).saved();
    assert_eq!(result, "970", "with the advice taken");
}
