//! Reads the `mappings` of a version 3 source map.
//!
//! SWC counts only `\n` as the end of an original line; [`recount`] counts again as V8 does.

use crate::lines::Position;
use crate::position::Segment;

/// Decodes the mappings of a source map with one source; what cannot be read ends the list.
pub(crate) fn segments(map: &str) -> Vec<Segment> {
    const KEY: &str = "\"mappings\":\"";
    let Some(start) = map.find(KEY).map(|at| at + KEY.len()) else { return Vec::new() };
    let mappings = map[start..].split('"').next().unwrap_or_default();
    decode(mappings)
}

/// Turns original positions that count `\n` in `read` only into those that count all line ends of `text`. The two
/// have the same shape, except that `read` may have blanks in place of line ends and comments.
pub(crate) fn recount(read: &str, text: &str, segments: &mut [Segment]) {
    if read == text && !text.contains(['\r', '\u{2028}', '\u{2029}']) {
        return;
    }
    let lines = line_starts(read, text);
    let mut cursor = Cursor { line: 0, column: 0, offset: 0, at: Position::START };
    for segment in segments {
        let Position { line, column } = segment.original;
        if line != cursor.line || column < cursor.column {
            let Some(&(offset, at)) = lines.get(line as usize - 1) else { continue };
            cursor = Cursor { line, column: 1, offset, at };
        }
        cursor.forward(read, text, column);
        segment.original = cursor.at;
    }
}

/// The byte offset and the position of the beginning of each line of `read` that ends in `\n`.
fn line_starts(read: &str, text: &str) -> Vec<(usize, Position)> {
    let (mut offset, mut at) = (0, Position::START);
    let mut starts = vec![(offset, at)];
    for line in read.split_inclusive('\n') {
        at.advance(text, offset, offset + line.len());
        offset += line.len();
        starts.push((offset, at));
    }
    starts
}

/// A place in a text in both ways of counting.
struct Cursor {
    line: u32,
    column: u32,
    offset: usize,
    at: Position,
}

impl Cursor {
    fn forward(&mut self, read: &str, text: &str, column: u32) {
        for char in read[self.offset..].chars() {
            if self.column >= column || char == '\n' {
                return;
            }
            let next = self.offset + char.len_utf8();
            self.at.advance(text, self.offset, next);
            self.offset = next;
            self.column += char.len_utf16() as u32;
        }
    }
}

fn decode(mappings: &str) -> Vec<Segment> {
    let mut segments = Vec::new();
    let (mut line, mut column) = (0_i64, 0_i64);
    for (row, groups) in mappings.split(';').enumerate() {
        let mut generated = 0_i64;
        for group in groups.split(',').filter(|group| !group.is_empty()) {
            let fields: Vec<i64> = Numbers(group.bytes()).collect();
            let [by, rest @ ..] = fields.as_slice() else { return segments };
            generated += by;
            let [_source, down, right, ..] = rest else { continue };
            line += down;
            column += right;
            segments.push(Segment {
                generated: position(row as i64, generated),
                original: position(line, column),
                copied: false,
            });
        }
    }
    segments
}

fn position(line: i64, column: i64) -> Position {
    let from_one = |number: i64| u32::try_from(number.saturating_add(1).max(1)).unwrap_or(u32::MAX);
    Position { line: from_one(line), column: from_one(column) }
}

/// The base-64 variable length quantities of one group.
struct Numbers<'a>(std::str::Bytes<'a>);

impl Iterator for Numbers<'_> {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        let mut value = 0_i64;
        for shift in (0..60).step_by(5) {
            let digit = digit(self.0.next()?)?;
            value |= (digit & 31) << shift;
            if digit & 32 == 0 {
                let magnitude = value >> 1;
                return Some(if value & 1 == 1 { -magnitude } else { magnitude });
            }
        }
        None
    }
}

fn digit(byte: u8) -> Option<i64> {
    let digit = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(i64::from(digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recounted() {
        let check = |text: &str, (line, column): (u32, u32), expect: (u32, u32)| {
            let generated = Position::START;
            let mut segments = [Segment { generated, original: Position { line, column }, copied: false }];
            recount(text, text, &mut segments);
            let [Segment { original, .. }] = segments;
            assert_eq!((original.line, original.column), expect, "{text:?}");
        };
        check("ab\ncd", (2, 2), (2, 2));
        check("ab\r\ncd", (2, 2), (2, 2));
        check("ab\rcd\nef", (1, 4), (2, 1));
        check("ab\rcd\nef", (2, 1), (3, 1));
        check("𝒳\u{2028}b", (1, 4), (2, 1));
        check("a\rb", (9, 9), (9, 9));
        check("a\rb", (1, 99), (2, 2));
    }

    #[test]
    fn mappings() {
        let check = |mappings: &str, expect: &[[u32; 4]]| {
            let map = format!(r#"{{"names":["\"mappings\":\"x"],"mappings":"{mappings}"}}"#);
            let got: Vec<[u32; 4]> = segments(&map)
                .iter()
                .map(|s| [s.generated.line, s.generated.column, s.original.line, s.original.column])
                .collect();
            assert_eq!(got, expect, "{mappings}");
        };
        check("", &[]);
        check("AAAA", &[[1, 1, 1, 1]]);
        check("AAAA,IAAM;;EACJ", &[[1, 1, 1, 1], [1, 5, 1, 7], [3, 3, 2, 3]]);
        check("AAgBA,!", &[[1, 1, 17, 1]]);
        assert!(segments("{}").is_empty());
    }
}
