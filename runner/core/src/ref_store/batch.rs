//! What is committed at once.

use bytes::Bytes;

use super::Key;

/// Conditions and changes that are committed together or not at all. A key occurs at most once among
/// the changes, and at most once among the conditions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// What has to hold.
    pub conditions: Vec<Condition>,
    /// What is done then.
    pub changes: Vec<Change>,
}

/// What has to hold for a batch to be committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// There is nothing under the key.
    Absent(Key),
    /// The value under the key is this one.
    Is(Key, Bytes),
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The key has this value from now on.
    Put(Key, Bytes),
    /// The key has no value from now on; it need not have had one.
    Delete(Key),
}

impl Batch {
    /// Adds: the key has this value from now on.
    pub fn put(&mut self, key: Key, value: impl Into<Bytes>) {
        self.changes.push(Change::Put(key, value.into()));
    }

    /// Adds: the key has no value from now on.
    pub fn delete(&mut self, key: Key) {
        self.changes.push(Change::Delete(key));
    }

    /// Adds the condition that the key has this value, or none.
    pub fn require(&mut self, key: Key, value: Option<Bytes>) {
        self.conditions.push(match value {
            Some(value) => Condition::Is(key, value),
            None => Condition::Absent(key),
        });
    }

    /// Adds everything of another batch.
    pub fn append(&mut self, other: Self) {
        self.conditions.extend(other.conditions);
        self.changes.extend(other.changes);
    }

    /// Conditions and changes together.
    pub fn len(&self) -> usize {
        self.conditions.len() + self.changes.len()
    }

    /// Whether it asks for nothing and does nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Condition {
    /// The key that it is about.
    pub const fn key(&self) -> &Key {
        match self {
            Self::Absent(key) | Self::Is(key, _) => key,
        }
    }

    /// Whether it holds for the value that is there.
    pub fn holds(&self, present: Option<&[u8]>) -> bool {
        match self {
            Self::Absent(_) => present.is_none(),
            Self::Is(_, value) => present == Some(value),
        }
    }
}
