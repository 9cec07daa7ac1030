//! The program's code and constants once more, in large pages.
//!
//! A process that was forked or thawed has no code in its page tables: it faults in what it uses, 64 KiB at a
//! time, and takes it all out again when it ends. For a short script that is a good part of the work. With
//! large pages it is a fault for each 2 MiB. Files on disk rarely have any, so the code is copied to memory,
//! once; all processes share the copy.

use std::{fs::File, io, sync::Arc};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};

use crate::{
    FileIdentity, Image, LARGE_PAGE, Loader, PAGE_SIZE,
    format::{Area, Backing, Run},
    scratch,
};

/// Large pages of which scripts use fewer small pages than this, at either end of what they use, are not copied:
/// they would take more than they save.
const MIN_USED: u64 = 4;

/// A part of one of the program's files, and where a copy has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodePart {
    /// Which file; see [`crate::Program::files`].
    pub file: u32,
    /// Where the part starts in the file, in bytes.
    pub offset: u64,
    /// Its length: some large pages.
    pub bytes: u64,
    /// Where it starts in the copy.
    pub place: u64,
}

/// A copy of the code and the constants that scripts use.
#[derive(Debug)]
pub struct CodeCopy {
    memory: Arc<File>,
    identity: FileIdentity,
    parts: Vec<CodePart>,
}

/// Whether an area shows what nobody can change.
fn is_constant(area: &Area) -> bool {
    area.protection & libc::PROT_WRITE as u32 == 0
}

impl CodePart {
    /// The parts that processes thawed from a base image use, as far as its addresses allow for large pages.
    pub fn of_base(image: &Image) -> Vec<Self> {
        let mut place = 0;
        let mut parts = Vec::new();
        for area in image.areas.iter().filter(|area| is_constant(area)) {
            // Where the image has pages of its own, as in what the linker relocates, nobody would see the copy.
            let stored = |start, end| image.runs.iter().any(|run| run.address < end && start < run.end());
            if let Backing::Program(file) = area.backing
                && let Some((start, end)) = used_large_pages(area, &image.hot)
                && !stored(start, end)
            {
                let bytes = end - start;
                parts.push(Self { file, offset: area.offset + (start - area.start), bytes, place });
                place += bytes;
            }
        }
        parts
    }

    /// Where in an area the copy goes: nowhere, if the area does not show this part, or shows it where large
    /// pages do not fit.
    pub(crate) fn place_in(&self, area: &Area) -> Option<(u64, u64)> {
        if area.backing != Backing::Program(self.file) || !is_constant(area) {
            return None;
        }
        let start = area.start.checked_add(self.offset.checked_sub(area.offset)?)?;
        let end = start.checked_add(self.bytes)?;
        (end <= area.end && start.is_multiple_of(LARGE_PAGE)).then_some((start, end))
    }

    /// What the file has at an offset of the copy, if this part does.
    pub(crate) fn offset_of(&self, place: u64) -> Option<u64> {
        let within = place.checked_sub(self.place).filter(|&within| within < self.bytes)?;
        self.offset.checked_add(within)
    }
}

/// The addresses from the first to the last large page of an area that is worth it. If nobody has learned what
/// scripts use, that is all the code.
fn used_large_pages(area: &Area, hot: &[Run]) -> Option<(u64, u64)> {
    let used = |start: u64| -> u64 {
        let pages = hot.iter().map(|run| {
            let (first, last) = (run.address.max(start), run.end().min(start + LARGE_PAGE));
            last.saturating_sub(first) / PAGE_SIZE
        });
        pages.sum()
    };
    let executable = area.protection & libc::PROT_EXEC as u32 != 0;
    let is_worth_it = |start| match hot.is_empty() {
        true => executable,
        false => used(start) >= MIN_USED,
    };
    let whole = (area.start.next_multiple_of(LARGE_PAGE)..area.end / LARGE_PAGE * LARGE_PAGE)
        .step_by(LARGE_PAGE as usize);
    let mut worth = whole.filter(|&start| is_worth_it(start));
    let first = worth.next()?;
    Some((first, worth.last().unwrap_or(first) + LARGE_PAGE))
}

