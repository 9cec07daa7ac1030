//! The program's code once more, in large pages.
//!
//! A process that was forked or thawed has no code in its page tables: it faults in what it uses, 64 KiB at a
//! time, and takes it all out again when it ends. For a short script that is a good part of the work. With
//! large pages it is a fault for each 2 MiB. Files on disk rarely have any, so the code is copied to memory,
//! once; all processes share the copy.

use std::{fs::File, io, sync::Arc};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};

use crate::{
    FileIdentity, Image, Loader,
    format::{Area, Backing},
    scratch,
};

/// Size of a large page on x86_64, in bytes.
pub(crate) const LARGE_PAGE: u64 = 2 << 20;

/// The part of one of the program's files that a copy shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodePart {
    /// Which file; see [`crate::Program::files`].
    pub file: u32,
    /// Where the part starts in the file, in bytes.
    pub offset: u64,
    /// Its length: some large pages.
    pub bytes: u64,
}

/// A copy of the code that scripts use.
#[derive(Debug)]
pub struct CodeCopy {
    memory: Arc<File>,
    identity: FileIdentity,
    part: CodePart,
}

impl CodePart {
    /// The part that processes thawed from a base image use, as far as its addresses allow for large pages.
    pub fn of_base(image: &Image) -> Option<Self> {
        let executable = |area: &&Area| area.protection & libc::PROT_EXEC as u32 != 0;
        let program = |area: &Area| match area.backing {
            Backing::Program(file) => Some((file, *area)),
            Backing::Anonymous | Backing::Base => None,
        };
        let (file, area) =
            image.areas.iter().filter(executable).filter_map(program).max_by_key(|(_, a)| a.end - a.start)?;
        let used = image.hot.iter().filter(|run| area.start <= run.address && run.end() <= area.end);
        let first = used.clone().map(|run| run.address).min().unwrap_or(area.start);
        let last = used.map(|run| run.end()).max().unwrap_or(area.end);
        let start = (first / LARGE_PAGE * LARGE_PAGE).max(area.start.next_multiple_of(LARGE_PAGE));
        let end = last.next_multiple_of(LARGE_PAGE).min(area.end / LARGE_PAGE * LARGE_PAGE);
        let bytes = end.checked_sub(start).filter(|&bytes| bytes > 0)?;
        Some(Self { file, offset: area.offset + (start - area.start), bytes })
    }

    /// Where in an area the copy goes: nowhere, if the area does not show this part, or shows it where large
    /// pages do not fit.
    pub(crate) fn place_in(&self, area: &Area) -> Option<(u64, u64)> {
        let read_and_execute = (libc::PROT_READ | libc::PROT_EXEC) as u32;
        if area.backing != Backing::Program(self.file) || area.protection != read_and_execute {
            return None;
        }
        let start = area.start.checked_add(self.offset.checked_sub(area.offset)?)?;
        let end = start.checked_add(self.bytes)?;
        (end <= area.end && start.is_multiple_of(LARGE_PAGE)).then_some((start, end))
    }
}

impl CodeCopy {
    /// Copies what processes thawed from this base image use of the program's code. Takes some tens of
    /// milliseconds, and as much memory as the code.
    ///
    /// # Errors
    /// If this kernel has no large pages for that (before Linux 6.1, or switched off), there is no memory, or
    /// the program is too small.
    pub fn make(loader: &Loader, base: &Image) -> io::Result<Self> {
        let unsupported = |why| io::Error::new(io::ErrorKind::Unsupported, why);
        let part =
            CodePart::of_base(base).ok_or_else(|| unsupported("the code is shorter than a large page"))?;
        let source = loader.program_file(part.file).ok_or(io::ErrorKind::NotFound)?;
        let memory = memfd_create("stasis-code", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&memory, part.bytes)?;
        let memory = File::from(memory);
        scratch::fill_with_large_pages(&memory, source, part.offset, part.bytes as usize)?;
        // What all workers execute is not to be changed by anybody any more.
        fcntl_add_seals(&memory, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        let identity = FileIdentity::of(&memory)?;
        Ok(Self { memory: memory.into(), identity, part })
    }

    /// The memory, to be passed to whoever thaws.
    pub fn memory(&self) -> &Arc<File> {
        &self.memory
    }

    /// How the kernel names the memory in memory maps.
    pub fn identity(&self) -> FileIdentity {
        self.identity
    }

    /// What it shows.
    pub fn part(&self) -> CodePart {
        self.part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART: CodePart = CodePart { file: 0, offset: 0x5000, bytes: 2 * LARGE_PAGE };

    #[track_caller]
    fn check(area: Area, expect: Option<u64>) {
        let place = PART.place_in(&area);
        assert_eq!(place.map(|(start, _)| start), expect, "{area:?}");
        assert!(place.is_none_or(|(start, end)| end - start == PART.bytes));
    }

    #[test]
    fn a_copy_goes_where_the_same_bytes_are_and_large_pages_fit() {
        let start = 64 * LARGE_PAGE;
        let area = Area {
            start: start - 0x4000,
            end: start + 3 * LARGE_PAGE,
            protection: 5,
            backing: Backing::Program(0),
            offset: 0x1000,
        };
        check(area, Some(start));
        check(Area { end: start + 2 * LARGE_PAGE, ..area }, Some(start));
        check(Area { end: start + 2 * LARGE_PAGE - 0x1000, ..area }, None);
        check(Area { start: start - 0x3000, ..area }, None);
        check(Area { start: start + 0x1000, offset: 0x6000, ..area }, None);
        check(Area { protection: 1, ..area }, None);
        check(Area { protection: 7, ..area }, None);
        check(Area { backing: Backing::Program(1), ..area }, None);
        check(Area { backing: Backing::Base, ..area }, None);
        check(Area { backing: Backing::Anonymous, ..area }, None);
    }
}
