//! What scripts ask of the host, as messages to the server.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use futures::channel::oneshot;
use rand_xoshiro::{
    Xoshiro256PlusPlus,
    rand_core::{Rng, SeedableRng},
};

use super::extension::Host;
use crate::{
    process::Channel,
    protocol::{FromWorker, MAX_CONSOLE_PIECE, ModuleText},
};

type ModuleAnswer = Result<ModuleText, String>;

/// The script's side of the channel.
pub(crate) struct Link {
    channel: Channel,
    random: RefCell<Xoshiro256PlusPlus>,
    /// While the engine warms up, nobody listens.
    muted: Cell<bool>,
    next_request: Cell<u32>,
    modules: RefCell<HashMap<u32, oneshot::Sender<ModuleAnswer>>>,
}

impl Link {
    pub(super) fn new(channel: Channel) -> Self {
        Self {
            channel,
            random: RefCell::new(Xoshiro256PlusPlus::seed_from_u64(0)),
            muted: Cell::new(false),
            next_request: Cell::new(0),
            modules: RefCell::default(),
        }
    }

    pub(super) fn seed(&self, seed: [u8; 32]) {
        *self.random.borrow_mut() = Xoshiro256PlusPlus::from_seed(seed);
    }

    pub(super) fn mute(&self, muted: bool) {
        self.muted.set(muted);
    }

    /// Asks for a module's source.
    pub(super) fn load_module(&self, specifier: &str) -> oneshot::Receiver<ModuleAnswer> {
        let id = self.next_request.get();
        self.next_request.set(id.wrapping_add(1));
        let (sender, receiver) = oneshot::channel();
        self.modules.borrow_mut().insert(id, sender);
        self.channel.send(&FromWorker::LoadModule { id, specifier: specifier.to_owned() });
        receiver
    }

    /// Hands a module's source to whoever asked.
    pub(super) fn answer(&self, id: u32, answer: ModuleAnswer) {
        if let Some(sender) = self.modules.borrow_mut().remove(&id) {
            // The script may have stopped waiting.
            let _unwanted = sender.send(answer);
        }
    }

    /// Whether the server still owes an answer.
    pub(super) fn is_waiting(&self) -> bool {
        !self.modules.borrow().is_empty()
    }

    /// Cancels what the run has asked for and not got: the answers would come for another process.
    pub(super) fn forget_requests(&self) {
        self.modules.borrow_mut().clear();
    }
}

impl Host for Link {
    fn console(&self, level: u8, text: &str) {
        if self.muted.get() {
            return;
        }
        let mut rest = text;
        loop {
            let (piece, after) = rest.split_at(rest.floor_char_boundary(MAX_CONSOLE_PIECE));
            let more = !after.is_empty();
            self.channel.send(&FromWorker::Console { level, text: piece.to_owned(), more });
            rest = after;
            if !more {
                return;
            }
        }
    }

    fn fill_random(&self, numbers: &mut [f64]) {
        let mut random = self.random.borrow_mut();
        for number in numbers {
            // 52 random bits as the fraction of a number in 1..2.
            *number = f64::from_bits(random.next_u64() >> 12 | 1.0f64.to_bits()) - 1.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_numbers_fill_the_unit_interval() {
        let link = Link::new(Channel);
        link.seed([7; 32]);
        let mut numbers = [0.0; 10_000];
        link.fill_random(&mut numbers);
        assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
        let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
        assert!((0.48..0.52).contains(&mean), "{mean}");
    }
}
