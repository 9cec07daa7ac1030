//! Lines and columns as V8 counts them: lines end at `\n`, `\r`, `\r\n`, U+2028 and U+2029, columns
//! are UTF-16 code units, both from 1.

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Position {
    pub(crate) const START: Position = Position { line: 1, column: 1 };

    /// Moves over `text[from..to]`; what follows `to` decides whether a last `\r` ends a line.
    pub(crate) fn advance(&mut self, text: &str, from: usize, to: usize) {
        let part = text.get(from..to).unwrap_or_default();
        for (index, char) in part.char_indices() {
            let next = || text.as_bytes().get(from + index + 1).copied();
            match char {
                '\r' if next() == Some(b'\n') => self.column += 1,
                '\n' | '\r' | '\u{2028}' | '\u{2029}' => {
                    self.line += 1;
                    self.column = 1;
                }
                _ => self.column += char.len_utf16() as u32,
            }
        }
    }
}

/// The position of a byte offset.
pub(crate) fn position(text: &str, offset: usize) -> Position {
    let mut position = Position::START;
    position.advance(text, 0, text.floor_char_boundary(offset));
    position
}

/// The text of a line without its end; empty if there is no such line.
pub(crate) fn line(text: &str, number: u32) -> &str {
    let mut rest = text;
    for _ in 1..number {
        let Some(end) = rest.find(is_line_end) else { return "" };
        let after = &rest[end..];
        let width =
            if after.starts_with("\r\n") { 2 } else { after.chars().next().map_or(0, char::len_utf8) };
        rest = &after[width..];
    }
    rest.split(is_line_end).next().unwrap_or_default()
}

/// Whether JavaScript ends a line at this character.
pub(crate) fn is_line_end(char: char) -> bool {
    matches!(char, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions() {
        let check = |text: &str, offset: usize, expect: (u32, u32)| {
            let at = position(text, offset);
            assert_eq!((at.line, at.column), expect, "{text:?} at {offset}");
        };
        check("", 0, (1, 1));
        check("ab", 2, (1, 3));
        check("a\nb", 2, (2, 1));
        check("a\r\nb", 3, (2, 1));
        check("a\rb", 2, (2, 1));
        check("a\r", 2, (2, 1));
        check("a\u{2028}b\u{2029}c", 8, (3, 1));
        check("é𝒳z", 6, (1, 4));
        check("ab", 99, (1, 3));
    }

    #[test]
    fn lines() {
        let check =
            |text: &str, number: u32, expect: &str| assert_eq!(line(text, number), expect, "{text:?}");
        check("a\r\nb\rc\nd\u{2028}e", 1, "a");
        check("a\r\nb\rc\nd\u{2028}e", 2, "b");
        check("a\r\nb\rc\nd\u{2028}e", 3, "c");
        check("a\r\nb\rc\nd\u{2028}e", 5, "e");
        check("a", 2, "");
    }
}
