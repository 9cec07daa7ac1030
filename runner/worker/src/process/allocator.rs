//! The program's allocator: the system's. In a run it says what happened when there is no memory left,
//! where Rust would abort as if the program were broken.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use super::{EXIT_OUT_OF_MEMORY, end};

struct Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// Whether this process runs a script: the server and workers that wait fail as Rust programs do.
static IN_RUN: AtomicBool = AtomicBool::new(false);

/// From now on, an allocation that fails ends the process, and buffers leave some memory (see [`super::buffers`]).
pub(super) fn begin_run() {
    IN_RUN.store(true, Relaxed);
}

/// Whether [`begin_run`] was called.
pub(super) fn is_in_run() -> bool {
    IN_RUN.load(Relaxed)
}

/// Has the C library take memory from the kernel in pieces of this size. Without a program break, which the
/// sandbox denies, it takes 128 KiB at a time, each of which is a mapping that forks and thaws have to copy. To be
/// called before much is allocated.
pub(super) fn take_large_pieces() {
    const BYTES: libc::c_int = 1 << 20;
    // SAFETY: sets a number within the C library, before any other thread could be there.
    let set = unsafe { libc::mallopt(libc::M_TOP_PAD, BYTES) };
    debug_assert_eq!(set, 1, "glibc has this setting");
}

/// Has the kernel keep the C library's first piece of memory in one large page, in place of the hundreds of small ones
/// that booting would fault in one by one. To be called when there is no program break any more; a mere improvement.
pub(super) fn take_large_page() {
    /// Too large for the rest of the program break, not so large that it would be mapped on its own.
    const BYTES: usize = 120 << 10;
    const LARGE: usize = stasis_image::LARGE_PAGE as usize;
    let first = Vec::<u8>::with_capacity(BYTES);
    let start = std::hint::black_box(first.as_ptr()) as usize & !(LARGE - 1);
    // SAFETY: what the pages hold stays as it is. Where not all of them are mapped, the kernel refuses.
    let _refused = unsafe { libc::madvise(start as *mut libc::c_void, LARGE, libc::MADV_COLLAPSE) };
}

fn checked(memory: *mut u8) -> *mut u8 {
    if memory.is_null() && is_in_run() {
        end(EXIT_OUT_OF_MEMORY);
    }
    memory
}

// SAFETY: every call is passed on to the system's allocator, with what the caller promised.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: see above.
        checked(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: see above.
        checked(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: see above.
        checked(unsafe { System.realloc(memory, layout, bytes) })
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: see above.
        unsafe { System.dealloc(memory, layout) }
    }
}
