//! What the newer series has in a module of its own.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// A flag that all threads see.
#[derive(Debug, Default)]
pub struct AtomicFlag(AtomicBool);

impl AtomicFlag {
    /// A flag that is down.
    pub const fn lowered() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Puts the flag up; false if it was up already.
    pub fn raise(&self) -> bool {
        !self.0.swap(true, Relaxed)
    }

    /// Whether the flag is up.
    pub fn is_raised(&self) -> bool {
        self.0.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_raised_once() {
        static FLAG: AtomicFlag = AtomicFlag::lowered();
        assert!(!FLAG.is_raised());
        assert!(FLAG.raise());
        assert!(!FLAG.raise() && FLAG.is_raised());
    }
}
