//! Which pages of an area belong into the image.

use std::os::fd::{AsFd as _, AsRawFd as _};

use super::{BASE_GAP, Copier, Failure, accept, protect};
use crate::{
    PAGE_SIZE,
    format::Run,
    maps::{Mapping, is_writable},
    pagemap::{self, Region},
    patches::{self, Difference, WORDS},
    thaw::READ_PAGES,
};

/// Which pages of an area belong into the image.
#[derive(Clone, Copy)]
pub(super) enum Keep {
    /// Pages that this process wrote to; the others come from the backing file.
    Changed,
    /// Pages that differ from the base image's, of which the area at `start` shows those from `offset`.
    Different { offset: u64, start: u64 },
    /// Pages that hold anything but zeros.
    NonZero,
    /// Every page.
    All,
}

impl Copier<'_> {
    /// Writes the pages of a mapping that belong into the image.
    pub(super) fn copy_pages(&mut self, mapping: &Mapping<'_>, keep: Keep) -> Result<(), Failure> {
        let readable = mapping.protection & libc::PROT_READ as u32 != 0;
        if !readable {
            protect(mapping, mapping.protection | libc::PROT_READ as u32)?;
        }
        let result = match self.copy_populated_pages(mapping, keep) {
            Ok(false) => self.copy_readable_pages(mapping, keep),
            Ok(true) => Ok(()),
            Err(failure) => Err(failure),
        };
        // What is batched is written before the protection is restored.
        let result = result.and_then(|()| if readable { Ok(()) } else { self.flush() });
        if !readable {
            protect(mapping, mapping.protection)?;
        }
        result
    }

    /// Copies what the kernel says is there; says whether the kernel can. For a base image it has to be known
    /// of each page whether it is in use.
    fn copy_populated_pages(&mut self, mapping: &Mapping<'_>, keep: Keep) -> Result<bool, Failure> {
        let written = match keep {
            Keep::All => return Ok(false),
            Keep::NonZero => false,
            Keep::Changed | Keep::Different { .. } => true,
        };
        if self.request.base.is_none() {
            return Ok(false);
        }
        let pagemap = self.request.pagemap.as_raw_fd();
        let mut run = Run { address: mapping.start, pages: 0 };
        let mut at = mapping.start;
        while at < mapping.end {
            let Some((count, reached)) = pagemap::scan(pagemap, at, mapping.end, written, self.regions)
            else {
                // What was written already is not to be written twice.
                return if at == mapping.start { Ok(false) } else { Err(Failure::Maps) };
            };
            for index in 0..count {
                let Region { start, end, .. } = self.regions[index];
                // What is patched is touched by each thaw; many pages in a row are better mapped.
                let few = end - start <= READ_PAGES * PAGE_SIZE;
                let patchable = few && self.is_patchable(mapping);
                for address in (start..end).step_by(PAGE_SIZE as usize) {
                    run = self.copy_page(run, address, keep, patchable)?;
                }
            }
            at = reached;
        }
        self.write_run(run)?;
        Ok(true)
    }

    /// Adds a page to a run, if it lies right or at least not far behind it; or else writes the run and begins
    /// another.
    fn extend(&mut self, run: Run, address: u64) -> Result<Run, Failure> {
        if self.is_near(run.end(), address) {
            return Ok(Run { address: run.address, pages: (address - run.address) / PAGE_SIZE + 1 });
        }
        self.write_run(run)?;
        Ok(Run { address, pages: 1 })
    }

    /// Whether what lies between the end of a run and another address is to be part of the run.
    fn is_near(&self, end: u64, address: u64) -> bool {
        let gap = if self.request.base.is_none() { BASE_GAP } else { 0 };
        address - end <= gap * PAGE_SIZE
    }

    fn copy_readable_pages(&mut self, mapping: &Mapping<'_>, keep: Keep) -> Result<(), Failure> {
        // How many new pages there are in a row is not known here.
        let patchable = self.is_patchable(mapping) && matches!(keep, Keep::Different { .. });
        let mut run = Run { address: mapping.start, pages: 0 };
        let mut chunk = mapping.start;
        while chunk < mapping.end {
            let pages = ((mapping.end - chunk) / PAGE_SIZE).min(self.entries.len() as u64);
            self.read_pagemap(chunk, pages as usize)?;
            for index in 0..pages {
                let address = chunk + index * PAGE_SIZE;
                if is_wanted(keep, self.entries[index as usize]) {
                    run = self.copy_page(run, address, keep, patchable)?;
                }
            }
            chunk += pages * PAGE_SIZE;
        }
        if run.pages > 0 && self.is_near(run.end(), mapping.end) {
            run.pages = (mapping.end - run.address) / PAGE_SIZE;
        }
        self.write_run(run)
    }

    /// Whether words of a mapping may be stored instead of pages. A base image is there to be mapped.
    fn is_patchable(&self, mapping: &Mapping<'_>) -> bool {
        self.request.base.is_some() && is_writable(mapping.protection)
    }

    /// Adds a page that is there to the image, as far as it is another one than what a thawed process would have
    /// in its place. Takes and returns the run of pages that is not written yet.
    fn copy_page(&mut self, run: Run, address: u64, keep: Keep, patchable: bool) -> Result<Run, Failure> {
        let reference = match keep {
            Keep::All | Keep::Changed => return self.extend(run, address),
            Keep::NonZero => &ZEROS,
            Keep::Different { offset, start } => {
                if !self.read_base_page(offset + (address - start))? {
                    return self.extend(run, address);
                }
                &*self.page
            }
        };
        // In the midst of pages that will be mapped together, a page is one of them.
        let among_mapped = run.pages >= READ_PAGES && run.end() == address;
        let patches: &mut [_] = if patchable && !among_mapped {
            &mut self.patches[self.header.patches as usize..]
        } else {
            &mut []
        };
        match patches::compare(address, page_at(address), reference, patches) {
            Difference::None => Ok(run),
            Difference::Patches(count) => {
                self.header.patched += patches[..count].iter().map(|[_, bytes]| bytes).sum::<u64>();
                self.header.patches += count as u64;
                Ok(run)
            }
            Difference::Large => self.extend(run, address),
        }
    }

    /// Reads a page of the base image; says whether there is one.
    fn read_base_page(&mut self, offset: u64) -> Result<bool, Failure> {
        let Some(base) = self.request.base else { return Ok(false) };
        // SAFETY: the buffer has room for a page.
        let read = accept(unsafe {
            libc::pread(
                base.file.as_raw_fd(),
                self.page.as_mut_ptr().cast(),
                PAGE_SIZE as usize,
                offset as libc::off_t,
            )
        })?;
        Ok(read == PAGE_SIZE as usize)
    }

    fn read_pagemap(&mut self, address: u64, pages: usize) -> Result<(), Failure> {
        let bytes = pages * size_of::<u64>();
        let offset = (address / PAGE_SIZE * size_of::<u64>() as u64) as libc::off_t;
        // SAFETY: the buffer has room for that many entries.
        let read = unsafe {
            libc::pread(
                self.request.pagemap.as_fd().as_raw_fd(),
                self.entries.as_mut_ptr().cast(),
                bytes,
                offset,
            )
        };
        if read == bytes as isize { Ok(()) } else { Err(Failure::Maps) }
    }
}

static ZEROS: [u64; WORDS] = [0; WORDS];

/// Whether a page can belong into the image; `entry` is its in `/proc/PID/pagemap`.
fn is_wanted(keep: Keep, entry: u64) -> bool {
    match keep {
        Keep::All => true,
        Keep::NonZero => pagemap::is_populated(entry),
        Keep::Changed | Keep::Different { .. } => pagemap::is_own(entry),
    }
}

fn page_at(address: u64) -> &'static [u64] {
    // SAFETY: the callers found this page in a readable mapping of this process, in which nothing
    // changes while it is copied.
    unsafe { std::slice::from_raw_parts(address as *const u64, WORDS) }
}
