//! Fresh random state at the start of a run: processes that come from one image share everything, so
//! every generator that has state must be seeded anew, or two branches would draw the same numbers.
//!
//! Generators of the crypto libraries are taken care of by [`stasis_image::interpose`].

use rand_of_deno::RngCore;

use super::Engine;

impl Engine {
    /// Makes `Math.random` start from a new seed.
    pub(super) fn reseed(&mut self) {
        let mut seed = [0; 32];
        let filled = rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty());
        assert_eq!(filled, Ok(seed.len()), "the kernel always has 32 random bytes");
        self.link.seed(seed);
        drain_thread_generator();
        // `bootstrap.js` keeps here how many random numbers it has in store: none.
        self.intrinsics.random_left.iter().for_each(|byte| byte.set(0));
    }
}

/// The generator behind `crypto.getRandomValues` and `randomUUID` notices a fork only when it makes its
/// next block of numbers, and hands out what is left of the last one first.
fn drain_thread_generator() {
    /// Size of `rand_chacha`'s buffer, in bytes: 64 words.
    const BUFFER_BYTES: usize = 256;
    rand_of_deno::thread_rng().fill_bytes(&mut [0; BUFFER_BYTES]);
}
