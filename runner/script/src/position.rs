//! The way back from V8's positions to the caller's.

use std::sync::Arc;

use crate::lines::Position;

/// Maps positions in prepared code back to the caller's text.
///
/// A position in copied text maps to where it was copied from, a position in inserted text to the
/// place it was inserted at. The map of unchanged text is empty; otherwise it holds one entry per
/// place where the two texts begin to differ in line or column. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub struct PositionMap {
    edited: Arc<[Segment]>,
    /// A second step, from generated TypeScript output to the text before it.
    printed: Arc<[Segment]>,
    /// Where the text is that ends the wrapper of a cell.
    wrapper_end: Option<(Position, Position)>,
}

/// A stretch of generated text and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) generated: Position,
    pub(crate) original: Position,
    /// Whether the text is the original's, so that distances are equal on both sides.
    pub(crate) copied: bool,
}

impl PositionMap {
    /// The map of edited text; `segments` are sorted by their generated position.
    pub(crate) fn edited(segments: Vec<Segment>) -> PositionMap {
        PositionMap { edited: segments.into(), ..PositionMap::default() }
    }

    /// The map of a text that stands for one place.
    pub(crate) fn inserted_at(original: Position) -> PositionMap {
        PositionMap::edited(vec![Segment { generated: Position::START, original, copied: false }])
    }

    /// The same map, of a text that ends a wrapper between these two positions.
    pub(crate) fn with_wrapper_end(self, start: Position, end: Position) -> PositionMap {
        PositionMap { wrapper_end: Some((start, end)), ..self }
    }

    /// The map of printed text; `segments` are sorted by their generated position.
    pub(crate) fn printed(segments: Vec<Segment>) -> PositionMap {
        PositionMap { printed: segments.into(), ..PositionMap::default() }
    }

    /// The map of edits made to a text that `before` maps.
    pub(crate) fn after(self, before: &PositionMap) -> PositionMap {
        PositionMap { printed: Arc::clone(&before.printed), ..self }
    }

    /// Whether every position is its own original.
    pub fn is_identity(&self) -> bool {
        self.edited.is_empty() && self.printed.is_empty()
    }

    /// Whether a generated position is in what ends a cell's wrapper, where the wrapper is called: a
    /// frame there is none of the caller's.
    pub fn is_wrapper_call(&self, line: u32, column: u32) -> bool {
        let at = Position { line, column };
        self.wrapper_end.is_some_and(|(start, end)| (start..end).contains(&at))
    }

    /// Returns the original line and column of a generated line and column, all from 1, columns in
    /// UTF-16 code units.
    ///
    /// Every input has an answer; one outside the generated text maps to some place near its end.
    pub fn original(&self, line: u32, column: u32) -> (u32, u32) {
        let at = Position { line: line.max(1), column: column.max(1) };
        let at = step(&self.printed, step(&self.edited, at));
        (at.line, at.column)
    }
}

fn step(segments: &[Segment], at: Position) -> Position {
    let index = segments.partition_point(|segment| segment.generated <= at);
    let Some(segment) = index.checked_sub(1).and_then(|index| segments.get(index)) else {
        return segments.first().map_or(at, |first| first.original);
    };
    let Segment { generated, original, copied } = *segment;
    match (copied, at.line - generated.line) {
        (false, _) => original,
        (true, 0) => Position {
            line: original.line,
            column: original.column.saturating_add(at.column - generated.column),
        },
        (true, down) => Position { line: original.line.saturating_add(down), column: at.column },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32, column: u32) -> Position {
        Position { line, column }
    }

    #[test]
    fn steps() {
        let map = PositionMap::edited(vec![
            Segment { generated: at(1, 1), original: at(1, 1), copied: false },
            Segment { generated: at(1, 11), original: at(1, 1), copied: true },
            Segment { generated: at(3, 5), original: at(3, 4), copied: true },
        ]);
        let check = |line, column, expect| assert_eq!(map.original(line, column), expect);
        check(1, 7, (1, 1));
        check(1, 12, (1, 2));
        check(2, 9, (2, 9));
        check(3, 4, (3, 4));
        check(3, 6, (3, 5));
        check(9, 2, (9, 2));
        check(0, 0, (1, 1));
        assert_eq!(PositionMap::default().original(7, 8), (7, 8));
    }
}
