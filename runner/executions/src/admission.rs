//! Who may run now, who waits, and who is refused.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use crate::measure;

/// On whose behalf something is run: callers take turns, so that one who asks for much does not make the
/// others wait.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller(String);

impl Caller {
    /// A caller by whatever tells it from others, for example its address.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }
}

/// Lets a bounded number run, a bounded number wait, and no more.
#[derive(Debug)]
pub(crate) struct Admission {
    state: Mutex<State>,
    bounds: Bounds,
}

/// How many of what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// How many may use a processor.
    pub(crate) running: usize,
    /// How many may be going, those included whose state is on its way to the store.
    pub(crate) going: usize,
    /// How many may wait.
    pub(crate) waiting: usize,
    /// How many may be asleep besides, because they can do nothing until their host answers.
    pub(crate) asleep: usize,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    going: usize,
    asleep: usize,
    /// Callers who have somebody waiting, in the order of their turns.
    callers: VecDeque<(Caller, VecDeque<Waiter>)>,
    waiting: usize,
    next_ticket: u64,
    closed: bool,
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    turn: oneshot::Sender<Permit>,
}

/// Why nobody may enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// As many wait as may.
    Full,
    /// Nobody is let in any more.
    Closed,
}

/// The right to run, or a place in the queue.
#[derive(Debug)]
pub(crate) enum Entrance {
    Now(Permit),
    Later(Place),
}

/// A place in the queue; whoever drops it has left.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Arc<Admission>,
    caller: Caller,
    ticket: u64,
    turn: oneshot::Receiver<Permit>,
}

/// The right to run; whoever drops it has finished.
#[derive(Debug)]
pub(crate) struct Permit {
    admission: Arc<Admission>,
    phase: Phase,
}

/// What somebody with the right to run is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    Asleep,
    /// On the way to the store.
    Saving,
}

impl Admission {
    pub(crate) fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), bounds })
    }

    pub(crate) fn enter(self: &Arc<Self>, caller: &Caller) -> Result<Entrance, Refused> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refused::Closed);
        }
        if state.waiting == 0 && self.has_room(&state) {
            return Ok(Entrance::Now(self.admit(&mut state)));
        }
        if state.waiting >= self.bounds.waiting {
            return Err(Refused::Full);
        }
        let (turn, wait) = oneshot::channel();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.waiting += 1;
        let waiter = Waiter { ticket, turn };
        match state.callers.iter_mut().find(|(waiting, _)| waiting == caller) {
            Some((_, queue)) => queue.push_back(waiter),
            None => state.callers.push_back((caller.clone(), VecDeque::from([waiter]))),
        }
        measure::queue(state.waiting, state.running);
        Ok(Entrance::Later(Place { admission: self.clone(), caller: caller.clone(), ticket, turn: wait }))
    }

    /// Lets nobody in any more; those who wait go on waiting for their turn.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// How many use a processor, and how many wait.
    pub(crate) fn load(&self) -> (usize, usize) {
        let state = self.lock();
        (state.running, state.waiting)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_room(&self, state: &State) -> bool {
        state.running < self.bounds.running && state.going < self.bounds.going
    }

    fn admit(self: &Arc<Self>, state: &mut State) -> Permit {
        state.count(Phase::Running);
        Permit { admission: self.clone(), phase: Phase::Running }
    }

    /// Gives turns to those who wait, as long as there is room.
    fn advance(self: &Arc<Self>) {
        let mut turns = Vec::new();
        let mut state = self.lock();
        while self.has_room(&state)
            && let Some((caller, mut queue)) = state.callers.pop_front()
        {
            if let Some(waiter) = queue.pop_front() {
                state.waiting -= 1;
                turns.push((waiter, self.admit(&mut state)));
            }
            if !queue.is_empty() {
                state.callers.push_back((caller, queue));
            }
        }
        measure::queue(state.waiting, state.running);
        drop(state);
        for (waiter, permit) in turns {
            // Whoever has left in this moment does not take it, and the next one gets it.
            drop(waiter.turn.send(permit));
        }
    }
}

impl Place {
    /// Waits for its turn.
    pub(crate) async fn turn(mut self) -> Option<Permit> {
        (&mut self.turn).await.ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.admission.lock();
        let Some(position) = state.callers.iter().position(|(caller, _)| *caller == self.caller) else {
            return;
        };
        let queue = &mut state.callers[position].1;
        let before = queue.len();
        queue.retain(|waiter| waiter.ticket != self.ticket);
        let (left, empty) = (before - queue.len(), queue.is_empty());
        if empty {
            state.callers.remove(position);
        }
        state.waiting -= left;
        // A turn that was given and never taken is given back by the permit in the channel.
    }
}

impl Permit {
    /// Gives the processor to the next one; what is left to do needs none.
    pub(crate) fn stop_running(&mut self) {
        self.enter(Phase::Saving);
    }

    /// Gives everything to the next one for a while, unless too many have done so.
    pub(crate) fn sleep(&mut self) {
        if self.phase == Phase::Running && self.admission.lock().asleep < self.admission.bounds.asleep {
            self.enter(Phase::Asleep);
        }
    }

    /// Goes on after a sleep, at once: others who run meanwhile go on too, and nobody is let in until there is
    /// room again.
    pub(crate) fn wake(&mut self) {
        if self.phase == Phase::Asleep {
            self.enter(Phase::Running);
        }
    }

    fn enter(&mut self, phase: Phase) {
        let mut state = self.admission.lock();
        state.uncount(self.phase);
        state.count(phase);
        drop(state);
        self.phase = phase;
        self.admission.advance();
    }
}

impl State {
    fn count(&mut self, phase: Phase) {
        match phase {
            Phase::Running => (self.running, self.going) = (self.running + 1, self.going + 1),
            Phase::Asleep => self.asleep += 1,
            Phase::Saving => self.going += 1,
        }
    }

    fn uncount(&mut self, phase: Phase) {
        match phase {
            Phase::Running => (self.running, self.going) = (self.running - 1, self.going - 1),
            Phase::Asleep => self.asleep -= 1,
            Phase::Saving => self.going -= 1,
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.lock().uncount(self.phase);
        self.admission.advance();
    }
}

#[cfg(test)]
mod tests;
