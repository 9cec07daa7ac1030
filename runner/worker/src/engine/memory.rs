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

/// Has V8 begin a fresh page of its heap for what lives long. What compiling a script leaves lies side by side there,
/// and not in the gaps of many pages, each of which a run would have to copy together with V8's notes about it. To
/// be called once, after the last collection of garbage before the base image is made.
pub(super) fn begin_fresh_page(isolate: &mut v8::Isolate) {
    /// More than gaps have; what is much larger gets memory of its own.
    const BYTES: usize = 100 << 10;
    /// Far more than there are gaps of that size.
    const MOST: u8 = 64;
    v8::scope!(let scope, isolate);
    let before = bytes_for_long_lived(scope);
    for letter in 0..MOST {
        // Strings of which there is only one with each text are taken to live long.
        let text = [letter; BYTES];
        let _garbage = v8::String::new_from_one_byte(scope, &text, v8::NewStringType::Internalized);
        if bytes_for_long_lived(scope) != before {
            break;
        }
    }
}

/// Bytes that V8 has for what lives long, used or not.
fn bytes_for_long_lived(isolate: &mut v8::Isolate) -> usize {
    let spaces = 0..isolate.number_of_heap_spaces();
    let spaces = spaces.filter_map(|index| isolate.get_heap_space_statistics(index));
    spaces.filter(|space| space.space_name() == c"old_space").map(|space| space.space_size()).sum()
}

/// Has the C library sort the pieces of memory that were given back to it, which it puts off until it is
/// asked for a large one. Each run on a heap would have to do it otherwise, and write to every page that
/// has such a piece.
pub(super) fn sort_free_memory() {
    /// Large, but not so large that it would be mapped on its own.
    const BYTES: usize = 100 << 10;
    drop(std::hint::black_box(Vec::<u8>::with_capacity(BYTES)));
}

/// Has the C library hand out every piece that was given back to it, and keeps them all. What is allocated
/// from here on lies side by side in fresh memory, and not here and there in pages that each run would have to
/// copy. To be called once, before the base image is made.
pub(super) fn use_up_free_memory() {
    /// What is to be free at the end of the C library's memory: more than a short script allocates.
    const FREE_AT_END: usize = 512 << 10;
    /// Large enough to use up memory quickly, but not so large that it would be mapped on its own.
    const LARGEST: usize = 64 << 10;
    /// The C library's smallest piece.
    const SMALLEST: usize = 24;
    /// Up to this size it keeps pieces of each size apart, in steps of [`STEP`].
    const LARGEST_EXACT: usize = SMALLEST + 63 * STEP;
    const STEP: usize = 16;
    /// Far more pieces than there are of the largest size, and of any.
    const MOST_LARGEST: usize = 1 << 10;
    const MOST_PIECES: usize = 1 << 20;
    let keep = |bytes| {
        let piece = std::mem::ManuallyDrop::new(Vec::<u8>::with_capacity(bytes));
        std::hint::black_box(piece.as_ptr()) as usize
    };
    // What comes from the end comes from behind this piece.
    let at_end = (0..MOST_LARGEST).find_map(|_| {
        let before = free_at_end();
        let piece = keep(LARGEST);
        let room = free_at_end();
        (room != before && room >= FREE_AT_END).then_some(piece..piece + LARGEST + room)
    });
    let Some(at_end) = at_end else { return };
    let mut bytes = LARGEST;
    while bytes >= SMALLEST {
        for _ in 0..MOST_PIECES {
            if at_end.contains(&keep(bytes)) {
                break;
            }
        }
        bytes = if bytes > LARGEST_EXACT { (bytes / 2).max(LARGEST_EXACT) } else { bytes - STEP };
    }
}

/// Bytes that the C library has free at the end of its memory.
fn free_at_end() -> usize {
    // SAFETY: asks for numbers and takes no arguments.
    unsafe { libc::mallinfo2() }.keepcost
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
