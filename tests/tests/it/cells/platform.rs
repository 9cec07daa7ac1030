//! What scripts find around them: clocks, events, and nothing of the runtime's own.

use super::{Notebook, check_alone as check};

#[test]
fn nothing_of_the_runtime_is_in_reach() {
    check(&[
        ("typeof getParent", "undefined"),
        ("'getParent' in new EventTarget()", "false"),
        (
            "let found = []; for (const name in EventTarget.prototype) found.push(name); found.join()",
            "addEventListener,removeEventListener,dispatchEvent",
        ),
        (
            "['Deno', '__bootstrap', '__infra', '__timers', 'bootstrap'].filter((name) => name in globalThis).length",
            "0",
        ),
    ]);
}

/// Between stored heaps the script's clock stands still, but the origin moves.
#[test]
fn the_time_origin_is_that_of_the_run() {
    let mut notebook = Notebook::new();
    let sum = "Math.abs(performance.timeOrigin + performance.now() - Date.now()) < 100";
    notebook.check(sum, "true");
    notebook.check(&format!("let before = performance.now(); {sum}"), "true");
    notebook.check(&format!("[{sum}, performance.now() >= before]"), "[true,true]");
    check(&[
        ("performance.timeOrigin === performance.timeOrigin", "true"),
        ("performance.toJSON().timeOrigin === performance.timeOrigin", "true"),
        ("try { Performance.prototype.timeOrigin } catch (error) { error.name }", "TypeError"),
    ]);
}

#[test]
fn a_deadline_of_waiting_for_shared_memory_passes() {
    let cells = "const cells = new Int32Array(new SharedArrayBuffer(8));";
    let check_one = |code: &str, expect: &str| check(&[(&format!("{cells} {code}"), expect)]);
    check_one("await Atomics.waitAsync(cells, 0, 0, 20).value", "timed-out");
    check_one("Atomics.waitAsync(cells, 0, 1, 20).value", "not-equal");
    check_one("Atomics.waitAsync(cells, 0, 0, 0).value", "timed-out");
    check_one(
        "const waiting = Atomics.waitAsync(cells, 0, 0, 60000); Atomics.notify(cells, 0); await waiting.value",
        "ok",
    );
    check_one("[Atomics.waitAsync.name, Atomics.waitAsync.length]", "[\"waitAsync\",4]");
}

#[test]
fn event_handlers_of_the_global_object_are_called() {
    let later = "await new Promise((resolve) => setTimeout(resolve, 5)); seen.join()";
    let check_one =
        |code: &str, expect: &str| check(&[(&format!("const seen = []; {code}; {later}"), expect)]);
    check_one(
        "onunhandledrejection = (event) => { event.preventDefault(); seen.push(event.reason) }; Promise.reject(5)",
        "5",
    );
    check_one(
        "onerror = (message, file, line, column, error) => { seen.push(message, error.code); return true }; \
         setTimeout(() => { throw Object.assign(new Error('x'), { code: 6 }) })",
        "Uncaught Error: x,6",
    );
    check_one("onerror = () => seen.push('replaced'); onerror = () => true; reportError(1)", "");
    check_one("seen.push(onerror, onunhandledrejection); onerror = 5; seen.push(onerror)", ",,");
    let mut notebook = Notebook::new();
    notebook.check("onerror = () => { seen++; return true }; let seen = 0; reportError(1); seen", "1");
    notebook.check("reportError(2); seen", "2");
    notebook.check("onerror = null; reportError(3)", "!Uncaught 3");
}
