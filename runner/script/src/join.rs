//! `await` and what it waits for, on one line.
//!
//! SWC wants them there at top level, JavaScript does not. So SWC reads a text in which the white space and the
//! comments between the two are blanks, as wide as they were in bytes and in UTF-16 code units.

use std::ops::Range;

use swc_common::Spanned;
use swc_ecma_ast::AwaitExpr;
use swc_ecma_visit::{Visit, VisitWith};

use crate::lines::is_line_end;
use crate::parse::{Cell, range};

/// The white space and comments that begin at `start`, if they end the line there.
pub(crate) fn gap_after(text: &str, start: usize) -> Option<Range<usize>> {
    let gap = start..start + trivia_length(&text[start..]);
    text[gap.clone()].contains(is_line_end).then_some(gap)
}

/// Blanks gaps.
pub(crate) fn join(text: &mut String, gaps: &[Range<usize>]) {
    for gap in gaps {
        let blanks: String = text[gap.clone()].chars().map(blank).collect();
        text.replace_range(gap.clone(), &blanks);
    }
}

/// The gaps of a cell that was read from a text like this.
pub(crate) fn gaps(text: &str, cell: &Cell) -> Vec<Range<usize>> {
    let mut finder = Finder { text, gaps: Vec::new() };
    match cell {
        Cell::Module(module) => module.visit_with(&mut finder),
        Cell::Script(script) => script.visit_with(&mut finder),
    }
    finder.gaps.sort_by_key(|gap| gap.start);
    finder.gaps
}

/// Puts gaps back into a text that differs from the joined one only in that more of it is blank, and has the same
/// width in UTF-16 code units.
pub(crate) fn part(text: &str, joined: &str, output: String, gaps: &[Range<usize>]) -> String {
    let mut parted = String::with_capacity(output.len());
    let (mut rest, mut done) = (output.as_str(), 0);
    for gap in gaps {
        let before = skip(rest, width(&joined[done..gap.start]));
        parted.push_str(&rest[..before]);
        parted.push_str(&text[gap.clone()]);
        let after = before + skip(&rest[before..], width(&joined[gap.clone()]));
        (rest, done) = (&rest[after..], gap.end);
    }
    parted + rest
}

/// White space of the same width.
pub(crate) fn blank(char: char) -> &'static str {
    match char.len_utf8() {
        1 => " ",
        2 => "\u{a0}",
        3 => "\u{3000}",
        _ => "\u{a0}\u{a0}",
    }
}

fn trivia_length(text: &str) -> usize {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|char: char| char.is_whitespace() || char == '\u{feff}');
        let comment = match rest.as_bytes() {
            [b'/', b'/', ..] => rest.find(is_line_end).unwrap_or(rest.len()),
            [b'/', b'*', ..] => rest[2..].find("*/").map_or(rest.len(), |end| end + 4),
            _ => return text.len() - rest.len(),
        };
        rest = &rest[comment..];
    }
}

fn width(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// The length in bytes of so many UTF-16 code units.
fn skip(text: &str, width: usize) -> usize {
    let mut left = width;
    let is_over = |char: char| {
        let is_over = left == 0;
        left = left.saturating_sub(char.len_utf16());
        is_over
    };
    text.find(is_over).unwrap_or(text.len())
}

struct Finder<'a> {
    text: &'a str,
    gaps: Vec<Range<usize>>,
}

impl Visit for Finder<'_> {
    fn visit_await_expr(&mut self, node: &AwaitExpr) {
        let after = range(node.span).start + "await".len();
        let gap = gap_after(self.text, after).filter(|gap| gap.end <= range(node.arg.span()).start);
        self.gaps.extend(gap);
        node.visit_children_with(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_after() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(gap_after(text, 1).map(|gap| &text[gap]), expect, "{text:?}");
        };
        check("a b", None);
        check("a", None);
        check("a /* c */ b", None);
        check("a\n b", Some("\n "));
        check("a // c\r\n\tb", Some(" // c\r\n\t"));
        check("a /* c\n */ // d\u{2028}b", Some(" /* c\n */ // d\u{2028}"));
        check("a/* \n", Some("/* \n"));
        check("a /\n b", None);
    }

    #[test]
    fn joined_and_parted() {
        let text = "x: T; await // é𝒳\u{2028}\n f() as 𝒳; await\n g()";
        let gaps: Vec<_> =
            text.match_indices("await").filter_map(|(at, _)| gap_after(text, at + 5)).collect();
        let mut joined = text.to_owned();
        join(&mut joined, &gaps);
        assert_eq!(joined.len(), text.len());
        assert_eq!(width(&joined), width(text));
        assert!(!joined.contains(is_line_end), "{joined:?}");
        let output = joined.replace(": T", "   ").replace("as 𝒳", "     ");
        let expect = text.replace(": T", "   ").replace("as 𝒳", "     ");
        assert_eq!(part(text, &joined, output, &gaps), expect);
    }
}
