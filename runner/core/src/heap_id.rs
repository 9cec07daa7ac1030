//! Names made of SHA-256 digests.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::Digest as _;

/// A SHA-256 digest, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

/// The name of a heap: the SHA-256 of its canonical, uncompressed image.
pub type HeapId = Digest;

/// The name of a build: the SHA-256 over the executable, the libraries it maps, the architecture and
/// the image format. A heap can only be thawed by the build that froze it.
pub type Fingerprint = Digest;

/// A text that is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected 64 lower-case hexadecimal digits, got {got}")]
pub struct ParseDigestError {
    got: String,
}

impl Digest {
    /// Wraps the 32 bytes of a digest that was computed elsewhere.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Hashes `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The raw 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first twelve digits, for messages to people.
    pub fn short(&self) -> String {
        hex::encode(&self.0[..6])
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, ParseDigestError> {
        let refuse = || ParseDigestError { got: describe(text) };
        if text.len() != 64 || text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(refuse());
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| refuse())?;
        Ok(Self(bytes))
    }
}

/// Says what was wrong with a text without repeating a long or unprintable one.
fn describe(text: &str) -> String {
    const SHOWN: usize = 80;
    match text.chars().count() {
        0 => "nothing".to_owned(),
        n if n > SHOWN => format!("{n} characters"),
        _ => format!("{text:?}"),
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", self.short())
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<(), &str>) {
        let got = text.parse::<Digest>().map(|digest| assert_eq!(digest.to_string(), text));
        assert_eq!(got.map_err(|e| e.to_string()), expect.map_err(str::to_owned));
    }

    #[test]
    fn only_64_lower_case_digits_are_a_digest() {
        let wanted = "expected 64 lower-case hexadecimal digits, got";
        check(&"0af9".repeat(16), Ok(()));
        check("", Err(&format!("{wanted} nothing")));
        check("../../etc/passwd", Err(&format!("{wanted} \"../../etc/passwd\"")));
        check(&"A".repeat(64), Err(&format!("{wanted} \"{}\"", "A".repeat(64))));
        check(&"g".repeat(64), Err(&format!("{wanted} \"{}\"", "g".repeat(64))));
        check(&"a".repeat(65), Err(&format!("{wanted} \"{}\"", "a".repeat(65))));
        check(&"a".repeat(1000), Err(&format!("{wanted} 1000 characters")));
        check(&"é".repeat(32), Err(&format!("{wanted} \"{}\"", "é".repeat(32))));
    }
}
