//! Memory that is not part of an image: it is mapped for one freeze or thaw and then gone.

use std::{fs::File, io, os::unix::fs::FileExt, ptr};

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap, mmap_anonymous, mprotect, munmap};

use crate::{LARGE_PAGE, PAGE_SIZE};

/// A mapping of zeros that is unmapped when it is dropped.
#[derive(Debug)]
pub(crate) struct Scratch {
    start: *mut u8,
    bytes: usize,
    used: usize,
}

impl Scratch {
    /// Maps `bytes` (rounded up to pages) anywhere. Pages that are never touched cost nothing.
    pub(crate) fn new(bytes: usize) -> io::Result<Self> {
        Self::map(ptr::null_mut(), bytes, MapFlags::PRIVATE | MapFlags::NORESERVE)
    }

    /// Maps `bytes` at `address`; fails with [`io::ErrorKind::AlreadyExists`] if something is there.
    pub(crate) fn at(address: u64, bytes: usize) -> io::Result<Self> {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED_NOREPLACE;
        Self::map(address as *mut _, bytes, flags)
    }

    fn map(address: *mut libc::c_void, bytes: usize, flags: MapFlags) -> io::Result<Self> {
        let bytes = bytes.next_multiple_of(PAGE_SIZE as usize);
        // SAFETY: an anonymous mapping at a place that the kernel chooses or that is free touches
        // no memory that Rust knows of.
        let start = unsafe { mmap_anonymous(address, bytes, ProtFlags::READ | ProtFlags::WRITE, flags)? };
        Ok(Self { start: start.cast(), bytes, used: 0 })
    }

    pub(crate) fn start(&self) -> u64 {
        self.start as u64
    }

    pub(crate) fn end(&self) -> u64 {
        self.start() + self.bytes as u64
    }

    /// Hands out `count` zeroed values of `T` that live as long as the mapping. `T` must be a plain
    /// number or a structure of such, for which zero bytes are a value.
    pub(crate) fn allocate<T: Copy>(&mut self, count: usize) -> Option<&'static mut [T]> {
        let at = self.used.next_multiple_of(align_of::<T>().max(16));
        let end = at.checked_add(count.checked_mul(size_of::<T>())?)?;
        if end > self.bytes {
            return None;
        }
        self.used = end;
        // SAFETY: the range is inside the mapping, aligned, zeroed by the kernel, and handed out
        // once. The callers in this crate keep the mapping alive for as long as they use the slice:
        // they either never return or drop the scratch last.
        Some(unsafe { std::slice::from_raw_parts_mut(self.start.add(at).cast(), count) })
    }

    /// Makes the first `bytes` executable and read-only.
    pub(crate) fn make_executable(&self, bytes: usize) -> io::Result<()> {
        // SAFETY: the range is the start of this mapping, and nobody writes to it any more.
        unsafe { mprotect(self.start.cast(), bytes, MprotectFlags::READ | MprotectFlags::EXEC)? };
        Ok(())
    }

    /// Leaves the mapping where it is.
    pub(crate) fn leak(self) {
        std::mem::forget(self);
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        release(self.start(), self.bytes as u64);
    }
}

/// Unmaps an area that was mapped for a freeze or a thaw.
pub(crate) fn release(start: u64, bytes: u64) {
    // SAFETY: callers pass a scratch area, which nothing refers to any more. Failure would leave
    // an unused mapping behind, which is harmless.
    let unmapped = unsafe { munmap(start as *mut _, bytes as usize) };
    debug_assert!(unmapped.is_ok(), "a scratch area can be unmapped");
}

/// Copies parts of files (from an offset on, that many bytes) into a memory file, one after the other, and has the
/// kernel keep them in large pages.
pub(crate) fn fill_with_large_pages(memory: &File, parts: &[(&File, u64, usize)]) -> io::Result<()> {
    let large = LARGE_PAGE as usize;
    let bytes: usize = parts.iter().map(|(_, _, bytes)| bytes).sum();
    // Address space in which large pages fit, whatever the kernel chooses.
    let room = Scratch::new(bytes + large)?;
    let start = (room.start() as usize).next_multiple_of(large) as *mut libc::c_void;
    let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED | MapFlags::FIXED);
    // SAFETY: the range lies within the room, which nobody else uses, and which unmaps it when dropped. The
    // memory is new, nobody else has it mapped, and it has as many bytes.
    let mut copy = unsafe {
        mmap(start, bytes, protection, flags, memory, 0)?;
        std::slice::from_raw_parts_mut(start.cast::<u8>(), bytes)
    };
    for &(source, offset, bytes) in parts {
        let (part, rest) = copy.split_at_mut(bytes);
        source.read_exact_at(part, offset)?;
        copy = rest;
    }
    // SAFETY: the mapping stays as it is; the kernel moves its pages together.
    match unsafe { libc::madvise(start, bytes, libc::MADV_COLLAPSE) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The first page of a file, mapped.
pub(crate) struct FilePage(*mut libc::c_void);

impl FilePage {
    pub(crate) fn map(file: &File) -> io::Result<Self> {
        // SAFETY: a private mapping at a place that the kernel chooses; it is never read.
        let start = unsafe {
            mmap(ptr::null_mut(), PAGE_SIZE as usize, ProtFlags::READ, MapFlags::PRIVATE, file, 0)?
        };
        Ok(Self(start))
    }

    pub(crate) fn address(&self) -> u64 {
        self.0 as u64
    }
}

impl Drop for FilePage {
    fn drop(&mut self) {
        release(self.address(), PAGE_SIZE);
    }
}
