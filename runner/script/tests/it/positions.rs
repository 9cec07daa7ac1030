//! Positions of generated code lead back to the same words.

use std::collections::BTreeMap;

use stasis_script::Prepared;

use crate::prepared;
use crate::scenarios::{Session, all};

/// Lines as V8 counts them.
fn lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['\n', '\r', '\u{2028}', '\u{2029}']) {
        let end = &rest[at..];
        let width = if end.starts_with("\r\n") { 2 } else { end.chars().next().map_or(1, char::len_utf8) };
        lines.push(&rest[..at]);
        rest = &end[width..];
    }
    lines.push(rest);
    lines
}

/// The words that occur once, with their positions.
fn words(text: &str) -> BTreeMap<&str, (u32, u32)> {
    let mut found: BTreeMap<&str, Option<(u32, u32)>> = BTreeMap::new();
    for (row, line) in (1..).zip(lines(text)) {
        let mut rest = line;
        while let Some(start) = rest.find(|char: char| char.is_alphanumeric()) {
            let word = rest[start..].split(|char: char| !char.is_alphanumeric()).next().unwrap_or_default();
            let offset = line.len() - rest.len() + start;
            let column = line[..offset].encode_utf16().count() as u32 + 1;
            found.entry(word).and_modify(|place| *place = None).or_insert(Some((row, column)));
            rest = &rest[start + word.len()..];
        }
    }
    found.into_iter().filter_map(|(word, place)| Some((word, place?))).collect()
}

/// Words that also occur in inserted code.
const INSERTED: &[&str] = &[
    "async", "await", "class", "const", "default", "if", "import", "in", "let", "new", "result", "return",
    "static", "throw", "var", "void", "with", "x", "0", "1",
];

/// Checks all words that occur once on both sides; returns how many there were.
pub(crate) fn check(text: &str, prepared: &Prepared) -> usize {
    // The names and specifiers of imports are written anew.
    if text.contains(" from ") || text.contains("import '") || text.contains("import \"") {
        return 0;
    }
    // Printed code has its own shape; there the line must be right, except for inner keywords.
    let is_printed = ["enum ", "namespace ", "constructor(", "<T>", "= require", "export ="]
        .iter()
        .any(|sign| text.contains(sign));
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let original = words(text);
    let both = words(&prepared.code)
        .into_iter()
        .filter(|(word, _)| !INSERTED.contains(word))
        .filter(|(word, _)| !(is_printed && ["else", "while", "finally"].contains(word)))
        .filter_map(|(word, generated)| Some((word, generated, *original.get(word)?)));
    both.map(|(word, (line, column), expect)| {
        let found = prepared.positions.original(line, column);
        let expect = if is_printed { (expect.0, found.1) } else { expect };
        assert_eq!(found, expect, "{word:?} in\n{text}\nbecame\n{}", prepared.code);
    })
    .count()
}

#[test]
fn of_scenarios() {
    let mut words = 0;
    for scenario in all() {
        let mut session = Session::default();
        for step in scenario {
            if let Ok(prepared) = session.prepare(step.cell) {
                words += check(step.cell, &prepared);
            }
        }
    }
    assert!(words > 300, "only {words} words were compared");
}

#[test]
fn of_moved_and_inserted_text() {
    let text = "f;\r\n function f() {\r\n  throw new Error(10)\r\n}\n\nawait f(); let 𝒳 = thrown(2), y = (z)";
    let prepared = prepared(text);
    assert!(check(text, &prepared) > 4, "{}", prepared.code);
    assert!(prepared.code.ends_with("function f() {\r\n  throw new Error(10)\r\n}"));
    assert_eq!(prepared.positions.original(u32::MAX, 1).0, u32::MAX - 7);
}

#[test]
fn of_imports() {
    let text = "0\n  import { a } from 'x'";
    let prepared = prepared(text);
    // The module is loaded on the first line, by code that is not there in the original.
    let column = prepared.code.find("import(").expect("loads") as u32 + 1;
    assert_eq!(prepared.positions.original(1, column), (2, 3));
}

#[test]
fn of_unchanged_text() {
    let prepared = prepared("f(1)\n  throw x");
    assert_eq!(prepared.positions.original(2, 9), (2, 9));
    assert_eq!(prepared.code, "f(1)\n  throw x");
}
