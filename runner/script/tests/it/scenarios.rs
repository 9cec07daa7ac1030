//! Sequences of cells that share a global object, in `scenarios.txt`.
//!
//! Each cell is followed by the code it becomes and the value V8 gives for that code after the cells
//! before it, or by the error. The values were computed with Node; the worker's tests run them.
//! `STASIS_UPDATE_GOLDEN=1` writes the code anew, and leaves the values.

use std::collections::BTreeSet;

use stasis_script::{Prepared, Source, prepare};

/// A cell with what is expected of it.
pub(crate) struct Step<'a> {
    pub(crate) cell: &'a str,
    pub(crate) code: Option<&'a str>,
    error: Option<&'a str>,
}

/// All scenarios.
pub(crate) fn all() -> Vec<Vec<Step<'static>>> {
    let scenarios = include_str!("scenarios.txt").split("#### scenario\n").skip(1);
    scenarios.map(|scenario| scenario.split(">>>> cell\n").skip(1).map(step).collect()).collect()
}

fn step(text: &str) -> Step<'_> {
    match text.split_once("\n==== code\n") {
        Some((cell, rest)) => {
            let (code, _value) = rest.split_once("\n==== value\n").expect("a value follows the code");
            Step { cell, code: Some(code), error: None }
        }
        None => {
            let (cell, error) = text.split_once("\n==== error\n").expect("code or error follows");
            Step { cell, code: None, error: Some(error.trim_end()) }
        }
    }
}

/// Remembers constants between cells as callers do.
#[derive(Default)]
pub(crate) struct Session(BTreeSet<String>);

impl Session {
    pub(crate) fn prepare(&mut self, cell: &str) -> Result<Prepared, String> {
        let prepared = prepare(&Source::cell("cell", cell), &|name| self.0.contains(name))
            .map_err(|error| format!("{} at {}:{}", error.message, error.line, error.column))?;
        prepared.declared.iter().for_each(|name| {
            self.0.remove(name);
        });
        self.0.extend(prepared.constants.iter().cloned());
        Ok(prepared)
    }
}

#[test]
fn scenarios() {
    let scenarios = all();
    assert!(scenarios.len() > 90);
    if std::env::var_os("STASIS_UPDATE_GOLDEN").is_some() {
        return update(&scenarios);
    }
    for scenario in scenarios {
        let mut session = Session::default();
        for Step { cell, code, error } in scenario {
            match session.prepare(cell) {
                Ok(prepared) => assert_eq!(Some(prepared.code.as_str()), code, "cell:\n{cell}"),
                Err(found) => assert_eq!(Some(found.as_str()), error, "cell:\n{cell}"),
            }
        }
    }
}

fn update(scenarios: &[Vec<Step<'_>>]) {
    let mut text = include_str!("scenarios.txt").to_owned();
    for scenario in scenarios {
        let mut session = Session::default();
        for Step { cell, code, .. } in scenario {
            let (prepared, Some(code)) = (session.prepare(cell), code) else { continue };
            let with = |code: &str| format!(">>>> cell\n{cell}\n==== code\n{code}\n==== value\n");
            text = text.replacen(&with(code), &with(&prepared.expect("code follows").code), 1);
        }
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/scenarios.txt");
    std::fs::write(file, text).expect("written");
}
