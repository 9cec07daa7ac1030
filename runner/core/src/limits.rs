//! What one run may use.

use std::{fmt, time::Duration};

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

impl ByteSize {
    /// So many bytes.
    pub const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// So many mebibytes; saturates.
    pub const fn mebibytes(mebibytes: u64) -> Self {
        Self(mebibytes.saturating_mul(1 << 20))
    }

    /// The number of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        match UNITS.iter().find(|(_, size)| self.0 >= *size) {
            Some((unit, size)) => write!(f, "{:.1} {unit}", self.0 as f64 / *size as f64),
            None => write!(f, "{} B", self.0),
        }
    }
}

/// What one run may use. Each limit is enforced so that a script that exceeds it ends only its own
/// run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// What the script may keep on V8's heap, over and above the runtime's own base heap.
    pub heap: ByteSize,
    /// Buffers, WebAssembly memory and everything else outside V8's heap.
    pub external: ByteSize,
    /// Wall-clock time, counted from when the worker starts the run.
    pub wall_clock: Duration,
    /// Console text; what a script prints beyond it ends the run.
    pub console: ByteSize,
    /// The result's text.
    pub result: ByteSize,
}

impl Limits {
    /// Default and maximum of `heap`.
    pub const DEFAULT_HEAP: ByteSize = ByteSize::mebibytes(8);
    /// The largest heap that can be asked for.
    pub const MAX_HEAP: ByteSize = ByteSize::mebibytes(4096);
    /// Default of `external`.
    pub const DEFAULT_EXTERNAL: ByteSize = ByteSize::mebibytes(256);
    /// The most that can be asked for outside V8's heap.
    pub const MAX_EXTERNAL: ByteSize = ByteSize::mebibytes(16384);
    /// Default of `wall_clock`.
    pub const DEFAULT_WALL_CLOCK: Duration = Duration::from_secs(30);
    /// The longest a run can be allowed to take.
    pub const MAX_WALL_CLOCK: Duration = Duration::from_secs(300);
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            heap: Self::DEFAULT_HEAP,
            external: Self::DEFAULT_EXTERNAL,
            wall_clock: Self::DEFAULT_WALL_CLOCK,
            console: ByteSize::mebibytes(64),
            result: ByteSize::mebibytes(16),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_in_the_largest_fitting_unit() {
        let check = |bytes, expect: &str| assert_eq!(ByteSize::bytes(bytes).to_string(), expect);
        check(0, "0 B");
        check(1023, "1023 B");
        check(1536, "1.5 KiB");
        check(8 << 20, "8.0 MiB");
        check(3 << 30, "3.0 GiB");
    }
}
