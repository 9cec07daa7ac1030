//! Scenario files: cells with what they must give.
//!
//! ```text
//! //file helper.js           other files of the scenario; the last one, main.ts, holds the cells
//! export const x = 1;
//! //file main.ts
//! const a = 1;               the first cell
//! a + 1
//! //= 2                      all that it prints, and its result
//! //frozen 300               so many milliseconds pass before the next cell
//! //---
//! throw new Error("x")       starts from the heap of the last cell that returned
//! //=! Error: x              it must throw, and tell this at first
//! ```

use std::time::Duration;

/// A scenario.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scenario {
    /// Name and text of what the cells may import.
    pub(super) files: Vec<(String, String)>,
    /// Whether the cells are to be run as a file.
    pub(super) is_file: bool,
    pub(super) cells: Vec<Cell>,
}

/// A cell.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) code: String,
    pub(super) expect: Expect,
    /// How long its heap stays frozen.
    pub(super) frozen: Duration,
}

/// How a cell must end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Expect {
    Prints(String),
    Throws(String),
}

const MAIN: &str = "main.ts";

/// Reads a scenario file.
pub(super) fn parse(text: &str) -> Scenario {
    let mut scenario = Scenario::default();
    let mut main = String::new();
    let mut current: Option<(String, String)> = None;
    for line in text.split_inclusive('\n') {
        if let Some(name) = line.strip_prefix("//file ") {
            scenario.files.extend(current.take());
            scenario.is_file = true;
            current = (name.trim() != MAIN).then(|| (name.trim().to_owned(), String::new()));
        } else {
            current.as_mut().map_or(&mut main, |(_, text)| text).push_str(line);
        }
    }
    scenario.files.extend(current);
    scenario.cells = main.split("//---\n").map(parse_cell).collect();
    scenario
}

fn parse_cell(code: &str) -> Cell {
    let after =
        |mark: &str| -> Vec<&str> { code.lines().filter_map(|line| line.strip_prefix(mark)).collect() };
    let (prints, throws, frozen) = (after("//= "), after("//=! "), after("//frozen "));
    let milliseconds = frozen.iter().map(|number| number.trim().parse::<u64>().expect("milliseconds")).sum();
    Cell {
        code: code.to_owned(),
        expect: if throws.is_empty() {
            Expect::Prints(prints.join("\n"))
        } else {
            Expect::Throws(throws.join("\n"))
        },
        frozen: Duration::from_millis(milliseconds),
    }
}

#[test]
fn cells_are_separated_by_lines() {
    let scenario = parse("// about\n1\n//= 1\n//---\nx\n//=! Error\n//=!     at 1:1\n//frozen 20\n");
    let prints = |text: &str| Expect::Prints(text.to_owned());
    assert_eq!(scenario.cells[0].code, "// about\n1\n//= 1\n");
    assert_eq!(scenario.cells[0].expect, prints("1"));
    assert_eq!(scenario.cells[1].expect, Expect::Throws("Error\n    at 1:1".to_owned()));
    assert_eq!(scenario.cells[1].frozen, Duration::from_millis(20));
    assert!(!scenario.is_file);
}

#[test]
fn files_come_before_the_cells() {
    let scenario = parse("// about\n//file a.js\na\n//file main.ts\n1\n//---\n2\n");
    assert_eq!(scenario.files, [("a.js".to_owned(), "a\n".to_owned())]);
    assert_eq!(scenario.cells.len(), 2);
    assert!(scenario.is_file);
}
