//! Tests of edits: what was replaced, and where positions went.

use proptest::prelude::*;

use super::*;
use crate::lines;

/// Writes with edits that `make` adds.
fn written(text: &str, make: impl FnOnce(&mut Edits<'_>)) -> (String, PositionMap) {
    let mut edits = Edits::new(text);
    make(&mut edits);
    edits.write(&[], "")
}

#[test]
fn order_of_edits_at_one_place() {
    let check = |make: fn(&mut Edits<'_>), expect: &str| assert_eq!(written("a b", make).0, expect);
    check(|_| {}, "a b");
    // Inner ends come first although they were added last.
    check(
        |edits| {
            edits.open(Layer::Statement, 0..0, 3, "(");
            edits.close(Layer::Statement, 0, 3, ")");
            edits.open(Layer::Expression, 0..0, 3, "[");
            edits.close(Layer::Expression, 0, 3, "]");
            edits.open(Layer::Expression, 2..2, 3, "<");
            edits.close(Layer::Expression, 2, 3, ">");
        },
        "([a <b>])",
    );
    check(|edits| edits.same(0..1, "x"), "x b");
    check(|edits| edits.blank(0..3, ';'), ";  ");
    check(
        |edits| {
            edits.open(Layer::Expression, 2..3, 3, "B");
            edits.move_to_end(1..3);
        },
        "a; \n B",
    );
}

#[test]
fn blanks_keep_the_shape() {
    let check = |text: &str, expect: &str| assert_eq!(blanks(text, ';'), expect, "{text:?}");
    check("", "");
    check("abc", ";  ");
    check("a\r\nb\u{2028}c", ";\r\n \u{2028} ");
    check("\na", "\n ");
    check("aé𝒳", ";   ");
}

/// Characters that are found again in the output, between characters that count differently.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => "[a-c]{1,3}",
        1 => Just("\n".to_owned()),
        1 => Just("\r\n".to_owned()),
        1 => Just("\r".to_owned()),
        1 => Just("\u{2028}".to_owned()),
        1 => Just("é".to_owned()),
        1 => Just("𝒳".to_owned()),
    ];
    prop::collection::vec(piece, 1..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn untouched_characters_map_to_themselves(
        text in text(),
        places in prop::collection::vec((any::<prop::sample::Index>(), 0..4_usize, 0..4_u8), 0..6),
    ) {
        let mut starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        starts.push(text.len());
        let mut edits = Edits::new(&text);
        let mut touched = vec![false; text.len() + 1];
        let mut ranges: Vec<(usize, usize, u8)> = Vec::new();
        for (place, width, what) in places {
            let from = place.index(starts.len());
            let to = (from + width).min(starts.len() - 1);
            let (start, end) = (starts[from], starts[to]);
            let splits_line_end = |at: usize| at > 0 && text[..at].ends_with('\r') && text[at..].starts_with('\n');
            let overlaps = ranges.iter().any(|&(a, b, _)| start <= b && a <= end);
            if !overlaps && !splits_line_end(start) && !splits_line_end(end) {
                ranges.push((start, end, what));
            }
        }
        for &(start, end, what) in &ranges {
            match what {
                0 => edits.open(Layer::Statement, start..end, end, "<+>\n"),
                1 => edits.close(Layer::Expression, start, start, "<+>"),
                2 => edits.blank(start..end, ' '),
                _ => edits.open(Layer::Expression, start..end, end, "_"),
            }
            if what != 1 {
                touched[start..end].fill(true);
            }
        }
        let (code, map) = edits.write(&[Piece { text: "<+> ".to_owned(), origin: 0 }], "\n<->");
        // What is left of the original, character by character, in both texts.
        let left: Vec<usize> = text
            .char_indices()
            .filter(|&(at, char)| !touched[at] && char.is_alphabetic())
            .map(|(at, _)| at)
            .collect();
        let found: Vec<usize> =
            code.char_indices().filter(|(_, char)| char.is_alphabetic()).map(|(at, _)| at).collect();
        prop_assert_eq!(left.len(), found.len());
        for (original, generated) in left.into_iter().zip(found) {
            let at = lines::position(&code, generated);
            let expect = lines::position(&text, original);
            prop_assert_eq!(map.original(at.line, at.column), (expect.line, expect.column));
        }
    }
}
