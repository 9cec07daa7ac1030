//! Stands between the program and five functions of the C library, because a process that is forked
//! and frozen needs them to behave a little differently.
//!
//! The definitions below are linked into the executable in place of the C library's, for Rust's
//! standard library, V8 and the crypto libraries alike:
//!
//! * `madvise`: V8's published archive asks that its memory be left out of forked children
//!   (`MADV_DONTFORK`); a template's children are made of exactly that memory. Ranges that are to be
//!   wiped on fork (`MADV_WIPEONFORK`, how AWS-LC notices forks) are remembered and wiped after a
//!   thaw too.
//! * `pthread_atfork`: the handlers are remembered, to be called after a clone that the C library does
//!   not know of and after a thaw. Random generators hang on them (`rand`'s reseeding generator).
//! * `mmap64`: V8 wants each piece of its heap at a random address, where it needs page tables and a mapping
//!   of its own, which every fork copies and every thaw makes. It gets them side by side, behind the program. And
//!   it wants its code near the program's, but asks for a place that the program itself takes, and then copies
//!   its built-in functions to wherever the code went; it gets the place before the program. Within a worker,
//!   addresses then tell of each other; the box is around the worker.
//! * `munmap`: while V8 boots, what it asks for is handed out from memory that is mapped already, in large pages
//!   ([`map_ahead`]). It asks for more than it needs, and gives the rest back.
//! * `clock_gettime`: the monotonic clocks go on where they stood when the process was frozen, on
//!   whichever machine it is thawed.

