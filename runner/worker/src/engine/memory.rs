//! What a run may keep on V8's heap.
//!
//! V8's own limit of the old generation can be lowered at any time but raised only from within the
//! callback that it calls when it gets near it. A heap goes from run to run with different limits,
//! so the truth is kept here: [`allow`] lowers V8's limit, and the callback raises it while the
//! run's own has not been reached. When it has, the process ends then and there: V8 would only abort.

use std::{
    ffi::{c_char, c_void},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use deno_core::v8;

use crate::{
    process::{Channel, EXIT_NORMAL, end},
    protocol::FromWorker,
};

/// The old generation's limit for this run, in bytes. One isolate per process, so one number.
static ALLOWED: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Has V8 ask before it takes more memory than a run may have, and say so before it gives up.
pub(super) fn install(isolate: &mut v8::Isolate) {
    let data = data_of(isolate);
    isolate.add_near_heap_limit_callback(near_limit, data);
    isolate.set_oom_error_handler(out_of_memory);
}

/// Sets the limit of a run.
pub(super) fn allow(isolate: &mut v8::Isolate, bytes: usize) {
    ALLOWED.store(bytes, Relaxed);
    isolate.remove_near_heap_limit_callback(near_limit, bytes);
    let data = data_of(isolate);
    isolate.add_near_heap_limit_callback(near_limit, data);
}

/// Has the C library sort the pieces of memory that were given back to it, which it puts off until it is
/// asked for a large one. Each run on a heap would have to do it otherwise, and write to every page that
/// has such a piece.
pub(super) fn sort_free_memory() {
    /// Large, but not so large that it would be mapped on its own.
    const BYTES: usize = 100 << 10;
    drop(std::hint::black_box(Vec::<u8>::with_capacity(BYTES)));
}

/// What [`near_limit`] is called with: the isolate.
fn data_of(isolate: &mut v8::Isolate) -> *mut c_void {
    // SAFETY: only reads the pointer, and turns it into one of another type of the same layout
    // (`UnsafeRawIsolatePtr` is transparent).
    unsafe { std::mem::transmute::<v8::UnsafeRawIsolatePtr, *mut c_void>(isolate.as_raw_isolate_ptr()) }
}

/// Bytes of objects on V8's heap.
fn used(data: *mut c_void) -> usize {
    // SAFETY: `data_of` made the pointer of the process's only isolate, which lives as long as the
    // process; V8 allows its statistics to be read from within the callback.
    let mut isolate = unsafe {
        v8::Isolate::from_raw_isolate_ptr(std::mem::transmute::<*mut c_void, v8::UnsafeRawIsolatePtr>(data))
    };
    isolate.get_heap_statistics().used_heap_size()
}

/// V8's `NearHeapLimitCallback`: returns the new limit.
extern "C" fn near_limit(data: *mut c_void, current: usize, _initial: usize) -> usize {
    let allowed = ALLOWED.load(Relaxed);
    if current < allowed {
        return allowed;
    }
    if used(data) < allowed - allowed / 8 {
        // V8 also calls when it could not get memory outside of its heap, after a last collection.
        // What the script then gets is an exception, if V8 only finds some room.
        return current + HEADROOM_BYTES;
    }
    report_and_end()
}

/// Room that is given to V8 to make an exception in.
const HEADROOM_BYTES: usize = 1 << 20;

/// V8's `OOMErrorCallback`: a table, a buffer or a compiler's zone could not grow; V8 would abort.
extern "C" fn out_of_memory(_location: *const c_char, _details: &v8::OomDetails) {
    report_and_end()
}

fn report_and_end() -> ! {
    Channel.send(&FromWorker::OutOfMemory);
    end(EXIT_NORMAL)
}
