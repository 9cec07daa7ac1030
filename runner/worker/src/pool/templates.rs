//! Templates of heaps that are resumed again and again.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lru::LruCache;
use stasis_core::HeapId;

use super::waiting::Waiting;

/// How many heaps that were resumed once are remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");

/// A bounded number of them, in bounded memory; the one that was not used for longest goes first.
#[derive(Debug)]
pub(super) struct Templates {
    max: usize,
    max_bytes: u64,
    lists: Mutex<Lists>,
}

#[derive(Debug)]
struct Lists {
    hot: LruCache<HeapId, Hot>,
    seen: LruCache<HeapId, ()>,
}

#[derive(Debug)]
struct Hot {
    template: Arc<Waiting>,
    /// Memory of its own, as far as it is known.
    bytes: u64,
}

/// What to do for a run on a heap.
#[derive(Debug)]
pub(super) enum Advice {
    /// Fork this template.
    Fork(Arc<Waiting>),
    /// Make a template: the heap was resumed before, and will be again.
    Keep,
    /// Thaw it for this run alone.
    Once,
}

impl Templates {
    pub(super) fn new(max: usize, max_bytes: u64) -> Self {
        let lists = Lists { hot: LruCache::unbounded(), seen: LruCache::new(REMEMBERED) };
        Self { max, max_bytes, lists: Mutex::new(lists) }
    }

    fn lock(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count(&self) -> usize {
        self.lock().hot.len()
    }

    /// Notes that a heap is about to be resumed.
    pub(super) fn advise(&self, heap: HeapId) -> Advice {
        let mut lists = self.lock();
        match lists.hot.get(&heap) {
            Some(hot) if !hot.template.is_gone() => return Advice::Fork(hot.template.clone()),
            Some(_) => drop(lists.hot.pop(&heap)),
            None => {}
        }
        if self.max > 0 && lists.seen.pop(&heap).is_some() {
            return Advice::Keep;
        }
        lists.seen.put(heap, ());
        Advice::Once
    }

    /// Keeps a template, in the place of the one that was not used for longest.
    pub(super) fn keep(&self, heap: HeapId, template: Arc<Waiting>) {
        let mut lists = self.lock();
        lists.hot.put(heap, Hot { template, bytes: 0 });
        while lists.hot.len() > self.max.max(1) {
            lists.hot.pop_lru();
        }
    }

    /// Notes how much memory of its own a template has, and makes room for it.
    pub(super) fn weigh(&self, heap: HeapId, bytes: u64) {
        let mut lists = self.lock();
        if let Some(hot) = lists.hot.peek_mut(&heap) {
            hot.bytes = bytes;
        }
        let total = |lists: &Lists| lists.hot.iter().map(|(_, hot)| hot.bytes).sum::<u64>();
        while total(&lists) > self.max_bytes {
            lists.hot.pop_lru();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::rogue::{Rogue, with_runtime};

    fn heap(number: u8) -> HeapId {
        HeapId::of(&[number])
    }

    /// The heaps of these numbers that have a template.
    fn hot<const N: usize>(templates: &Templates, numbers: [u8; N]) -> Vec<u8> {
        let lists = templates.lock();
        numbers.into_iter().filter(|&number| lists.hot.contains(&heap(number))).collect()
    }

    fn keep(templates: &Templates, number: u8) {
        templates.keep(heap(number), Arc::new(Waiting::template(Rogue::idle())));
    }

    #[test]
    fn a_heap_gets_a_template_when_it_is_resumed_for_the_second_time() {
        with_runtime(async {
            let templates = Templates::new(2, u64::MAX);
            assert!(matches!(templates.advise(heap(1)), Advice::Once));
            assert!(matches!(templates.advise(heap(2)), Advice::Once));
            assert!(matches!(templates.advise(heap(1)), Advice::Keep));
            keep(&templates, 1);
            let Advice::Fork(template) = templates.advise(heap(1)) else { panic!("it has one") };
            template.give_up();
            assert!(matches!(templates.advise(heap(1)), Advice::Once), "a dead one is forgotten");
            let none = Templates::new(0, u64::MAX);
            for _ in 0..3 {
                assert!(matches!(none.advise(heap(1)), Advice::Once));
            }
        });
    }

    #[test]
    fn the_one_that_was_not_used_for_longest_makes_room() {
        with_runtime(async {
            let templates = Templates::new(3, u64::MAX);
            for number in 1..=3 {
                keep(&templates, number);
            }
            assert!(matches!(templates.advise(heap(1)), Advice::Fork(_)));
            keep(&templates, 4);
            assert_eq!(hot(&templates, [1, 2, 3, 4]), [1, 3, 4]);
        });
    }

    #[test]
    fn their_memory_is_bounded() {
        with_runtime(async {
            let templates = Templates::new(8, 100);
            for (number, bytes, left) in [
                (1, 60, vec![1]),
                (2, 40, vec![1, 2]),
                (3, 30, vec![2, 3]),
                (4, 101, vec![]),
                (5, 100, vec![5]),
            ] {
                keep(&templates, number);
                templates.weigh(heap(number), bytes);
                assert_eq!(hot(&templates, [1, 2, 3, 4, 5]), left, "after {number}");
            }
        });
    }
}
