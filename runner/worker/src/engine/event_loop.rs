//! The worker's event loop: deno_core's work, V8's own tasks, timers, and answers from the server.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use deno_core::{PollEventLoopOptions, error::CoreError, v8};

use super::{Engine, extension::Timers};
use crate::{
    process::{Channel, EXIT_BROKEN, end},
    protocol::{FromWorker, ToWorker},
};

/// What a turn of the loop leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// More can be done at once.
    Busy,
    /// Something is awaited: a timer, the server, or an operation of Deno's.
    Waiting,
    /// Nothing is left that could ever happen.
    Idle,
}

/// Notices whether anything asked to be polled again.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

impl Engine {
    /// Does what can be done now. An error is an exception that nobody caught.
    pub(super) fn turn(&mut self) -> Result<Turn, Box<CoreError>> {
        self.take_messages();
        self.fire_timers();
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let polled =
            self.runtime.poll_event_loop(&mut Context::from_waker(&waker), PollEventLoopOptions::default());
        if self.tokio.metrics().num_alive_tasks() > 0 {
            // Lets the tasks that were spawned have their turn.
            self.tokio.block_on(tokio::task::yield_now());
        }
        let pumped = v8::Platform::pump_message_loop(&self.platform, self.runtime.v8_isolate(), false);
        match polled {
            Poll::Ready(Err(error)) => Err(Box::new(error)),
            _ if pumped || woken.0.load(Relaxed) => Ok(Turn::Busy),
            Poll::Pending => Ok(Turn::Waiting),
            Poll::Ready(Ok(())) if self.next_timer().is_some() || self.link.is_waiting() => Ok(Turn::Waiting),
            Poll::Ready(Ok(())) => Ok(Turn::Idle),
        }
    }

    /// Sleeps until a timer is due or the server has something to say.
    pub(super) fn wait(&self) {
        let timer = self.next_timer();
        if !self.link.is_waiting() {
            Channel.wait(timer);
            return;
        }
        Channel.send(&FromWorker::Sleeps { answers: self.link.answers() });
        if !Channel.wait(timer) {
            Channel.send(&FromWorker::Wakes);
        }
    }

    /// Time until the next timer is due.
    fn next_timer(&self) -> Option<Duration> {
        let state = self.runtime.op_state();
        let state = state.borrow();
        let timers = state.borrow::<Timers>();
        let left = timers.next()? - timers.now();
        Some(Duration::from_secs_f64(left.max(0.0) / 1000.0))
    }

    fn fire_timers(&mut self) {
        let state = self.runtime.op_state();
        let now = {
            let state = state.borrow();
            let timers = state.borrow::<Timers>();
            match timers.next() {
                Some(due) if due <= timers.now() => {
                    timers.set_next(None);
                    timers.now()
                }
                Some(_) | None => return,
            }
        };
        self.process_timers(now);
    }

    /// Runs what is due. Exceptions are kept by deno_core, which reports them at the next poll.
    fn process_timers(&mut self, now: f64) {
        let state = self.runtime.op_state();
        scope!(scope, self);
        v8::tc_scope!(let scope, scope);
        let undefined = v8::undefined(scope).into();
        let process_timers = v8::Local::new(scope, &self.intrinsics.process_timers);
        let now = v8::Number::new(scope, now).into();
        let next = process_timers.call(scope, undefined, &[now]).and_then(|next| next.number_value(scope));
        scope.reset();
        // Zero: no timers are left. The sign says whether they would keep Deno's own loop alive. What
        // the timers have set off may set the next one, so this comes first.
        let next = next.filter(|next| *next != 0.0).map(f64::abs);
        state.borrow().borrow::<Timers>().set_next(next);
        let drain_ticks = v8::Local::new(scope, &self.intrinsics.drain_ticks);
        drain_ticks.call(scope, undefined, &[]);
    }

    /// Also when nobody waits for an answer any more: one that crossed a withdrawal, left where it is, would end
    /// every [`Engine::wait`] at once.
    fn take_messages(&mut self) {
        while Channel.wait(Some(Duration::ZERO)) {
            match Channel.receive() {
                (ToWorker::Answer { id, result }, _) => self.link.answer(id, result),
                _ => end(EXIT_BROKEN),
            }
        }
    }
}
