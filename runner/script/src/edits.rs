//! Edits of a text by byte range, and the writer that applies them and records positions.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::ops::Range;

use crate::PositionMap;
use crate::lines::{Position, is_line_end};
use crate::position::Segment;

/// A list of edits of one text. Ranges of different edits do not overlap, except that a moved range
/// may contain others.
#[derive(Debug)]
pub(crate) struct Edits<'a> {
    text: &'a str,
    list: Vec<Edit>,
}

/// Which of two edits at the same place is the outer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Layer {
    Statement,
    Expression,
}

#[derive(Debug)]
struct Edit {
    range: Range<usize>,
    rank: Rank,
    change: Change,
}

/// The order of edits at one place: what ends comes before what begins, inner ends first, outer
/// beginnings first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Close(Reverse<usize>, Reverse<Layer>),
    Open(Reverse<usize>, Layer),
}

#[derive(Debug)]
enum Change {
    /// Put this text in place of the range.
    Text(Cow<'static, str>),
    /// Put a text of the same width in place of the range.
    Same(&'static str),
    /// Put spaces in place of the range, after this character.
    Blank(char),
    /// Blank the range; the text is written again after the end.
    Move,
}

impl<'a> Edits<'a> {
    pub(crate) fn new(text: &'a str) -> Edits<'a> {
        Edits { text, list: Vec::new() }
    }

    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// Replaces `range` by a text that belongs to what ends at `until`.
    pub(crate) fn open(
        &mut self,
        layer: Layer,
        range: Range<usize>,
        until: usize,
        text: impl Into<Cow<'static, str>>,
    ) {
        self.push(range, Rank::Open(Reverse(until), layer), Change::Text(text.into()));
    }

    /// Inserts a text that ends what began at `since`.
    pub(crate) fn close(
        &mut self,
        layer: Layer,
        since: usize,
        at: usize,
        text: impl Into<Cow<'static, str>>,
    ) {
        self.push(at..at, Rank::Close(Reverse(since), Reverse(layer)), Change::Text(text.into()));
    }

    /// Replaces `range`, which holds ASCII without line ends, by a text of the same length.
    pub(crate) fn same(&mut self, range: Range<usize>, text: &'static str) {
        let rank = Rank::Open(Reverse(range.end), Layer::Statement);
        self.push(range, rank, Change::Same(text));
    }

    /// Replaces `range` by spaces, keeping its line ends. `first` takes the place of its first
    /// character, which is ASCII.
    pub(crate) fn blank(&mut self, range: Range<usize>, first: char) {
        let rank = Rank::Open(Reverse(range.end), Layer::Statement);
        self.push(range, rank, Change::Blank(first));
    }

    /// Moves a statement behind the end of the text and leaves an empty statement.
    pub(crate) fn move_to_end(&mut self, range: Range<usize>) {
        let rank = Rank::Open(Reverse(range.end), Layer::Statement);
        self.push(range, rank, Change::Move);
    }

    fn push(&mut self, range: Range<usize>, rank: Rank, change: Change) {
        self.list.push(Edit { range, rank, change });
    }

    /// Applies the edits: `begin` pieces first, then the text, then `end`, which ends and calls what
    /// `begin` began, then what was moved.
    pub(crate) fn write(mut self, begin: &[Piece], end: &str) -> (String, PositionMap) {
        let text = self.text;
        if self.list.is_empty() && begin.is_empty() && end.is_empty() {
            return (text.to_owned(), PositionMap::default());
        }
        self.list.sort_by(|a, b| (a.range.start, &a.rank).cmp(&(b.range.start, &b.rank)));
        let mut writer = Writer::new(text);
        for piece in begin {
            writer.insert(&piece.text, piece.origin);
        }
        writer.apply(0..text.len(), self.list.iter());
        let wrapper_end = writer.here;
        writer.insert(end, text.len());
        let after_wrapper = writer.here;
        for moved in self.list.iter().filter(|edit| matches!(edit.change, Change::Move)) {
            let Range { start, end } = moved.range;
            writer.insert("\n", start);
            let inner = self.list.iter().filter(|edit| start < edit.range.start && edit.range.start < end);
            writer.apply(start..end, inner);
        }
        let (code, positions) = writer.finish();
        (code, positions.with_wrapper_end(wrapper_end, after_wrapper))
    }
}

/// Generated text with the byte offset it stands for.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) text: String,
    pub(crate) origin: usize,
}

/// Builds the output and its position map from pieces of the original.
struct Writer<'a> {
    text: &'a str,
    code: String,
    here: Position,
    segments: Vec<Segment>,
    /// Where the original continues if the last piece was a copy.
    copied_to: Option<usize>,
    /// The last original position that was computed.
    known: (usize, Position),
}

impl<'a> Writer<'a> {
    fn new(text: &'a str) -> Writer<'a> {
        Writer {
            text,
            code: String::with_capacity(text.len() + text.len() / 4 + 64),
            here: Position::START,
            segments: Vec::new(),
            copied_to: None,
            known: (0, Position::START),
        }
    }

    fn apply<'e>(&mut self, range: Range<usize>, edits: impl Iterator<Item = &'e Edit>) {
        let mut cursor = range.start;
        for edit in edits {
            let Range { start, end } = edit.range;
            if start < cursor || range.end < end {
                continue;
            }
            self.copy(cursor..start);
            match &edit.change {
                Change::Text(text) => self.insert(text, start),
                Change::Same(text) => self.replace(start..end, text),
                Change::Blank(first) => self.replace(start..end, &blanks(&self.text[start..end], *first)),
                Change::Move => self.replace(start..end, &blanks(&self.text[start..end], ';')),
            }
            cursor = end;
        }
        self.copy(cursor..range.end);
    }

    fn copy(&mut self, range: Range<usize>) {
        let text = &self.text[range.clone()];
        self.replace(range, text);
    }

    /// Writes a text of the same shape as `range`.
    fn replace(&mut self, range: Range<usize>, text: &str) {
        if range.is_empty() {
            return;
        }
        if self.copied_to != Some(range.start) {
            self.mark(range.start, true);
        }
        self.copied_to = Some(range.end);
        self.here.advance(self.text, range.start, range.end);
        self.code.push_str(text);
    }

    fn insert(&mut self, text: &str, origin: usize) {
        if text.is_empty() {
            return;
        }
        self.mark(origin, false);
        self.copied_to = None;
        self.here.advance(text, 0, text.len());
        self.code.push_str(text);
    }

    fn mark(&mut self, origin: usize, copied: bool) {
        let (mut offset, mut position) = self.known;
        if origin < offset {
            (offset, position) = (0, Position::START);
        }
        position.advance(self.text, offset, origin);
        self.known = (origin, position);
        self.segments.push(Segment { generated: self.here, original: position, copied });
    }

    fn finish(self) -> (String, PositionMap) {
        (self.code, PositionMap::edited(self.segments))
    }
}

/// Spaces in the shape of `text`, after `first`.
fn blanks(text: &str, first: char) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match is_line_end(char) {
            true => out.push(char),
            false => out.extend(std::iter::repeat_n(' ', char.len_utf16())),
        }
    }
    if out.starts_with(' ') {
        out.replace_range(..1, first.encode_utf8(&mut [0; 4]));
    }
    out
}

#[cfg(test)]
mod tests;
