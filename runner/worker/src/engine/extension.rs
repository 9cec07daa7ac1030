//! The extensions that make up a worker's JavaScript environment.
//!
//! The build script makes the start-up snapshot of exactly these and includes this file for that: V8
//! finds a snapshot's native functions by their place in the list of operations, so the list must be
//! the same when the snapshot is made and when it is used.

#[path = "extension/calls.rs"]
mod calls;
#[path = "extension/fetch_classes.rs"]
mod fetch_classes;

use std::{cell::Cell, rc::Rc, time::Instant};

use deno_core::{Extension, OpDecl, OpState, error::dispatch_exception, op2, v8};
use futures::future::LocalBoxFuture;
use stasis_core::{HostAnswer, HostCall};

pub(crate) use calls::CallError;
use calls::{
    op_stasis_fetch, op_stasis_fetch_close, op_stasis_fetch_number, op_stasis_fetch_read,
    op_stasis_fetch_write, op_stasis_file, op_stasis_read_file, op_stasis_read_text,
};

/// What JavaScript can ask of what is around it.
pub(crate) trait Outside {
    /// Passes console text on; `level` counts from `log` in the order of
    /// [`stasis_core::ConsoleLevel`].
    fn console(&self, level: u8, text: &str);
    /// Fills a buffer with numbers in `0..1`, each with 52 random bits.
    fn fill_random(&self, numbers: &mut [f64]);
    /// A number for a fetch that is about to begin.
    fn next_fetch(&self) -> u32;
    /// Asks the host; dropping the future withdraws the question.
    fn call(&self, call: HostCall) -> LocalBoxFuture<'static, Result<HostAnswer, CallError>>;
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

/// What a script threw and nobody caught; in a slot of the isolate.
pub(crate) struct Uncaught(pub(crate) v8::Global<v8::Value>);

#[op2(fast)]
fn op_stasis_console(state: &mut OpState, #[smi] level: u32, #[string] text: &str) {
    let host = state.borrow::<Rc<dyn Outside>>().clone();
    host.console(level as u8, text);
}

#[op2(fast)]
fn op_stasis_fill_random(state: &mut OpState, #[buffer] numbers: &mut [f64]) {
    let host = state.borrow::<Rc<dyn Outside>>().clone();
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

/// In place of `op_dispatch_exception`: the value itself is kept, and deno_core, which would make a text of its own of
/// it, has nothing to look at.
#[op2(fast, reentrant)]
fn op_stasis_dispatch_exception<'s, 'i>(
    scope: &mut v8::PinScope<'s, 'i>,
    exception: v8::Local<'s, v8::Value>,
    promise: bool,
) {
    let uncaught = Uncaught(v8::Global::new(scope, exception));
    scope.set_slot(uncaught);
    let nothing = v8::undefined(scope).into();
    dispatch_exception(scope, nothing, promise);
}

/// Operations of deno_core that would reach out of the isolate, even though no script gets at them.
const DISABLED: [&str; 2] = ["op_print", "op_panic"];

fn replace(operation: OpDecl) -> OpDecl {
    match operation.name {
        "op_timer_schedule" => operation.with_implementation_from(&op_stasis_timer_schedule()),
        "op_dispatch_exception" => operation.with_implementation_from(&op_stasis_dispatch_exception()),
        "op_timer_now" => operation.with_implementation_from(&op_stasis_timer_now()),
        name if DISABLED.contains(&name) => operation.disable(),
        _ => operation,
    }
}

deno_core::extension!(
    stasis,
    deps = [deno_webidl, deno_web, deno_crypto, deno_fetch],
    ops = [
        op_stasis_console,
        op_stasis_fill_random,
        op_stasis_fetch,
        op_stasis_fetch_close,
        op_stasis_fetch_number,
        op_stasis_fetch_read,
        op_stasis_fetch_write,
        op_stasis_file,
        op_stasis_read_file,
        op_stasis_read_text,
    ],
    lazy_loaded_js = [
        dir "src/engine/javascript",
        "fetch.js",
        "fs.js",
        "node_fs.js",
        "node_fs_promises.js"
    ],
    synthetic_esm = [
        "node:fs" = "ext:stasis/node_fs.js",
        "node:fs/promises" = "ext:stasis/node_fs_promises.js"
    ],
    js = [dir "src/engine/javascript", "bootstrap.js"],
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
        fetch_classes::extension(),
        stasis::init(),
    ]
}
