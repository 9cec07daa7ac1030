//! What scripts ask of the host, as messages to the server.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
};

use futures::{FutureExt as _, channel::oneshot, future, future::LocalBoxFuture};
use rand_xoshiro::{
    Xoshiro256PlusPlus,
    rand_core::{Rng, SeedableRng},
};
use stasis_core::{HostAnswer, HostCall, HostResult};

use super::{
    extension::{CallError, Outside},
    randomness::fresh_seed,
};
use crate::{
    process::Channel,
    protocol::{FromWorker, MAX_CALL, MAX_CONSOLE_PIECE, MAX_OPEN_BYTES, MAX_OPEN_CALLS, encode},
};

/// The script's side of the channel.
pub(crate) struct Link {
    channel: Channel,
    /// Seeded when it is first used in a run.
    random: RefCell<Option<Xoshiro256PlusPlus>>,
    /// While the engine warms up, nobody listens.
    muted: Cell<bool>,
    next_call: Cell<u32>,
    next_fetch: Cell<u32>,
    /// How many answers this run has got.
    answers: Cell<u32>,
    /// Whether scripts find `fs`.
    files: Cell<bool>,
    open: Rc<OpenCalls>,
}

/// Whoever waits for the answer to a call, by its number.
#[derive(Default)]
struct OpenCalls(RefCell<HashMap<u32, OpenCall>>);

struct OpenCall {
    /// Size of its frame.
    bytes: usize,
    answer: oneshot::Sender<HostResult>,
}

impl OpenCalls {
    fn bytes(&self) -> usize {
        self.0.borrow().values().map(|open| open.bytes).sum()
    }
}

impl Link {
    pub(super) fn new(channel: Channel) -> Self {
        Self {
            channel,
            random: RefCell::default(),
            muted: Cell::new(false),
            next_call: Cell::new(0),
            next_fetch: Cell::new(0),
            answers: Cell::new(0),
            files: Cell::new(false),
            open: Rc::default(),
        }
    }

    /// Has the next random number come from a new seed.
    pub(super) fn forget_seed(&self) {
        if self.random.borrow().is_some() {
            self.random.take();
        }
    }

    pub(super) fn mute(&self, muted: bool) {
        self.muted.set(muted);
    }

    pub(super) fn offer_files(&self, files: bool) {
        self.files.set(files);
    }

    /// Whether scripts find `fs`.
    pub(super) fn offers_files(&self) -> bool {
        self.files.get()
    }

    /// Hands an answer to whoever asked.
    pub(super) fn answer(&self, id: u32, result: HostResult) {
        self.answers.set(self.answers.get().wrapping_add(1));
        if let Some(open) = self.open.0.borrow_mut().remove(&id) {
            // The script may have stopped waiting.
            let _unwanted = open.answer.send(result);
        }
    }

    /// How many answers this run has got.
    pub(super) fn answers(&self) -> u32 {
        self.answers.get()
    }

    /// Whether the server still owes an answer.
    pub(super) fn is_waiting(&self) -> bool {
        !self.open.0.borrow().is_empty()
    }

    /// Cancels what the run has asked for and not got: the answers would come for another process.
    pub(super) fn forget_calls(&self) {
        self.open.0.borrow_mut().clear();
        self.answers.set(0);
    }
}

/// A call whose answer somebody waits for. Dropped before the answer is there, it is withdrawn.
struct Call {
    id: u32,
    channel: Channel,
    open: Rc<OpenCalls>,
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.open.0.borrow_mut().remove(&self.id).is_some() {
            self.channel.send(&FromWorker::Withdraw { id: self.id });
        }
    }
}

impl Outside for Link {
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
        let random = random.get_or_insert_with(|| Xoshiro256PlusPlus::from_seed(fresh_seed()));
        for number in numbers {
            // 52 random bits as the fraction of a number in 1..2.
            *number = f64::from_bits(random.next_u64() >> 12 | 1.0f64.to_bits()) - 1.0;
        }
    }

    fn next_fetch(&self) -> u32 {
        let fetch = self.next_fetch.get();
        self.next_fetch.set(fetch.wrapping_add(1));
        fetch
    }

    fn call(&self, call: HostCall) -> LocalBoxFuture<'static, Result<HostAnswer, CallError>> {
        if self.open.0.borrow().len() >= MAX_OPEN_CALLS {
            let refusal = format!(
                "more than {MAX_OPEN_CALLS} requests to the host are open at a time; await some of them first"
            );
            return future::ready(Err(CallError::Plain(refusal))).boxed_local();
        }
        let id = self.next_call.get();
        let frame = encode(&FromWorker::Call { id, call });
        let bytes = frame.len();
        if bytes > MAX_CALL {
            let refusal = format!("a request to the host has {bytes} bytes; at most {MAX_CALL} are accepted");
            return future::ready(Err(CallError::Plain(refusal))).boxed_local();
        }
        if self.open.bytes() + bytes > MAX_OPEN_BYTES {
            let refusal = format!(
                "more than {} MB are on their way to the host at a time; await some of it first",
                MAX_OPEN_BYTES >> 20
            );
            return future::ready(Err(CallError::Plain(refusal))).boxed_local();
        }
        self.next_call.set(id.wrapping_add(1));
        let (answer, receiver) = oneshot::channel();
        self.open.0.borrow_mut().insert(id, OpenCall { bytes, answer });
        let withdrawal = Call { id, channel: self.channel, open: self.open.clone() };
        self.channel.send_frame(&frame, &[]);
        async move {
            let answer = receiver.await;
            drop(withdrawal);
            match answer {
                Ok(answer) => answer.map_err(CallError::from),
                Err(_cancelled) => Err(CallError::RunEnded),
            }
        }
        .boxed_local()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_numbers_fill_the_unit_interval() {
        let link = Link::new(Channel);
        link.random.replace(Some(Xoshiro256PlusPlus::seed_from_u64(7)));
        let mut numbers = [0.0; 10_000];
        link.fill_random(&mut numbers);
        assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
        let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
        assert!((0.48..0.52).contains(&mean), "{mean}");
    }
}
