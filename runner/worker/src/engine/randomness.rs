//! Fresh random state at the start of a run: processes that come from one image share everything, so
//! every generator that has state must be seeded anew, or two branches would draw the same numbers.
//!
//! Generators of the crypto libraries are taken care of by [`stasis_image::interpose`].

use rand_of_deno::RngCore;

use super::Engine;

impl Engine {
    /// Makes `Math.random` start from a new seed. Writes only where the last run has used it: a page that is
    /// written to is a page to be copied.
    pub(super) fn reseed(&mut self) {
        self.link.forget_seed();
        drain_thread_generator();
        // `bootstrap.js` keeps here how many random numbers it has in store: none.
        self.intrinsics.of_run.iter().filter(|byte| byte.get() != 0).for_each(|byte| byte.set(0));
    }
}

/// A seed from the kernel.
pub(super) fn fresh_seed() -> [u8; 32] {
    let mut seed = [0; 32];
    let filled = rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty());
    assert_eq!(filled, Ok(seed.len()), "the kernel always has 32 random bytes");
    seed
}

/// The generator behind `crypto.getRandomValues` and `randomUUID` notices a fork only when it makes its
/// next block of numbers, and hands out what is left of the last one first.
fn drain_thread_generator() {
    /// Size of `rand_chacha`'s buffer, in bytes: 64 words.
    const BUFFER_BYTES: usize = 256;
    rand_of_deno::thread_rng().fill_bytes(&mut [0; BUFFER_BYTES]);
}
