//! Points in time.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A point in time, in whole milliseconds; written as in RFC 3339, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(OffsetDateTime);

impl Timestamp {
    /// Now, by the system's clock.
    pub fn now() -> Self {
        Self::from(SystemTime::now())
    }

    /// So much earlier; the earliest that can be written, if there is nothing as early.
    pub fn minus(self, duration: Duration) -> Self {
        let earlier = time::Duration::try_from(duration).ok().and_then(|by| self.0.checked_sub(by));
        Self(earlier.unwrap_or(OffsetDateTime::UNIX_EPOCH))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let time = OffsetDateTime::from(time);
        // What is written is what is read back: nothing is finer than a millisecond.
        Self(time.replace_millisecond(time.millisecond()).unwrap_or(time))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        OffsetDateTime::parse(&text, &Rfc3339).map(Self).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let check = |milliseconds, expect: &str| {
            let time = Timestamp::from(SystemTime::UNIX_EPOCH + Duration::from_micros(milliseconds));
            let json = serde_json::to_string(&time).expect("it is a text");
            assert_eq!(json, format!("\"{expect}\""));
            assert_eq!(serde_json::from_str::<Timestamp>(&json).expect("it was written"), time);
        };
        check(0, "1970-01-01T00:00:00Z");
        check(1_700_000_000_123_456, "2023-11-14T22:13:20.123Z");
        check(1_700_000_000_999_999, "2023-11-14T22:13:20.999Z");
    }

    #[test]
    fn nothing_is_earlier_than_the_earliest() {
        let now = Timestamp::now();
        assert!(now.minus(Duration::from_secs(1)) < now);
        assert_eq!(now.minus(Duration::MAX).to_string(), "1970-01-01T00:00:00Z");
    }
}
