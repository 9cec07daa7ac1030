//! Which pages of a process are there. A process reserves far more addresses than it uses: Linux 6.7 and
//! newer tell only of those that it uses, older kernels of each one by itself.

use std::os::fd::RawFd;

// Bits of an entry in `/proc/PID/pagemap` (Linux `Documentation/admin-guide/mm/pagemap.rst`).
const PRESENT: u64 = 1 << 63;
const SWAPPED: u64 = 1 << 62;
const OF_A_FILE: u64 = 1 << 61;

/// Whether an entry of `/proc/PID/pagemap` is one of a page that the process has.
pub(crate) fn is_populated(entry: u64) -> bool {
    entry & (PRESENT | SWAPPED) != 0
}

/// Whether such a page is the process's own, and not the one that its file has.
pub(crate) fn is_own(entry: u64) -> bool {
    is_populated(entry) && entry & OF_A_FILE == 0
}

/// A stretch of pages, laid out as `struct page_region` in Linux's `include/uapi/linux/fs.h`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Region {
    pub(crate) start: u64,
    pub(crate) end: u64,
    categories: u64,
}

/// `struct pm_scan_arg` of the same file.
#[repr(C)]
#[derive(Debug, Default)]
struct ScanArguments {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    regions: u64,
    regions_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_any_of_mask: u64,
    return_mask: u64,
}

/// The request of the one `ioctl` that freezing makes, if the kernel has it: `_IOWR('f', 16, struct
/// pm_scan_arg)`.
pub const PAGEMAP_SCAN: u64 = (3 << 30) | ((size_of::<ScanArguments>() as u64) << 16) | (0x66 << 8) | 16;

// Categories, of the same file.
const IS_FILE: u64 = 1 << 2;
const IS_PRESENT: u64 = 1 << 3;
const IS_SWAPPED: u64 = 1 << 4;

/// Finds pages between two addresses that are there, and if `written` have been written to since they were
/// mapped. Returns how many stretches of them there are in `regions`, and the address up to which it looked.
/// `None` if this kernel cannot.
pub(crate) fn scan(
    pagemap: RawFd,
    start: u64,
    end: u64,
    written: bool,
    regions: &mut [Region],
) -> Option<(usize, u64)> {
    let not_of_a_file = if written { IS_FILE } else { 0 };
    let mut arguments = ScanArguments {
        size: size_of::<ScanArguments>() as u64,
        start,
        end,
        regions: regions.as_mut_ptr() as u64,
        regions_len: regions.len() as u64,
        category_inverted: not_of_a_file,
        category_mask: not_of_a_file,
        category_any_of_mask: IS_PRESENT | IS_SWAPPED,
        return_mask: IS_PRESENT,
        ..ScanArguments::default()
    };
    // SAFETY: the arguments have the layout that the kernel expects, and name room for that many regions.
    let found = unsafe { libc::ioctl(pagemap, PAGEMAP_SCAN, &raw mut arguments) };
    let found = usize::try_from(found).ok()?;
    Some((found, arguments.walk_end))
}

#[cfg(test)]
mod tests {
    use std::{fs::File, os::fd::AsRawFd};

    use super::*;
    use crate::PAGE_SIZE;

    /// Pages of a fresh area, of which these are written to, are found so; nothing is known of kernels that
    /// cannot.
    #[track_caller]
    fn check(pages: u64, touched: &[u64], room: usize, expect: &[(u64, u64)]) {
        let bytes = (pages * PAGE_SIZE) as usize;
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a fresh area somewhere, which nobody else knows of.
        let area = unsafe { libc::mmap(std::ptr::null_mut(), bytes, protection, flags, -1, 0) } as u64;
        // SAFETY: it is this test's.
        unsafe { libc::madvise(area as *mut libc::c_void, bytes, libc::MADV_NOHUGEPAGE) };
        for page in touched {
            // SAFETY: the page is within the area, which is writable.
            unsafe { ((area + page * PAGE_SIZE) as *mut u8).write_volatile(1) };
        }
        let pagemap = File::open("/proc/self/pagemap").expect("it is ours");
        let mut found = Vec::new();
        let (mut at, end) = (area, area + pages * PAGE_SIZE);
        while at < end {
            let mut regions = vec![Region { start: 0, end: 0, categories: 0 }; room];
            let Some((count, reached)) = scan(pagemap.as_raw_fd(), at, end, true, &mut regions) else {
                return;
            };
            let page = |address| (address - area) / PAGE_SIZE;
            found.extend(regions[..count].iter().map(|region| (page(region.start), page(region.end))));
            at = reached;
        }
        assert_eq!(found, expect);
        // SAFETY: nothing refers to it any more.
        unsafe { libc::munmap(area as *mut libc::c_void, bytes) };
    }

    #[test]
    fn what_is_there_is_found_however_little_room_there_is() {
        check(1000, &[], 4, &[]);
        check(1000, &[0, 1, 2, 500, 999], 4, &[(0, 3), (500, 501), (999, 1000)]);
        check(1000, &[0, 1, 2, 500, 999], 1, &[(0, 3), (500, 501), (999, 1000)]);
        check(3, &[0, 1, 2], 1, &[(0, 3)]);
    }
}