impl CodeCopy {
    /// Copies what processes thawed from this base image use of the program's code and constants. Takes some tens
    /// of milliseconds, and as much memory as what is copied.
    ///
    /// # Errors
    /// If this kernel has no large pages for that (before Linux 6.1, or switched off), there is no memory, or
    /// the program is too small.
    pub fn make(loader: &Loader, base: &Image) -> io::Result<Self> {
        let parts = CodePart::of_base(base);
        let bytes = parts.iter().map(|part| part.bytes).sum();
        if bytes == 0 {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "no large page of the program is used much",
            ));
        }
        let memory = memfd_create("stasis-code", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&memory, bytes)?;
        let memory = File::from(memory);
        let sources = parts
            .iter()
            .map(|part| Some((loader.program_file(part.file)?, part.offset, part.bytes as usize)))
            .collect::<Option<Vec<_>>>()
            .ok_or(io::ErrorKind::NotFound)?;
        scratch::fill_with_large_pages(&memory, &sources)?;
        // What all workers execute is not to be changed by anybody any more.
        fcntl_add_seals(&memory, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        let identity = FileIdentity::of(&memory)?;
        Ok(Self { memory: memory.into(), identity, parts })
    }

    /// The memory, to be passed to whoever thaws.
    pub fn memory(&self) -> &Arc<File> {
        &self.memory
    }

    /// How the kernel names the memory in memory maps.
    pub fn identity(&self) -> FileIdentity {
        self.identity
    }

    /// What it shows, ascending.
    pub fn parts(&self) -> &[CodePart] {
        &self.parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART: CodePart = CodePart { file: 0, offset: 0x5000, bytes: 2 * LARGE_PAGE, place: 0 };

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
        check(Area { protection: 1, ..area }, Some(start));
        check(Area { protection: 3, ..area }, None);
        check(Area { protection: 7, ..area }, None);
        check(Area { backing: Backing::Program(1), ..area }, None);
        check(Area { backing: Backing::Base, ..area }, None);
        check(Area { backing: Backing::Anonymous, ..area }, None);
    }

    #[test]
    fn what_is_used_much_is_worth_large_pages() {
        let start = 64 * LARGE_PAGE;
        let area = |protection| Area {
            start: start - 0x3000,
            end: start + 5 * LARGE_PAGE + 0x1000,
            protection,
            backing: Backing::Program(0),
            offset: 0x1000,
        };
        let run = |large: u64, pages| Run { address: start + large * LARGE_PAGE, pages };
        let check = |protection, hot: &[Run], expect: Option<(u64, u64)>| {
            let expect = expect.map(|(first, end)| (start + first * LARGE_PAGE, start + end * LARGE_PAGE));
            assert_eq!(used_large_pages(&area(protection), hot), expect, "{hot:?}");
        };
        let [constants, code] = [1, 5];
        check(code, &[], Some((0, 5)));
        check(constants, &[], None);
        for protection in [constants, code] {
            check(protection, &[run(1, MIN_USED)], Some((1, 2)));
            check(protection, &[run(1, MIN_USED - 1)], None);
            check(
                protection,
                &[run(0, 1), run(1, MIN_USED), run(2, 1), run(3, MIN_USED), run(4, 1)],
                Some((1, 4)),
            );
            // Half of them in each of two.
            let between = Run { address: start + LARGE_PAGE - MIN_USED * PAGE_SIZE, pages: 2 * MIN_USED };
            check(protection, &[between], Some((0, 2)));
            // At either end a part that is no large page.
            check(protection, &[Run { address: start - 0x3000, pages: 3 }, run(5, 1)], None);
        }
    }

    #[test]
    fn the_copy_tells_what_of_the_file_it_has_where() {
        let part = CodePart { place: 0x1000, ..PART };
        let check = |place, expect| assert_eq!(part.offset_of(place), expect, "{place:x}");
        check(0xfff, None);
        check(0x1000, Some(0x5000));
        check(2 * LARGE_PAGE + 0xfff, Some(2 * LARGE_PAGE + 0x4fff));
        check(2 * LARGE_PAGE + 0x1000, None);
    }
}
