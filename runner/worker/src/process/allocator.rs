//! The program's allocator: the system's, for Rust, C and C++. In a run it says what happened when there is no memory
//! left, where Rust and C++ would abort as if the program were broken, and ICU uses what it did not get.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    ffi::c_void,
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

#[cfg(all(target_env = "gnu", not(target_feature = "crt-static")))]
mod c {
    //! Linked into the executable in place of the C library's, which has them under other names, too: for programs
    //! that do this.

    use std::ffi::c_void;

    use super::checked;

    unsafe extern "C" {
        fn __libc_malloc(bytes: usize) -> *mut c_void;
        fn __libc_calloc(count: usize, bytes: usize) -> *mut c_void;
        fn __libc_realloc(memory: *mut c_void, bytes: usize) -> *mut c_void;
    }

    /// C `malloc`.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn malloc(bytes: usize) -> *mut c_void {
        // SAFETY: any number of bytes may be asked for.
        checked(unsafe { __libc_malloc(bytes) }.cast()).cast()
    }

    /// C `calloc`.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn calloc(count: usize, bytes: usize) -> *mut c_void {
        // SAFETY: as above.
        checked(unsafe { __libc_calloc(count, bytes) }.cast()).cast()
    }

    /// C `realloc`. Of no bytes it is `free`.
    ///
    /// # Safety
    /// As C has it.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn realloc(memory: *mut c_void, bytes: usize) -> *mut c_void {
        // SAFETY: the caller keeps to the contract.
        let moved = unsafe { __libc_realloc(memory, bytes) };
        if bytes == 0 { moved } else { checked(moved.cast()).cast() }
    }

    /// [`calloc`] that can be refused.
    pub(super) fn zeroed(bytes: usize) -> *mut c_void {
        // SAFETY: any number of bytes may be asked for.
        unsafe { __libc_calloc(bytes, 1) }
    }

    /// [`malloc`] that can be refused.
    pub(super) fn uninitialized(bytes: usize) -> *mut c_void {
        // SAFETY: any number of bytes may be asked for.
        unsafe { __libc_malloc(bytes) }
    }
}

#[cfg(not(all(target_env = "gnu", not(target_feature = "crt-static"))))]
mod c {
    //! The C library's own.

    use std::ffi::c_void;

    pub(super) fn zeroed(bytes: usize) -> *mut c_void {
        // SAFETY: any number of bytes may be asked for.
        unsafe { libc::calloc(bytes, 1) }
    }

    pub(super) fn uninitialized(bytes: usize) -> *mut c_void {
        // SAFETY: any number of bytes may be asked for.
        unsafe { libc::malloc(bytes) }
    }
}

/// Memory of zeros, to be given back with C's `free`; null, also in a run, if there is none.
pub(super) fn try_zeroed(bytes: usize) -> *mut c_void {
    c::zeroed(bytes)
}

/// Memory that holds anything; else as [`try_zeroed`].
pub(super) fn try_uninitialized(bytes: usize) -> *mut c_void {
    c::uninitialized(bytes)
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
