//! The extensions that make up a worker's JavaScript environment.
//!
//! The build script makes the start-up snapshot of exactly these and includes this file for that: V8
//! finds a snapshot's native functions by their place in the list of operations, so the list must be
//! the same when the snapshot is made and when it is used.

use std::{cell::Cell, rc::Rc, time::Instant};

use deno_core::{Extension, OpDecl, OpState, op2};

/// What JavaScript can ask of its host.
pub(crate) trait Host {
    /// Passes console text on; `level` counts from `log` in the order of
    /// [`stasis_core::ConsoleLevel`].
    fn console(&self, level: u8, text: &str);
    /// Fills a buffer with numbers in `0..1`, each with 52 random bits.
    fn fill_random(&self, numbers: &mut [f64]);
}

/// The deadline of JavaScript's next timer. The timers themselves are kept by deno_core's own
/// JavaScript; its native half sits on tokio's clock, which a frozen process has no use for.
pub(crate) struct Timers {
    origin: Instant,
    next: Cell<Option<f64>>,
}

impl Timers {
    fn new() -> Self {
        Self { origin: Instant::now(), next: Cell::new(None) }
    }

    /// Milliseconds since the isolate was made.
    pub(crate) fn now(&self) -> f64 {
        self.origin.elapsed().as_secs_f64() * 1000.0
    }

    /// When the next timer is due, on the scale of [`Timers::now`].
    pub(crate) fn next(&self) -> Option<f64> {
        self.next.get()
    }

    pub(crate) fn set_next(&self, next: Option<f64>) {
        self.next.set(next);
    }
}

#[op2(fast)]
fn op_stasis_console(state: &mut OpState, #[smi] level: u32, #[string] text: &str) {
    let host = state.borrow::<Rc<dyn Host>>().clone();
    host.console(level as u8, text);
}

#[op2(fast)]
fn op_stasis_fill_random(state: &mut OpState, #[buffer] numbers: &mut [f64]) {
    let host = state.borrow::<Rc<dyn Host>>().clone();
    host.fill_random(numbers);
}

/// In place of `op_timer_schedule`: -1 and -2 say whether timers keep the loop alive, which is not
/// how a run ends here.
#[op2(fast)]
fn op_stasis_timer_schedule(state: &mut OpState, delay: f64) {
    if delay >= 0.0 {
        let timers = state.borrow::<Timers>();
        timers.set_next(Some(timers.now() + delay));
    }
}

/// In place of `op_timer_now`.
#[op2(fast)]
fn op_stasis_timer_now(state: &mut OpState) -> f64 {
    state.borrow::<Timers>().now()
}

/// Operations of deno_core that would reach out of the isolate, even though no script gets at them.
const DISABLED: [&str; 2] = ["op_print", "op_panic"];

fn replace(operation: OpDecl) -> OpDecl {
    match operation.name {
        "op_timer_schedule" => operation.with_implementation_from(&op_stasis_timer_schedule()),
        "op_timer_now" => operation.with_implementation_from(&op_stasis_timer_now()),
        name if DISABLED.contains(&name) => operation.disable(),
        _ => operation,
    }
}

deno_core::extension!(
    stasis,
    deps = [deno_webidl, deno_web, deno_crypto],
    ops = [op_stasis_console, op_stasis_fill_random],
    js = [dir "src/engine", "bootstrap.js"],
    middleware = replace,
    state = |state| state.put(Timers::new()),
);

/// All extensions, in the order that the snapshot fixes.
pub(crate) fn all() -> Vec<Extension> {
    vec![
        deno_webidl::deno_webidl::init(),
        deno_web::deno_web::init(
            deno_web::BlobStore::default_arc(),
            None,
            false,
            deno_web::InMemoryBroadcastChannel::default(),
        ),
        deno_crypto::deno_crypto::init(None),
        stasis::init(),
    ]
}