use std::{
    ffi::{c_int, c_void},
    ops::Range,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

use crate::{LARGE_PAGE, PAGE_SIZE};

/// What the restorer tells the thawed process. Lives in the program's data, so that the loader knows
/// its place from the header.
#[repr(C)]
#[derive(Debug)]
pub struct Thawed {
    pub(crate) scratch_start: AtomicU64,
    pub(crate) scratch_bytes: AtomicU64,
    /// Nanoseconds to add to the kernel's monotonic clocks; two's complement.
    pub(crate) clock_offset: AtomicU64,
    /// See [`crate::Header::data`].
    pub(crate) data: AtomicU64,
}

pub(crate) static THAWED: Thawed = Thawed {
    scratch_start: AtomicU64::new(0),
    scratch_bytes: AtomicU64::new(0),
    clock_offset: AtomicU64::new(0),
    data: AtomicU64::new(0),
};

const MAX_REMEMBERED: usize = 64;
static CHILD_HANDLERS: [AtomicUsize; MAX_REMEMBERED] = [const { AtomicUsize::new(0) }; MAX_REMEMBERED];
static WIPED: [(AtomicUsize, AtomicUsize); MAX_REMEMBERED] =
    [const { (AtomicUsize::new(0), AtomicUsize::new(0)) }; MAX_REMEMBERED];

/// Makes random generators that share state with another process seed themselves anew: the state
/// was copied by a clone that went past the C library.
///
/// To be called first thing in the child.
pub fn after_clone() {
    for handler in &CHILD_HANDLERS {
        let handler = handler.load(Relaxed);
        if handler != 0 {
            // SAFETY: only `pthread_atfork` below stores here, and what it stores is a function
            // without arguments or result that may be called in a forked child.
            let handler = unsafe { std::mem::transmute::<usize, extern "C" fn()>(handler) };
            handler();
        }
    }
}

/// Has the monotonic clocks stand at `nanoseconds` now.
pub(crate) fn set_monotonic(nanoseconds: u64) {
    THAWED.clock_offset.store(nanoseconds.wrapping_sub(kernel_monotonic()), Relaxed);
}

/// The same after a thaw, where the kernel wiped nothing.
pub(crate) fn after_thaw() {
    for (start, bytes) in &WIPED {
        let (start, bytes) = (start.load(Relaxed), bytes.load(Relaxed));
        if start != 0 {
            // SAFETY: whoever asked for this range to be wiped in a forked child is prepared to
            // find it zeroed; the range is still mapped, because it was part of the image.
            unsafe { std::ptr::write_bytes(start as *mut u8, 0, bytes) };
        }
    }
    after_clone();
}

fn remember(slots: &[AtomicUsize; MAX_REMEMBERED], value: usize) {
    let free = slots.iter().find(|slot| slot.compare_exchange(0, value, Relaxed, Relaxed).is_ok());
    assert!(free.is_some(), "more fork handlers than there is room for");
}

unsafe extern "C" {
    fn __register_atfork(
        prepare: Option<extern "C" fn()>,
        parent: Option<extern "C" fn()>,
        child: Option<extern "C" fn()>,
        dso: *const c_void,
    ) -> c_int;
}

/// POSIX `pthread_atfork`; see the module.
#[unsafe(no_mangle)]
extern "C" fn pthread_atfork(
    prepare: Option<extern "C" fn()>,
    parent: Option<extern "C" fn()>,
    child: Option<extern "C" fn()>,
) -> c_int {
    if let Some(child) = child {
        remember(&CHILD_HANDLERS, child as usize);
    }
    // SAFETY: glibc's own `pthread_atfork` is this very call; no handle means the executable.
    unsafe { __register_atfork(prepare, parent, child, std::ptr::null()) }
}

/// Linux `madvise`; see the module.
///
/// # Safety
/// As the system call.
#[unsafe(no_mangle)]
unsafe extern "C" fn madvise(start: *mut c_void, bytes: usize, advice: c_int) -> c_int {
    match advice {
        libc::MADV_DONTFORK => return 0,
        libc::MADV_WIPEONFORK => {
            let slot = WIPED.iter().find(|(slot, _)| {
                let (now, new) = (slot.load(Relaxed), start as usize);
                now == new || slot.compare_exchange(0, new, Relaxed, Relaxed).is_ok()
            });
            let Some((_, length)) = slot else { return -1 };
            length.store(bytes.next_multiple_of(PAGE_SIZE as usize), Relaxed);
        }
        _ => {}
    }
    // SAFETY: the caller keeps to the system call's contract.
    unsafe { libc::syscall(libc::SYS_madvise, start, bytes, advice) as c_int }
}

unsafe extern "C" {
    /// The start and the end of the program in memory, by the names that linkers give them.
    static __executable_start: u8;
    static _end: u8;
}

/// The addresses that the program takes, without the C library's heap.
fn program() -> Range<usize> {
    (&raw const __executable_start) as usize..(&raw const _end) as usize
}

/// Where the next piece of memory goes whose place is wished but not required. It starts behind the program.
static NEXT_PLACE: AtomicUsize = AtomicUsize::new(0);
/// What V8 aligns its pages to. It maps more, and unmaps what it does not need for that.
const PLACE_ALIGNMENT: usize = 256 << 10;
/// Larger pieces have reasons to be where they are wished to be.
const MAX_PLACED: usize = 64 << 20;
/// From the program to its neighbours, in bytes: an access a little out of bounds is a fault.
const GAP: usize = 2 << 20;

/// Where a piece of memory is to be tried whose place is wished but not required. If something is there, the kernel
/// finds another place.
fn place(wish: usize, bytes: usize) -> usize {
    let program = program();
    if program.contains(&wish) {
        return program.start.saturating_sub(bytes + GAP) & !(PLACE_ALIGNMENT - 1);
    }
    if bytes > MAX_PLACED {
        return wish;
    }
    let place = match NEXT_PLACE.load(Relaxed) {
        0 => (program.end + GAP).next_multiple_of(PLACE_ALIGNMENT),
        next => next,
    };
    let used = (bytes / PLACE_ALIGNMENT).max(1) * PLACE_ALIGNMENT;
    NEXT_PLACE.store(place.wrapping_add(used), Relaxed);
    place
}

/// Memory that is mapped before it is asked for, and handed out piece by piece. There is none but in a worker that boots,
/// which has one thread.
#[derive(Debug)]
struct Ahead {
    next: AtomicUsize,
    end: AtomicUsize,
    /// Start of the last piece, if nothing has happened since.
    last: AtomicUsize,
}

static AHEAD: Ahead = Ahead::none();

impl Ahead {
    const fn none() -> Self {
        Self { next: AtomicUsize::new(0), end: AtomicUsize::new(0), last: AtomicUsize::new(0) }
    }

    fn open(&self, memory: Range<usize>) {
        self.next.store(memory.start, Relaxed);
        self.end.store(memory.end, Relaxed);
    }

    /// The next piece, if there are so many bytes left.
    fn take(&self, bytes: usize) -> Option<usize> {
        let (start, end) = (self.next.load(Relaxed), self.end.load(Relaxed));
        let bytes = bytes.checked_next_multiple_of(PAGE_SIZE as usize)?;
        if bytes > end.saturating_sub(start) {
            return None;
        }
        self.next.store(start + bytes, Relaxed);
        self.last.store(start, Relaxed);
        Some(start)
    }

    /// Takes back the end of the piece that was handed out just now, which nobody can have written to yet; says whether
    /// that is what these bytes are.
    fn take_back(&self, start: usize, bytes: usize) -> bool {
        let last = self.last.swap(0, Relaxed);
        let is_end = last != 0 && start > last && start.checked_add(bytes) == Some(self.next.load(Relaxed));
        if is_end {
            self.next.store(start, Relaxed);
        }
        is_end
    }

    /// Hands out nothing more; returns what is left.
    fn close(&self) -> Range<usize> {
        self.last.store(0, Relaxed);
        self.next.load(Relaxed)..self.end.swap(0, Relaxed)
    }
}

/// Has the next pieces of memory whose place is wished but not required, up to so many bytes, lie in large pages behind
/// the program, until [`unmap_rest`]. A mere improvement: where there is no room, nothing happens.
pub fn map_ahead(bytes: usize) {
    /// The kernel puts the program break somewhere within so many bytes behind the program (`arch_randomize_brk`).
    const MOST_TAKEN: usize = 34 << 20;
    let large = LARGE_PAGE as usize;
    let first = (program().end + GAP).next_multiple_of(large);
    // What is not needed to align the last piece.
    let bytes = bytes + PLACE_ALIGNMENT;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
    let map = |start: &usize| {
        // SAFETY: maps new memory where nothing is.
        let got = unsafe { libc::syscall(libc::SYS_mmap, *start, bytes, READ_WRITE, flags, -1, 0) };
        got as usize == *start
    };
    let Some(start) = (first..first + MOST_TAKEN).step_by(large).find(map) else { return };
    // SAFETY: it is ours, and stays what it is.
    let _small = unsafe { libc::syscall(libc::SYS_madvise, start, bytes, libc::MADV_HUGEPAGE) };
    NEXT_PLACE.store(start + bytes, Relaxed);
    AHEAD.open(start..start + bytes);
}

/// Unmaps what of [`map_ahead`] nobody has asked for.
pub fn unmap_rest() {
    let rest = AHEAD.close();
    if !rest.is_empty() {
        NEXT_PLACE.store(rest.start.next_multiple_of(PLACE_ALIGNMENT), Relaxed);
        // SAFETY: it was handed out to nobody.
        unsafe { libc::syscall(libc::SYS_munmap, rest.start, rest.len()) };
    }
}

const READ_WRITE: c_int = libc::PROT_READ | libc::PROT_WRITE;

/// POSIX `munmap`; see the module.
///
/// # Safety
/// As the system call.
#[unsafe(no_mangle)]
unsafe extern "C" fn munmap(start: *mut c_void, bytes: usize) -> c_int {
    if AHEAD.take_back(start as usize, bytes) {
        return 0;
    }
    // SAFETY: the caller keeps to the system call's contract.
    unsafe { libc::syscall(libc::SYS_munmap, start, bytes) as c_int }
}

/// POSIX `mmap`, by the name that V8 calls it by; see the module.
///
/// # Safety
/// As the system call.
#[unsafe(no_mangle)]
unsafe extern "C" fn mmap64(
    wish: *mut c_void,
    bytes: usize,
    protection: c_int,
    flags: c_int,
    file: c_int,
    offset: libc::off_t,
) -> *mut c_void {
    let fixed = flags & (libc::MAP_FIXED | libc::MAP_FIXED_NOREPLACE) != 0;
    let placed = !wish.is_null() && !fixed && flags & libc::MAP_ANONYMOUS != 0;
    if placed
        && (protection, flags) == (READ_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS)
        && let Some(piece) = AHEAD.take(bytes)
    {
        return piece as *mut c_void;
    }
    let place = if placed { place(wish as usize, bytes) } else { wish as usize };
    // SAFETY: the caller keeps to the system call's contract; a place that is not required is only tried.
    unsafe { libc::syscall(libc::SYS_mmap, place, bytes, protection, flags, file, offset) as *mut c_void }
}

/// POSIX `clock_gettime`; see the module.
///
/// # Safety
/// `out` is valid for writing.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, out: *mut libc::timespec) -> c_int {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let result = vdso::clock_gettime(clock, &mut time);
    if result != 0 {
        // SAFETY: the C library's own place for errors of this thread.
        unsafe { *libc::__errno_location() = -result };
        return -1;
    }
    if is_monotonic(clock) {
        time = shifted(time, THAWED.clock_offset.load(Relaxed) as i64);
    }
    // SAFETY: promised by the caller.
    unsafe { out.write(time) };
    0
}

