//! Processes killed at random moments: what was acknowledged is kept, nothing is torn, nobody hangs,
//! and no worker stays behind.

mod interrupted;
mod processes;
mod savers;
mod servers;
mod stores;
mod workers;

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// Random enough to hit every moment in the long run.
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        Self(RandomState::new().hash_one(0) | 1)
    }

    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn moment(&mut self, longest: Duration) -> Duration {
        Duration::from_micros(self.below(longest.as_micros() as u64))
    }
}
