//! Pages of which little has changed: an image holds the changed words alone.
//!
//! A script changes a word here and there in most of the pages that it writes to. A small heap is a sixth of the
//! size without the rest of them, and so is the work of writing, hashing, compressing and reading it.

use crate::{
    PAGE_SIZE,
    format::{PATCH_BYTES as ENTRY, WORD},
};

/// Words of a page.
pub(crate) const WORDS: usize = (PAGE_SIZE / WORD) as usize;
/// A page whose patches take more bytes than this, their table included, is stored as a whole.
const MAX_BYTES: u64 = PAGE_SIZE / 2;
/// Unchanged words between two changed ones that take no more bytes than another entry in the table.
const GAP: usize = (ENTRY / WORD) as usize;

/// How a page differs from what a thawed process would have in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Difference {
    /// Not at all.
    None,
    /// By the words in the first of the patches that were given.
    Patches(usize),
    /// By too much.
    Large,
}

/// Compares the page at `address`, which holds `page`, to `reference`, and puts the patches that make the page of
/// the reference into the beginning of `patches`, each as its address and its length in bytes.
pub(crate) fn compare(address: u64, page: &[u64], reference: &[u64], patches: &mut [[u64; 2]]) -> Difference {
    if page == reference {
        return Difference::None;
    }
    // `end` is behind the last changed word.
    let (mut count, mut bytes, mut end) = (0, 0, 0);
    let changed = page.iter().zip(reference).enumerate().filter(|(_, (now, then))| now != then);
    for (at, _) in changed {
        match patches[..count].last_mut() {
            Some([_, length]) if at - end <= GAP => {
                let longer = (at + 1 - end) as u64 * WORD;
                *length += longer;
                bytes += longer;
            }
            _ => {
                let Some(place) = patches.get_mut(count) else { return Difference::Large };
                *place = [address + at as u64 * WORD, WORD];
                count += 1;
                bytes += ENTRY + WORD;
            }
        }
        end = at + 1;
        if bytes > MAX_BYTES {
            return Difference::Large;
        }
    }
    Difference::Patches(count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ADDRESS: u64 = 0x7000;

    /// Of a page in which these words have changed, with room for so many patches.
    #[track_caller]
    fn check(changed: &[usize], room: usize, expect: Option<&[(usize, usize)]>) {
        let reference = [7; WORDS];
        let mut page = reference;
        changed.iter().for_each(|&at| page[at] = 8);
        let mut patches = vec![[0; 2]; room];
        let found = match compare(ADDRESS, &page, &reference, &mut patches) {
            Difference::None => Some(0),
            Difference::Patches(count) => Some(count),
            Difference::Large => None,
        };
        let place = |[address, bytes]: &[u64; 2]| {
            let start = ((address - ADDRESS) / WORD) as usize;
            (start, start + (bytes / WORD) as usize)
        };
        let found: Option<Vec<_>> = found.map(|count| patches[..count].iter().map(place).collect());
        assert_eq!(found.as_deref(), expect, "{changed:?}");
    }

    #[test]
    fn changed_words_are_found_and_near_ones_joined() {
        check(&[], 0, Some(&[]));
        check(&[0], 1, Some(&[(0, 1)]));
        check(&[511], 1, Some(&[(511, 512)]));
        check(&[3, 4], 9, Some(&[(3, 5)]));
        check(&[3, 6], 9, Some(&[(3, 7)]));
        check(&[3, 7], 9, Some(&[(3, 4), (7, 8)]));
        check(&[0, 9, 10, 500], 9, Some(&[(0, 1), (9, 11), (500, 501)]));
        check(&(100..354).collect::<Vec<_>>(), 9, Some(&[(100, 354)]));
    }

    #[test]
    fn what_takes_more_than_half_a_page_is_large() {
        check(&(100..355).collect::<Vec<_>>(), 9, None);
        check(&(0..512).step_by(4).collect::<Vec<_>>(), 512, None);
        check(&[0, 100], 1, None);
    }

    proptest! {
        #[test]
        fn patches_make_the_page(changes in proptest::collection::vec((0..WORDS, any::<u64>()), 0..80)) {
            let mut page: [u64; WORDS] = std::array::from_fn(|at| at as u64);
            let mut patched = page;
            changes.iter().for_each(|&(at, value)| page[at] = value);
            let mut patches = [[0; 2]; WORDS];
            if let Difference::Patches(count) = compare(ADDRESS, &page, &patched, &mut patches) {
                for [address, bytes] in &patches[..count] {
                    let words = ((address - ADDRESS) / WORD) as usize..((address - ADDRESS + bytes) / WORD) as usize;
                    patched[words.clone()].copy_from_slice(&page[words]);
                }
                prop_assert_eq!(page, patched);
            }
        }
    }
}
