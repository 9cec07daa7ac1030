//! The steps of a thaw: each is one system call on a stretch of memory.

use std::os::fd::RawFd;

use crate::{
    PAGE_SIZE,
    arch::{self, Step},
    format::{ADDRESS_END, Run},
    maps::is_writable,
};

/// Unmaps everything else than these parts of the address space.
pub(crate) fn unmap_all_but(steps: &mut Vec<Step>, mut kept: Vec<(u64, u64)>) {
    kept.sort_unstable();
    kept.push((ADDRESS_END, ADDRESS_END));
    let mut reached = PAGE_SIZE;
    for (start, end) in kept {
        if reached < start {
            steps.push(unmap(reached, start));
        }
        reached = reached.max(end);
    }
}

/// Has private memory show again what it is a mapping of.
pub(crate) fn forget_changes(start: u64, end: u64) -> Step {
    Step::call(libc::SYS_madvise, [start, end - start, libc::MADV_DONTNEED as u64, 0, 0, 0], 0)
}

fn unmap(start: u64, end: u64) -> Step {
    Step::call(libc::SYS_munmap, [start, end - start, 0, 0, 0, 0], 0)
}

pub(crate) fn protect(start: u64, end: u64, protection: u32) -> Step {
    Step::call(libc::SYS_mprotect, [start, end - start, u64::from(protection), 0, 0, 0], 0)
}

/// A mere improvement, which may fail.
pub(crate) fn advise(start: u64, end: u64, advice: libc::c_int) -> Step {
    Step::call(libc::SYS_madvise, [start, end - start, advice as u64, 0, 0, 0], arch::ANY)
}

/// Has the kernel fault in pages without their neighbours: it does not look beyond a mapping for those, and does
/// not join mappings that are read in different ways.
pub(crate) fn fault_singly(steps: &mut Vec<Step>, run: Run) {
    let every_second = (run.address..run.end()).step_by(2 * PAGE_SIZE as usize);
    steps.extend(every_second.map(|page| advise(page, page + PAGE_SIZE, libc::MADV_RANDOM)));
}

/// Makes a piece of a mapped file one whose page tables a fork copies: one that has had a private page of its own.
/// It does not keep that page, which would be taken for a changed one.
pub(crate) fn copy_tables_on_fork(
    steps: &mut Vec<Step>,
    (start, end, protection): (u64, u64, u32),
    page: u64,
) {
    if !is_writable(protection) {
        // Refused, the rest does nothing.
        let writable = (libc::PROT_READ | libc::PROT_WRITE) as u64;
        steps.push(Step::call(libc::SYS_mprotect, [start, end - start, writable, 0, 0, 0], arch::ANY));
    }
    steps.push(advise(page, page + PAGE_SIZE, libc::MADV_POPULATE_WRITE));
    steps.push(advise(page, page + PAGE_SIZE, libc::MADV_DONTNEED));
    if !is_writable(protection) {
        steps.push(protect(start, end, protection));
    }
}

pub(crate) fn move_mapping(start: u64, end: u64, to: u64) -> Step {
    let flags = (libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED) as u64;
    Step::call(libc::SYS_mremap, [start, end - start, end - start, flags, to, 0], to)
}

pub(crate) fn map_anonymous(start: u64, end: u64, protection: u32) -> Step {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED | libc::MAP_NORESERVE;
    map(start, end, protection, flags, -1, 0)
}

pub(crate) fn map_file(start: u64, end: u64, protection: u32, file: RawFd, offset: u64) -> Step {
    map(start, end, protection, libc::MAP_PRIVATE | libc::MAP_FIXED | libc::MAP_NORESERVE, file, offset)
}

fn map(start: u64, end: u64, protection: u32, flags: libc::c_int, file: RawFd, offset: u64) -> Step {
    let arguments = [start, end - start, u64::from(protection), flags as u64, file as i64 as u64, offset];
    Step::call(libc::SYS_mmap, arguments, start)
}
