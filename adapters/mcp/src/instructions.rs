//! What every client is told about the server, for its model.

use stasis_core::{RunRules, host::Surroundings};

/// Ten lines that teach an agent to use a server with these rules well.
pub(crate) fn instructions(rules: &RunRules) -> String {
    let (heap, seconds) = (rules.limits.heap.get() >> 20, rules.limits.wall_clock.as_secs());
    let mut lines = vec![
        "Stasis runs JavaScript and TypeScript for you. Use run_js to compute, transform and check instead of guessing.",
        "A run is like a notebook cell: its result is the value of the last expression; top-level await works; console.log goes to output.",
    ];
    if rules.stateful {
        lines.extend([
            "State survives: name a session in run_js, and variables, functions and imported data are there in its next run, also days later.",
            "Load or parse data once, keep it in variables, and refer to it later; do not send it again.",
            "Every completed run leaves an immutable heap id. To try alternatives, pass the same heap to several runs: branches do not disturb each other.",
            "To go back, pass an earlier output_heap of list_session_snapshots as heap, together with the session.",
            "A run that failed, timed out or was cancelled changes nothing: the session is where it was before.",
            "Tag heaps that are worth finding again (tags in run_js, query_heaps_by_tags).",
        ]);
    } else {
        lines.push("Nothing survives a run: send everything that it needs in code.");
    }
    lines.push(
        "A run that outlasts wait_secs goes on: ask get_execution with wait_secs, or cancel_execution. Page long output with get_execution_output.",
    );
    let limits = format!("Limits of a run: {heap} MB of heap, {seconds} s, {} of code.", rules.max_code);
    lines.push(&limits);
    let reach = reach(&rules.surroundings);
    lines.push(&reach);
    lines.join("\n")
}

/// What scripts can reach, for a model that decides what to write.
pub(crate) fn reach(surroundings: &Surroundings) -> String {
    let Surroundings { capabilities, wasm_modules } = surroundings;
    let offers = [
        (capabilities.fetch, "fetch"),
        (capabilities.files, "files through fs, as in await fs.readFile(path)"),
        (capabilities.modules, "imports such as import { z } from \"npm:zod@4\""),
    ];
    let offered: Vec<&str> = offers.into_iter().filter_map(|(there, what)| there.then_some(what)).collect();
    let mut text = if offered.is_empty() {
        "Scripts have no network, no files and no imports.".to_owned()
    } else {
        format!(
            "Scripts can use {}, as far as the operator's policy allows; nothing else reaches outside.",
            offered.join(", ")
        )
    };
    if !wasm_modules.is_empty() {
        text.push_str(&format!(" WebAssembly modules that are there: {}.", wasm_modules.join(", ")));
    }
    text
}