fn is_monotonic(clock: libc::clockid_t) -> bool {
    [libc::CLOCK_MONOTONIC, libc::CLOCK_MONOTONIC_RAW, libc::CLOCK_MONOTONIC_COARSE, libc::CLOCK_BOOTTIME]
        .contains(&clock)
}

fn shifted(time: libc::timespec, offset: i64) -> libc::timespec {
    if offset == 0 {
        return time;
    }
    let nanoseconds = i128::from(time.tv_sec) * NANOSECONDS + i128::from(time.tv_nsec) + i128::from(offset);
    libc::timespec {
        tv_sec: nanoseconds.div_euclid(NANOSECONDS) as libc::time_t,
        tv_nsec: nanoseconds.rem_euclid(NANOSECONDS) as libc::c_long,
    }
}

const NANOSECONDS: i128 = 1_000_000_000;

/// The kernel's monotonic clock, unshifted, in nanoseconds.
pub(crate) fn kernel_monotonic() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    vdso::clock_gettime(libc::CLOCK_MONOTONIC, &mut time);
    time.tv_sec as u64 * NANOSECONDS as u64 + time.tv_nsec as u64
}

/// The monotonic clock as this process sees it, in nanoseconds.
pub(crate) fn monotonic() -> u64 {
    kernel_monotonic().wrapping_add(THAWED.clock_offset.load(Relaxed))
}

