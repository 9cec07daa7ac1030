//! Statistics of measured times.

use std::time::Duration;

/// Measured times in ascending order; at least one.
#[derive(Debug, Clone)]
pub struct Samples(Vec<Duration>);

impl Samples {
    /// Takes times in any order.
    ///
    /// # Panics
    /// If there are none.
    pub fn of(mut times: Vec<Duration>) -> Self {
        assert!(!times.is_empty(), "nothing was measured");
        times.sort_unstable();
        Self(times)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The time that half of them do not exceed.
    pub fn median(&self) -> Duration {
        self.percentile(50)
    }

    /// The time that `percent` of them do not exceed (nearest rank).
    pub fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.0.len() * percent.min(100)).div_ceil(100);
        self.0[rank.saturating_sub(1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let check = |times: &[u64], percent, expect| {
            let times = times.iter().copied().map(Duration::from_millis).collect();
            assert_eq!(Samples::of(times).percentile(percent), Duration::from_millis(expect));
        };
        check(&[7], 0, 7);
        check(&[7], 99, 7);
        check(&[3, 1, 2], 50, 2);
        check(&[4, 3, 1, 2], 50, 2);
        check(&[4, 3, 1, 2], 99, 4);
    }
}
