//! Tags: what people call heaps.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;

use crate::{
    HeapId, RefError, RefStore,
    ref_store::{Batch, Key, MAX_BATCH, Order, Scan, Start},
    text,
};

/// The tags of one heap: names and values, both bounded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(BTreeMap<String, String>);

/// Texts that cannot be the tags of a heap.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagsError {
    /// There are too many.
    #[error("a heap has at most {max} tags, not {0}", max = Tags::MAX)]
    TooMany(usize),
    /// A name is empty or too long.
    #[error("a tag's name has 1 to {max} bytes, not {0}", max = Tags::MAX_NAME)]
    Name(usize),
    /// A value is too long.
    #[error("a tag's value has at most {max} bytes, not {0}", max = Tags::MAX_VALUE)]
    Value(usize),
}

impl Tags {
    /// The most tags of one heap: all their index entries, old and new, fit into one commit.
    pub const MAX: usize = 32;
    /// The longest name, in bytes.
    pub const MAX_NAME: usize = 128;
    /// The longest value, in bytes.
    pub const MAX_VALUE: usize = 1024;

    /// Checks them.
    ///
    /// # Errors
    /// If there are too many, or one is too long.
    pub fn new(tags: BTreeMap<String, String>) -> Result<Self, TagsError> {
        if tags.len() > Self::MAX {
            return Err(TagsError::TooMany(tags.len()));
        }
        for (name, value) in &tags {
            if name.is_empty() || name.len() > Self::MAX_NAME {
                return Err(TagsError::Name(name.len()));
            }
            if value.len() > Self::MAX_VALUE {
                return Err(TagsError::Value(value.len()));
            }
        }
        Ok(Self(tags))
    }

    /// Names and values in the order of the names.
    pub const fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn have_all(&self, wanted: &Self) -> bool {
        wanted.0.iter().all(|(name, value)| self.0.get(name) == Some(value))
    }
}

// Old and new index entries of a heap, its tags and the condition on them.
const _: () = assert!(Tags::MAX * 2 + 2 < MAX_BATCH);

/// Which tags are to go.
#[derive(Debug, Clone, Copy)]
pub enum Removal<'a> {
    /// All.
    All,
    /// Those of these names.
    Names(&'a [String]),
}

/// The tags of all heaps, and an index to find heaps by them.
#[derive(Debug, Clone)]
pub struct TagIndex {
    refs: Arc<dyn RefStore>,
}

/// Tags by heap; the sort key is the heap's id.
const BY_HEAP: &str = "tags";
/// How many heaps are looked at a time.
const PAGE: usize = 256;

impl TagIndex {
    /// The tags that are kept in `refs`.
    pub fn new(refs: Arc<dyn RefStore>) -> Self {
        Self { refs }
    }

