//! How keys are written, so that the database's order is the order of the port.
//!
//! An entry is kept under the length of its partition's name (two bytes, big-endian), the name, and
//! the sort key. Partitions therefore never lie within each other. No name is as long as
//! [`PART_MARK`], so the parts of long values lie behind all entries, and [`GROUP`] behind those.

use std::ops::Bound;

use stasis_core::ref_store::{Key, MAX_PARTITION, MAX_SORT, Order, Scan, Start};

/// Keys from here to there.
pub(super) type Range = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// A key that cannot be stored.
#[derive(Debug, thiserror::Error)]
#[error("a key of {partition} and {sort} bytes is too long")]
pub(super) struct KeyTooLong {
    partition: usize,
    sort: usize,
}

const PART_MARK: [u8; 2] = [0xff; 2];
/// Where the number of the last group of batches is kept.
pub(super) const GROUP: [u8; 3] = [0xff; 3];
const _: () = assert!(MAX_PARTITION < u16::from_be_bytes(PART_MARK) as usize);

/// Where an entry is kept.
pub(super) fn of_entry(key: &Key) -> Result<Vec<u8>, KeyTooLong> {
    let too_long = || KeyTooLong { partition: key.partition.len(), sort: key.sort.len() };
    if key.sort.len() > MAX_SORT {
        return Err(too_long());
    }
    let mut written = of_partition(&key.partition).ok_or_else(too_long)?;
    written.extend(&key.sort);
    Ok(written)
}

/// Where a part of an entry's value is kept.
pub(super) fn of_part(entry: &[u8], number: u8) -> Vec<u8> {
    [&PART_MARK, entry, &[number]].concat()
}

/// The sort key of an entry.
pub(super) fn sort_of<'a>(partition: &str, entry: &'a [u8]) -> &'a [u8] {
    entry.get(size_of::<u16>() + partition.len()..).unwrap_or_default()
}

/// Where the entries that a scan may return are kept; nowhere, if there is no such partition.
pub(super) fn range(scan: &Scan<'_>) -> Option<Range> {
    let partition = of_partition(scan.partition)?;
    let key = |sort: &[u8]| [&partition, sort].concat();
    let start = match scan.start {
        Start::First => None,
        Start::At(sort) => Some(Bound::Included(key(sort))),
        Start::After(sort) => Some(Bound::Excluded(key(sort))),
    };
    let first = Bound::Included(partition.clone());
    let end = Bound::Excluded(behind(partition.clone()));
    Some(match scan.order {
        Order::Ascending => (start.unwrap_or(first), end),
        Order::Descending => (first, start.unwrap_or(end)),
    })
}

fn of_partition(name: &str) -> Option<Vec<u8>> {
    let length = u16::try_from(name.len()).ok().filter(|_| name.len() <= MAX_PARTITION)?;
    Some([&length.to_be_bytes(), name.as_bytes()].concat())
}

/// The first key behind all that begin with these bytes, of which at least one is not `0xff`.
fn behind(mut prefix: Vec<u8>) -> Vec<u8> {
    while prefix.pop_if(|last| *last == u8::MAX).is_some() {}
    if let Some(last) = prefix.last_mut() {
        *last += 1;
    }
    prefix
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, ops::RangeBounds as _};

    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// Names and sort keys that are often equal, or the beginning of each other.
    fn keys() -> impl Strategy<Value = Vec<Key>> {
        let sort = vec(prop::sample::select(&[0, 1, 0x61, 0xfe, 0xff][..]), 0..4);
        vec(("[\0\u{1}ab\u{10ffff}]{0,3}", sort).prop_map(|(name, sort)| Key::new(name, sort)), 1..40)
    }

    fn starts(sort: &[u8]) -> [Start<'_>; 3] {
        [Start::First, Start::At(sort), Start::After(sort)]
    }

    fn is_wanted(scan: &Scan<'_>, key: &Key) -> bool {
        let from_start = match (scan.start, scan.order) {
            (Start::First, _) => true,
            (Start::At(start), Order::Ascending) => *key.sort >= *start,
            (Start::After(start), Order::Ascending) => *key.sort > *start,
            (Start::At(start), Order::Descending) => *key.sort <= *start,
            (Start::After(start), Order::Descending) => *key.sort < *start,
        };
        key.partition == scan.partition && from_start
    }

    proptest! {
        #[test]
        fn a_range_holds_what_is_wanted_in_order(keys in keys()) {
            let written: BTreeMap<_, _> =
                keys.iter().map(|key| (of_entry(key).expect("short"), key.clone())).collect();
            let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
            prop_assert_eq!(written.len(), distinct.len(), "no two keys are written alike");
            for Key { partition, sort } in &keys {
                for (start, order) in starts(sort)
                    .into_iter()
                    .flat_map(|start| [(start, Order::Ascending), (start, Order::Descending)])
                {
                    let scan = Scan { partition, start, order, limit: usize::MAX };
                    let range = range(&scan).expect("short");
                    let found: Vec<_> = written.iter().filter(|(key, _)| range.contains(*key)).collect();
                    let wanted: Vec<_> = distinct.iter().filter(|key| is_wanted(&scan, key)).collect();
                    prop_assert!(found.iter().map(|(_, key)| key).eq(wanted.iter().copied()));
                    prop_assert!(found.iter().all(|(at, key)| sort_of(partition, at) == key.sort));
                }
            }
        }

        #[test]
        fn parts_lie_behind_all_entries_and_apart(keys in keys()) {
            let entries: Vec<_> = keys.iter().map(|key| of_entry(key).expect("short")).collect();
            let parts: BTreeMap<_, _> = entries
                .iter()
                .flat_map(|entry| [0, 1, 0x61, u8::MAX].map(|n| (of_part(entry, n), (entry, n))))
                .collect();
            let distinct: std::collections::BTreeSet<_> = entries.iter().collect();
            prop_assert_eq!(parts.len(), 4 * distinct.len());
            prop_assert!(entries.iter().max() < parts.keys().next());
            prop_assert!(parts.keys().all(|part| part[..] < GROUP[..]));
        }
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let check = |partition: usize, sort: usize, expect: bool| {
            let key = Key::new("p".repeat(partition), vec![0; sort]);
            assert_eq!(of_entry(&key).is_ok(), expect, "{partition} {sort}");
        };
        check(MAX_PARTITION, MAX_SORT, true);
        check(MAX_PARTITION + 1, 0, false);
        check(0, MAX_SORT + 1, false);
        check(1 << 16, 0, false);
    }
}
