//! What is accepted at start is what the engine accepts.

use std::{fs, path::Path};

use crate::support::{self, Cli};

/// The table that the crate which accepts or refuses is tested with as well.
fn table() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runner/wasm/tests/features.txt");
    fs::read_to_string(path).expect("the table is there")
}

#[test]
fn the_engine_has_the_features_that_are_accepted() {
    let table = table();
    let rows: Vec<(bool, &str)> = table
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(word, text)| Some((word == "on", text)).filter(|_| matches!(word, "on" | "off")))
        .collect();
    let bytes = rows.iter().map(|(_, text)| wat::parse_str(text).expect("a module"));
    let bytes: Vec<Vec<u8>> = bytes.collect();
    let code = format!(
        "{}.map((it) => WebAssembly.validate(Uint8Array.from(it)))",
        serde_json::to_string(&bytes).expect("numbers")
    );
    let folder = support::folder();
    let answer = Cli::script(format!("JSON.stringify({code})"), folder.path()).arg("--stateless").answer();
    let valid: Vec<bool> = serde_json::from_str(&answer.result.unwrap_or_default()).expect("a list");
    assert_eq!(valid.len(), rows.len());
    let wrong = rows.iter().zip(valid).filter(|((is_on, _), valid)| is_on != valid);
    let wrong: Vec<String> = wrong.map(|((is_on, text), _)| format!("expected {is_on}: {text}")).collect();
    support::assert_none(&wrong);
}