    /// A heap's tags.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn get(&self, heap: HeapId) -> Result<Tags, RefError> {
        Ok(self.stored(heap).await?.1)
    }

    /// Gives a heap these tags and no others.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn set(&self, heap: HeapId, tags: &Tags) -> Result<(), RefError> {
        self.change(heap, |_| tags.clone()).await.map(drop)
    }

    /// Takes tags away; returns what is left.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn delete(&self, heap: HeapId, removal: Removal<'_>) -> Result<Tags, RefError> {
        self.change(heap, |tags| match removal {
            Removal::All => Tags::default(),
            Removal::Names(names) => {
                let left = tags.0.iter().filter(|(name, _)| !names.contains(name));
                Tags(left.map(|(name, value)| (name.clone(), value.clone())).collect())
            }
        })
        .await
    }

    /// Heaps that have all these tags, in ascending order of id, those after `after`, at most `limit`,
    /// each with all its tags. Without tags: all heaps that have any.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn query(
        &self,
        wanted: &Tags,
        after: Option<HeapId>,
        limit: usize,
    ) -> Result<Vec<(HeapId, Tags)>, RefError> {
        let partition = match wanted.0.iter().next() {
            Some((name, value)) => index_partition(name, value),
            None => BY_HEAP.to_owned(),
        };
        let mut found = Vec::new();
        let mut after = after.map(|heap| heap.as_bytes().to_vec());
        while found.len() < limit {
            let start = after.as_deref().map_or(Start::First, Start::After);
            let scan = Scan { partition: &partition, start, order: Order::Ascending, limit: PAGE };
            let heaps = self.refs.scan(scan).await?;
            let Some(last) = heaps.last() else { break };
            after = Some(last.sort.clone());
            for entry in heaps {
                let heap = HeapId::from_bytes(entry.sort.as_slice().try_into().map_err(text::damaged)?);
                let tags = self.get(heap).await?;
                if tags.have_all(wanted) && found.len() < limit {
                    found.push((heap, tags));
                }
            }
        }
        Ok(found)
    }

    /// A batch that gives a heap these tags, if it still has those that it has now.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn setting(&self, heap: HeapId, tags: &Tags) -> Result<Batch, RefError> {
        let (stored, old) = self.stored(heap).await?;
        Ok(replacing(heap, stored, &old, tags))
    }

    async fn change(&self, heap: HeapId, new: impl Fn(&Tags) -> Tags) -> Result<Tags, RefError> {
        loop {
            let (stored, old) = self.stored(heap).await?;
            let tags = new(&old);
            match self.refs.commit(replacing(heap, stored, &old, &tags)).await {
                Ok(()) => return Ok(tags),
                // Somebody else was faster: of those who collide, one always gets through.
                Err(RefError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn stored(&self, heap: HeapId) -> Result<(Option<Bytes>, Tags), RefError> {
        let stored = self.refs.get(&Key::new(BY_HEAP, *heap.as_bytes())).await?;
        let tags = stored.as_deref().map_or_else(|| Ok(BTreeMap::new()), text::decode)?;
        Ok((stored, Tags(tags)))
    }
}

fn replacing(heap: HeapId, stored: Option<Bytes>, old: &Tags, new: &Tags) -> Batch {
    let mut batch = Batch::default();
    let key = Key::new(BY_HEAP, *heap.as_bytes());
    batch.require(key.clone(), stored);
    if new.is_empty() {
        batch.delete(key);
    } else {
        batch.put(key, text::encode(&new.0));
    }
    let entry = |(name, value): (&String, &String)| Key::new(index_partition(name, value), *heap.as_bytes());
    for (name, value) in old.0.iter().filter(|(name, value)| new.0.get(*name) != Some(*value)) {
        batch.delete(entry((name, value)));
    }
    for (name, value) in new.0.iter().filter(|(name, value)| old.0.get(*name) != Some(*value)) {
        batch.put(entry((name, value)), "");
    }
    batch
}

/// The length keeps a name and a value apart, whatever is in them.
fn index_partition(name: &str, value: &str) -> String {
    format!("tag/{}/{name}={value}", name.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ref_store::MemoryRefStore;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Tags::new(pairs.collect()).expect("they are within bounds")
    }

    #[test]
    fn tags_are_bounded() {
        let check = |count: usize, name: usize, value: usize, expect: Result<(), TagsError>| {
            let tag = |n| (format!("{n:0>name$}"), "v".repeat(value));
            assert_eq!(Tags::new((0..count).map(tag).collect()).map(drop), expect);
        };
        check(0, 1, 1, Ok(()));
        check(32, 128, 1024, Ok(()));
        check(1, 2, 0, Ok(()));
        check(33, 2, 1, Err(TagsError::TooMany(33)));
        check(1, 129, 1, Err(TagsError::Name(129)));
        check(1, 2, 1025, Err(TagsError::Value(1025)));
        let nameless = BTreeMap::from([(String::new(), String::new())]);
        assert_eq!(Tags::new(nameless), Err(TagsError::Name(0)));
    }

    #[tokio::test]
    async fn heaps_are_found_by_what_they_are_called_now() {
        let index = TagIndex::new(Arc::new(MemoryRefStore::default()));
        let mut heaps = [HeapId::of(b"one"), HeapId::of(b"two")];
        heaps.sort();
        let [first, second] = heaps;
        let check = async |wanted: &[(&str, &str)], expect: &[HeapId]| {
            let found = index.query(&tags(wanted), None, 10).await.expect("query");
            assert_eq!(found.iter().map(|(heap, _)| *heap).collect::<Vec<_>>(), expect, "{wanted:?}");
        };
        index.set(first, &tags(&[("a", "1"), ("b", "2")])).await.expect("set");
        index.set(second, &tags(&[("a", "1")])).await.expect("set");
        check(&[("a", "1")], &[first, second]).await;
        check(&[("a", "1"), ("b", "2")], &[first]).await;
        check(&[("b", "1")], &[]).await;
        check(&[], &[first, second]).await;
        assert_eq!(index.query(&Tags::default(), Some(first), 10).await.expect("query")[0].0, second);

        index.set(first, &tags(&[("b", "3")])).await.expect("replace");
        check(&[("a", "1")], &[second]).await;
        check(&[("b", "3")], &[first]).await;
        let left = index.delete(second, Removal::Names(&["a".to_owned(), "z".to_owned()])).await;
        assert_eq!(left.expect("delete"), Tags::default());
        check(&[("a", "1")], &[]).await;
        index.delete(first, Removal::All).await.expect("delete");
        check(&[], &[]).await;
        assert_eq!(index.get(first).await.expect("get"), Tags::default());
    }

    #[tokio::test]
    async fn a_query_goes_on_behind_heaps_that_lack_a_tag() {
        let index = TagIndex::new(Arc::new(MemoryRefStore::default()));
        let mut wanted = Vec::new();
        for n in 0..(PAGE * 2) {
            let heap = HeapId::of(n.to_string().as_bytes());
            let rare = n % 300 == 0;
            let both = if rare { vec![("a", "1"), ("b", "1")] } else { vec![("a", "1")] };
            index.set(heap, &tags(&both)).await.expect("set");
            wanted.extend(rare.then_some(heap));
        }
        wanted.sort();
        let found = index.query(&tags(&[("a", "1"), ("b", "1")]), None, 10).await.expect("query");
        assert_eq!(found.into_iter().map(|(heap, _)| heap).collect::<Vec<_>>(), wanted);
    }
}
