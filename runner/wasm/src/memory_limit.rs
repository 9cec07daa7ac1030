//! How far each memory of a module can grow.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, de};

/// How far each memory that a module defines can grow: between 1 and 4096 megabytes of 2²⁰ bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemoryLimit(u16);

/// A number that is no limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the memory limit is {0} MB; it must be between {min} and {max} MB", min = MemoryLimit::MIN.0, max = MemoryLimit::MAX.0)]
pub struct MemoryLimitError(String);

impl MemoryLimit {
    /// The smallest limit.
    pub const MIN: Self = Self(1);
    /// The largest: all that a memory with 32-bit addresses can have.
    pub const MAX: Self = Self(4096);

    /// So many megabytes.
    ///
    /// # Errors
    /// If there are fewer than [`MemoryLimit::MIN`] or more than [`MemoryLimit::MAX`].
    pub fn from_megabytes(megabytes: u64) -> Result<Self, MemoryLimitError> {
        let limit = u16::try_from(megabytes).ok().map(Self);
        let limit = limit.filter(|limit| (Self::MIN..=Self::MAX).contains(limit));
        limit.ok_or_else(|| MemoryLimitError(megabytes.to_string()))
    }

    /// The number of megabytes.
    pub fn megabytes(self) -> u64 {
        self.0.into()
    }

    /// The number of bytes.
    pub fn bytes(self) -> u64 {
        self.megabytes() << 20
    }
}

/// Reads a decimal number of megabytes.
impl FromStr for MemoryLimit {
    type Err = MemoryLimitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.parse().map_err(|_| MemoryLimitError(text.to_owned()))?;
        Self::from_megabytes(number)
    }
}

impl fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MB", self.0)
    }
}

impl<'de> Deserialize<'de> for MemoryLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_megabytes(u64::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<u64>) {
        assert_eq!(text.parse::<MemoryLimit>().ok().map(MemoryLimit::bytes), expect, "{text}");
    }

    #[test]
    fn limits_have_a_floor_and_a_ceiling() {
        check("1", Some(1 << 20));
        check("4096", Some(4096 << 20));
        check("0016", Some(16 << 20));
        for text in ["0", "4097", "65537", "18446744073709551616", "-1", "1.5", "", " 1"] {
            check(text, None);
        }
        let error = MemoryLimit::from_megabytes(4097).map_err(|error| error.to_string());
        assert_eq!(error, Err("the memory limit is 4097 MB; it must be between 1 and 4096 MB".to_owned()));
    }
}