pub(crate) use vdso::{FUNCTIONS, function_offsets};

mod vdso {
    //! Finds functions in the kernel's code page. The kernel documents the format as "an ELF shared
    //! object" (`Documentation/ABI/stable/vdso`); its dynamic symbols are not versioned for us.

    use std::{
        ffi::CStr,
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
    };

    type ClockGettime = unsafe extern "C" fn(libc::clockid_t, *mut libc::timespec) -> i32;

    /// The functions that glibc calls, and the system calls that do the same. The first one is the clock.
    #[cfg(target_arch = "x86_64")]
    pub(crate) const FUNCTIONS: [(&CStr, libc::c_long); 5] = [
        (c"__vdso_clock_gettime", libc::SYS_clock_gettime),
        (c"__vdso_gettimeofday", libc::SYS_gettimeofday),
        (c"__vdso_time", libc::SYS_time),
        (c"__vdso_getcpu", libc::SYS_getcpu),
        (c"__vdso_clock_getres", libc::SYS_clock_getres),
    ];
    /// The same by the names of aarch64. Where they are called something else, the system calls are used.
    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) const FUNCTIONS: [(&CStr, libc::c_long); 5] = [
        (c"__kernel_clock_gettime", libc::SYS_clock_gettime),
        (c"__kernel_gettimeofday", libc::SYS_gettimeofday),
        (c"__kernel_getcpu", libc::SYS_getcpu),
        (c"__kernel_clock_getres", libc::SYS_clock_getres),
        (c"__kernel_getrandom", libc::SYS_getrandom),
    ];

    const UNRESOLVED: usize = 0;
    const USE_SYSTEM_CALL: usize = 1;
    static CLOCK_GETTIME: AtomicUsize = AtomicUsize::new(UNRESOLVED);

    /// Zero, or a negated error number.
    pub(crate) fn clock_gettime(clock: libc::clockid_t, out: &mut libc::timespec) -> i32 {
        let function = match CLOCK_GETTIME.load(Relaxed) {
            UNRESOLVED => resolve(),
            function => function,
        };
        if function == USE_SYSTEM_CALL {
            return system_call(clock, out);
        }
        // SAFETY: `resolve` found this function in the kernel's code, which has this signature.
        unsafe { std::mem::transmute::<usize, ClockGettime>(function)(clock, out) }
    }

    fn system_call(clock: libc::clockid_t, out: &mut libc::timespec) -> i32 {
        // SAFETY: `out` is a valid place for the result.
        match unsafe { libc::syscall(libc::SYS_clock_gettime, clock, out) } {
            0 => 0,
            // SAFETY: the C library's own place for errors of this thread.
            _ => -unsafe { *libc::__errno_location() },
        }
    }

    #[cold]
    fn resolve() -> usize {
        let function = match (code_start(), function_offsets()[0]) {
            (0, _) | (_, 0) => USE_SYSTEM_CALL,
            (code, offset) => (code + offset) as usize,
        };
        CLOCK_GETTIME.store(function, Relaxed);
        function
    }

    /// Where the kernel's code starts in this process; zero if it has none.
    pub(crate) fn code_start() -> u64 {
        // SAFETY: reads the auxiliary vector that the kernel passed.
        unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) }
    }

    /// The offset of each of [`FUNCTIONS`] from the start of the code; zero if it is not there.
    pub(crate) fn function_offsets() -> [u64; 5] {
        FUNCTIONS.map(|(name, _)| symbol_offset(name).unwrap_or(0))
    }

    /// Value of a dynamic symbol. The object is linked at zero, so that is an offset.
    fn symbol_offset(name: &CStr) -> Option<u64> {
        const PT_DYNAMIC: u32 = 2;
        const DT_HASH: u64 = 4;
        const DT_STRTAB: u64 = 5;
        const DT_SYMTAB: u64 = 6;
        let base = code_start();
        if base == 0 {
            return None;
        }
        // SAFETY: the kernel maps a complete ELF object there; the reads below follow its own
        // tables, which a correct kernel keeps within the mapping.
        unsafe {
            let u16_at = |address: u64| (address as *const u16).read_unaligned();
            let u32_at = |address: u64| (address as *const u32).read_unaligned();
            let u64_at = |address: u64| (address as *const u64).read_unaligned();
            let headers = base + u64_at(base + 32);
            let dynamic = (0..u64::from(u16_at(base + 56)))
                .map(|index| headers + index * 56)
                .find(|&header| u32_at(header) == PT_DYNAMIC)
                .map(|header| base + u64_at(header + 16))?;
            let entry = |tag| {
                (0..64)
                    .map(|index| dynamic + index * 16)
                    .take_while(|&entry| u64_at(entry) != 0)
                    .find(|&entry| u64_at(entry) == tag)
                    .map(|entry| base + u64_at(entry + 8))
            };
            let (strings, symbols) = (entry(DT_STRTAB)?, entry(DT_SYMTAB)?);
            // Newer kernels have only a GNU hash table, from which the number of symbols does not
            // follow directly; there are about a dozen, and the string table comes after them.
            let count = match entry(DT_HASH) {
                Some(hash) => u64::from(u32_at(hash + 4)),
                None => strings.saturating_sub(symbols) / 24,
            };
            (0..count.min(256))
                .map(|index| symbols + index * 24)
                .find(|&symbol| {
                    CStr::from_ptr((strings + u64::from(u32_at(symbol))) as *const _) == name
                        && u64_at(symbol + 8) != 0
                })
                .map(|symbol| u64_at(symbol + 8))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_ours_and_agrees_with_the_kernel() {
        let before = kernel_monotonic();
        let now = std::time::Instant::now();
        std::thread::sleep(std::time::Duration::from_millis(5));
        let elapsed = now.elapsed().as_nanos() as u64;
        assert!(elapsed >= 5_000_000 && elapsed <= kernel_monotonic() - before);
        assert_ne!(function_offsets()[0], 0, "clock_gettime is found in the vdso");
    }

    #[test]
    fn shifting_a_time_carries() {
        let time = |tv_sec, tv_nsec| libc::timespec { tv_sec, tv_nsec };
        let check = |from: libc::timespec, offset, expect: libc::timespec| {
            let got = shifted(from, offset);
            assert_eq!((got.tv_sec, got.tv_nsec), (expect.tv_sec, expect.tv_nsec));
        };
        check(time(5, 0), 0, time(5, 0));
        check(time(5, 999_999_999), 1, time(6, 0));
        check(time(5, 0), -1, time(4, 999_999_999));
        check(time(5, 10), -5_000_000_000, time(0, 10));
    }

    #[test]
    fn wished_places_are_side_by_side() {
        let wishes = [0x1234_5678_9000, 0x4321_0000_0000, 0x2222_0000_0000];
        let places = wishes.map(|wish| place(wish, 2 * PLACE_ALIGNMENT - 4096));
        let next_to_each_other = places.is_sorted_by(|one, next| one + PLACE_ALIGNMENT == *next);
        assert!(next_to_each_other && program().end < places[0], "{places:x?}");
        assert_eq!(place(0x1234_5678_9000, MAX_PLACED + 1), 0x1234_5678_9000, "too large to be moved");
    }

    #[test]
    fn memory_that_is_mapped_ahead_is_handed_out_once() {
        const PAGE: usize = PAGE_SIZE as usize;
        let ahead = Ahead::none();
        assert_eq!(ahead.take(1), None, "there is none");
        ahead.open(100 * PAGE..110 * PAGE);
        assert_eq!(ahead.take(4 * PAGE - 1), Some(100 * PAGE));
        assert!(!ahead.take_back(100 * PAGE, 4 * PAGE), "a whole piece is unmapped");
        assert_eq!(ahead.take(4 * PAGE), Some(104 * PAGE));
        assert!(!ahead.take_back(102 * PAGE, PAGE), "of another piece");
        assert!(!ahead.take_back(106 * PAGE, 2 * PAGE), "the piece may have been written to");
        assert_eq!(ahead.take(3 * PAGE), None, "there are two left");
        assert_eq!(ahead.take(2 * PAGE), Some(108 * PAGE));
        assert!(!ahead.take_back(109 * PAGE, PAGE + 1), "more than it was");
        ahead.open(200 * PAGE..210 * PAGE);
        assert_eq!(ahead.take(4 * PAGE), Some(200 * PAGE));
        assert!(ahead.take_back(201 * PAGE, 3 * PAGE));
        assert_eq!(ahead.take(4 * PAGE), Some(201 * PAGE), "what was given back is next");
        assert_eq!(ahead.close(), 205 * PAGE..210 * PAGE);
        assert_eq!(ahead.take(1), None);
        assert_eq!(ahead.take(usize::MAX), None);
    }

    #[test]
    fn what_is_wished_within_the_program_comes_before_it() {
        const BYTES: usize = 64 << 20;
        let program = program();
        assert!(program.contains(&(place as *const () as usize)), "{program:x?} has this function");
        let (protection, flags) = (libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: the wish is only that; nothing is there that could be replaced.
        let start = unsafe { mmap64(program.start as *mut c_void, BYTES, protection, flags, -1, 0) as usize };
        assert!(start + BYTES <= program.start && program.end - start < 2 << 30, "{start:x} {program:x?}");
    }

    #[test]
    fn an_unknown_clock_is_an_error() {
        let mut out = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `out` is a valid place.
        let result = unsafe { libc::clock_gettime(999, &mut out) };
        assert_eq!(result, -1);
        assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(libc::EINVAL));
    }
}
