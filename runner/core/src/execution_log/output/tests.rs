//! Pages of output, against the whole text.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::ref_store::MemoryRefStore;

/// An execution that printed these texts, one after the other.
async fn printed(texts: &[String]) -> (ExecutionLog, ExecutionId) {
    let log = ExecutionLog::new(Arc::new(MemoryRefStore::default()), "here");
    let id = ExecutionId::new();
    let mut length = OutputLength::default();
    for text in texts {
        log.commit(log.printing(id, length, text)).await.expect("commit");
        length = length.plus(text);
    }
    assert_eq!(log.output_length(id).await.expect("length"), length);
    (log, id)
}

/// The same page from the whole text, the slow and simple way.
fn model(all: &str, range: OutputRange) -> OutputPage {
    let total = OutputLength::default().plus(all);
    let (start, mut end) = match range {
        OutputRange::Bytes { offset, limit } => {
            let start = all.floor_char_boundary(offset as usize);
            let mut end = all.floor_char_boundary(start + limit as usize);
            if end == start {
                end = all.ceil_char_boundary(start + 1);
            }
            (start, end)
        }
        OutputRange::Lines { offset, limit } => {
            let begins: Vec<usize> =
                std::iter::once(0).chain(all.match_indices('\n').map(|(at, _)| at + 1)).collect();
            let line = |n: u64| begins.get(n as usize).copied().unwrap_or(all.len());
            (line(offset - 1), line(offset - 1 + limit))
        }
    };
    end = end.min(all.len());
    let data = all[start..end].to_owned();
    let before = OutputLength::default().plus(&all[..start]);
    let partial = !data.is_empty() && !data.ends_with('\n');
    let lines = before.lines + line_feeds(&data);
    OutputPage {
        start_line: before.lines + 1,
        end_line: lines + u64::from(partial),
        next_line_offset: lines + 1,
        start_byte: start as u64,
        end_byte: end as u64,
        data,
        total,
    }
}

fn ranges() -> impl Strategy<Value = OutputRange> {
    prop_oneof![
        (1..40_u64, 1..20_u64).prop_map(|(offset, limit)| OutputRange::Lines { offset, limit }),
        (0..200_u64, 1..50_u64).prop_map(|(offset, limit)| OutputRange::Bytes { offset, limit }),
    ]
}

proptest! {
    #[test]
    fn pages_are_those_of_the_whole_text(
        texts in prop::collection::vec("[a€🦀\n]{0,20}", 0..12),
        range in ranges(),
    ) {
        let page = futures::executor::block_on(async {
            let (log, id) = printed(&texts).await;
            log.output(id, range).await.expect("a page")
        });
        prop_assert_eq!(page, model(&texts.concat(), range));
    }

    #[test]
    fn following_the_next_offset_reads_everything_once(
        texts in prop::collection::vec("[a€🦀\n]{0,20}", 0..12),
        limit in 1..9_u64,
        by_lines in any::<bool>(),
    ) {
        let read = futures::executor::block_on(async {
            let (log, id) = printed(&texts).await;
            let mut range =
                if by_lines { OutputRange::Lines { offset: 1, limit } } else { OutputRange::Bytes { offset: 0, limit } };
            let mut read = String::new();
            loop {
                let page = log.output(id, range).await.expect("a page");
                read.push_str(&page.data);
                range = match range {
                    OutputRange::Lines { .. } => OutputRange::Lines { offset: page.next_line_offset, limit },
                    OutputRange::Bytes { .. } => OutputRange::Bytes { offset: page.end_byte, limit },
                };
                if !page.has_more() {
                    return read;
                }
            }
        });
        prop_assert_eq!(read, texts.concat());
    }
}

#[tokio::test]
async fn chunks_larger_than_one_value_are_split_between_characters() {
    let line = format!("{}\n", "€".repeat(100_000));
    let (log, id) = printed(&[line.repeat(3)]).await;
    let second = log.output(id, OutputRange::Lines { offset: 2, limit: 1 }).await.expect("a page");
    assert_eq!((second.data.as_str(), second.start_line, second.end_line), (line.as_str(), 2, 2));
    let within = log.output(id, OutputRange::Bytes { offset: 65_537, limit: 4 }).await.expect("a page");
    assert_eq!((within.data.as_str(), within.start_byte), ("€", 65_535));
}

#[tokio::test]
async fn a_line_longer_than_a_page_is_cut_and_goes_on_in_bytes() {
    let long = format!("{}\n", "x".repeat(OutputRange::MAX_BYTES as usize + 10));
    let (log, id) = printed(&["first\n".to_owned(), long, "last\n".to_owned()]).await;
    let check = async |offset, expect: (usize, u64, u64, bool)| {
        let page = log.output(id, OutputRange::Lines { offset, limit: 10 }).await.expect("a page");
        let got = (page.data.len(), page.end_line, page.next_line_offset, page.has_more());
        assert_eq!(got, expect);
        page
    };
    // The line that does not fit is left to the next page.
    check(1, (6, 1, 2, true)).await;
    let cut = check(2, (OutputRange::MAX_BYTES as usize, 2, 3, true)).await;
    check(3, (5, 3, 4, false)).await;
    let rest = OutputRange::Bytes { offset: cut.end_byte, limit: 11 };
    assert_eq!(log.output(id, rest).await.expect("a page").data, "xxxxxxxxxx\n");
}

#[test]
fn ranges_are_bounded() {
    let check = |line_offset, line_limit, byte_offset, byte_limit, expect| {
        assert_eq!(OutputRange::new(line_offset, line_limit, byte_offset, byte_limit), expect);
    };
    check(None, None, None, None, Ok(OutputRange::Lines { offset: 1, limit: 100 }));
    check(Some(7), Some(10_000), None, Some(0), Ok(OutputRange::Lines { offset: 7, limit: 10_000 }));
    check(None, None, Some(0), None, Ok(OutputRange::Bytes { offset: 0, limit: 4096 }));
    check(Some(0), Some(0), Some(9), Some(1), Ok(OutputRange::Bytes { offset: 9, limit: 1 }));
    check(Some(0), None, None, None, Err(OutputRangeError::LineOffset));
    check(None, Some(0), None, None, Err(OutputRangeError::LineLimit(0)));
    check(None, Some(10_001), None, None, Err(OutputRangeError::LineLimit(10_001)));
    check(None, None, Some(0), Some(0), Err(OutputRangeError::ByteLimit(0)));
    check(None, None, Some(0), Some((1 << 20) + 1), Err(OutputRangeError::ByteLimit((1 << 20) + 1)));
}
