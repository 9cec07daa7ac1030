//! Buffers and WebAssembly memories leave a little of a run's memory to V8.
//!
//! A buffer that cannot be had is an exception, which V8 makes on its heap, after it has looked for garbage. If buffers
//! have used up everything, there is no room for either, and V8 gives up. So they are had only while there is more.

use std::{
    ffi::{c_int, c_void},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use deno_core::v8;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

use super::allocator::{is_in_run, try_uninitialized, try_zeroed};

/// What is left, in bytes: for some pieces of V8's heap, and the memory in which it notes what it has marked.
const LEFT_BYTES: usize = 16 << 20;
/// How much may be taken without a look at what is left, in bytes.
const UNSEEN_BYTES: usize = 64 << 10;

/// Bytes taken since the last look.
static UNSEEN: AtomicUsize = AtomicUsize::new(0);

/// Whether so much can be taken. After a refusal there is a look each time.
fn leaves_enough(bytes: usize) -> bool {
    let unseen = UNSEEN.load(Relaxed).saturating_add(bytes);
    UNSEEN.store(unseen, Relaxed);
    if unseen < UNSEEN_BYTES || !is_in_run() {
        return true;
    }
    let enough = can_be_mapped(bytes.saturating_add(LEFT_BYTES));
    if enough {
        UNSEEN.store(0, Relaxed);
    }
    enough
}

/// Whether the kernel would let the process have so much.
fn can_be_mapped(bytes: usize) -> bool {
    let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    // SAFETY: what is mapped is new, nobody else knows of it, and it is gone again afterwards.
    unsafe {
        let Ok(mapped) = mmap_anonymous(std::ptr::null_mut(), bytes, protection, flags) else { return false };
        munmap(mapped, bytes).is_ok()
    }
}

/// POSIX `mprotect`, linked into the executable in place of the C library's: how V8 takes memory for what can grow,
/// after it has set addresses aside.
///
/// # Safety
/// As the system call.
#[unsafe(no_mangle)]
unsafe extern "C" fn mprotect(start: *mut c_void, bytes: usize, protection: c_int) -> c_int {
    if protection & libc::PROT_WRITE != 0 && !leaves_enough(bytes) {
        // SAFETY: the C library's own place for errors of this thread.
        unsafe { *libc::__errno_location() = libc::ENOMEM };
        return -1;
    }
    // SAFETY: the caller keeps to the system call's contract.
    unsafe { libc::syscall(libc::SYS_mprotect, start, bytes, protection) as c_int }
}

/// Where V8 has the memory of ordinary buffers from: the C library, as by default.
pub(crate) fn buffer_allocator() -> v8::UniqueRef<v8::Allocator> {
    static CALLS: v8::RustAllocatorVtable<()> =
        v8::RustAllocatorVtable { allocate, allocate_uninitialized, free, drop };
    // SAFETY: the functions do not look at the handle.
    unsafe { v8::new_rust_allocator(std::ptr::null(), &CALLS) }
}

unsafe extern "C" fn allocate(_: &(), bytes: usize) -> *mut c_void {
    if !leaves_enough(bytes) {
        return std::ptr::null_mut();
    }
    try_zeroed(bytes)
}

unsafe extern "C" fn allocate_uninitialized(_: &(), bytes: usize) -> *mut c_void {
    if !leaves_enough(bytes) {
        return std::ptr::null_mut();
    }
    try_uninitialized(bytes)
}

unsafe extern "C" fn free(_: &(), data: *mut c_void, _bytes: usize) {
    // SAFETY: V8 gives back what it got from the functions above, once.
    unsafe { libc::free(data) };
}

unsafe extern "C" fn drop(_: *const ()) {}
