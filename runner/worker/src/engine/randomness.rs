//! Fresh random state at the start of a run: processes that come from one image share everything, so
//! every generator that has state must be seeded anew, or two branches would draw the same numbers.
//!
//! Generators of the crypto libraries are taken care of by [`stasis_image::interpose`].

use super::Engine;

impl Engine {
    /// Makes `Math.random` start from a new seed.
    pub(super) fn reseed(&mut self) {
        let mut seed = [0; 32];
        let filled = rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty());
        assert_eq!(filled, Ok(seed.len()), "the kernel always has 32 random bytes");
        self.link.seed(seed);
        // `bootstrap.js` keeps here how many random numbers it has in store: none.
        self.intrinsics.random_left.iter().for_each(|byte| byte.set(0));
    }
}
